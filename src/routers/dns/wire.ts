// DNS messages as bytes (RFC 1035 §4), as far as a client of authoritative servers needs them. Pure.

/** A resource record; what its data means is for its type to say. */
export interface WireRecord {
  /** In lower case, without the dot at its end; what is no plain character as `\ddd`. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Uint8Array;
  /** Where it begins in the message that it was read from, and where its data does: names within may point elsewhere. */
  readonly start?: number;
  readonly at?: number;
}

export interface WireMessage {
  readonly id: number;
  /** The 16 bits after the id, as they are: see `flagsOf`. */
  readonly flags: number;
  readonly questions: readonly { readonly name: string; readonly type: number; readonly class: number }[];
  /** Of an update: the prerequisites (RFC 2136 §2). */
  readonly answers: readonly WireRecord[];
  /** Of an update: what is to change. */
  readonly authorities: readonly WireRecord[];
  readonly additionals: readonly WireRecord[];
}

/** What is wrong with bytes that are no message. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, TSIG: 250 } as const;
export const classes = { IN: 1, NONE: 254, ANY: 255 } as const;
export const opcodes = { QUERY: 0, UPDATE: 5 } as const;

export const flagsOf = ({ flags }: Pick<WireMessage, 'flags'>) => ({
  response: (flags & 0x8000) !== 0,
  opcode: (flags >> 11) & 15,
  authoritative: (flags & 0x0400) !== 0,
  truncated: (flags & 0x0200) !== 0,
  rcode: flags & 15,
});

const longestName = 255;
const longestLabel = 63;

/** A name as bytes, never compressed. @throws WireError */
export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(
      label.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code))),
      'latin1',
    );
    if (bytes.length === 0 || bytes.length > longestLabel)
      throw new WireError(
        `name ${name}: expected labels of 1 to ${longestLabel} bytes, found ${bytes.length}`,
      );
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const whole = Buffer.concat([...parts, Buffer.of(0)]);
  if (whole.length > longestName)
    throw new WireError(`name ${name}: expected at most ${longestName} bytes, found ${whole.length}`);
  return whole;
}

/** The name at `offset` of a message, and where what follows it begins. Pointers lead backwards only, so none goes round. @throws WireError */
export function decodeName(message: Uint8Array, offset: number): { name: string; end: number } {
  const labels: string[] = [];
  let [at, end, limit, bytes] = [offset, -1, offset, 1];
  for (;;) {
    const length = message[at];
    if (length === undefined) throw new WireError(`a name ends beyond the message, at ${at}`);
    if (length === 0) return { name: labels.join('.'), end: end === -1 ? at + 1 : end };
    if ((length & 0xc0) === 0xc0) {
      const low = message[at + 1];
      const target = ((length & 0x3f) << 8) | (low ?? 0);
      if (low === undefined || target >= limit) throw new WireError(`a name points forwards, at ${at}`);
      if (end === -1) end = at + 2;
      at = limit = target;
      continue;
    }
    bytes += length + 1;
    if (length > longestLabel || bytes > longestName || at + 1 + length > message.length)
      throw new WireError(`a label is too long, at ${at}`);
    labels.push(labelText(message.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
}

const labelText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte).toLowerCase();
    return /^[a-z0-9_*-]$/.test(char) ? char : `\\${String(byte).padStart(3, '0')}`;
  }).join('');

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

export function encodeRecord({ name, type, class: of, ttl, data }: WireRecord): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(of, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), fixed, data]);
}

/** @throws WireError if it does not fit into 65,535 bytes, which a message over TCP may have */
export function encodeMessage(message: WireMessage): Buffer {
  const { id, flags, questions, answers, authorities, additionals } = message;
  const whole = Buffer.concat([
    ...[id, flags, questions.length, answers.length, authorities.length, additionals.length].map(u16),
    ...questions.map(({ name, type, class: of }) => Buffer.concat([encodeName(name), u16(type), u16(of)])),
    ...[...answers, ...authorities, ...additionals].map(encodeRecord),
  ]);
  if (whole.length > 65_535)
    throw new WireError(`expected a message of at most 65535 bytes, found ${whole.length}`);
  return whole;
}

/** @throws WireError for what is no whole message, or more than one */
export function decodeMessage(bytes: Uint8Array): WireMessage {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 12) throw new WireError(`expected at least 12 bytes, found ${view.length}`);
  const count = (index: number): number => view.readUInt16BE(4 + 2 * index);
  let at = 12;
  const fits = (length: number): void => {
    if (at + length > view.length) throw new WireError(`a record ends beyond the message, at ${at}`);
  };
  const name = (): string => {
    const { name: found, end } = decodeName(view, at);
    at = end;
    return found;
  };
  const record = (): WireRecord => {
    const start = at;
    const owner = name();
    fits(10);
    const [type, of] = [view.readUInt16BE(at), view.readUInt16BE(at + 2)];
    const [ttl, length] = [view.readUInt32BE(at + 4), view.readUInt16BE(at + 8)];
    at += 10;
    fits(length);
    const data = view.subarray(at, at + length);
    at += length;
    return { name: owner, type, class: of, ttl, data, start, at: at - length };
  };
  const many = <T>(of: number, one: () => T): T[] => Array.from({ length: of }, one);
  const questions = many(count(0), () => {
    const owner = name();
    fits(4);
    at += 4;
    return { name: owner, type: view.readUInt16BE(at - 4), class: view.readUInt16BE(at - 2) };
  });
  const [answers, authorities, additionals] = [1, 2, 3].map((section) => many(count(section), record));
  if (at !== view.length) throw new WireError(`expected one message, found ${view.length - at} bytes more`);
  return {
    id: view.readUInt16BE(0),
    flags: view.readUInt16BE(2),
    questions,
    answers: answers ?? [],
    authorities: authorities ?? [],
    additionals: additionals ?? [],
  };
}

const rcodes = [
  ...['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'],
  ...['YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'],
];
/** The name of a response code (RFC 1035 §4.1.1, RFC 2136 §2.2). */
export const rcodeName = (rcode: number): string => rcodes[rcode] ?? `RCODE ${rcode}`;
