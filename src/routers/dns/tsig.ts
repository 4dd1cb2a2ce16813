import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  classes,
  decodeMessage,
  decodeName,
  encodeName,
  encodeRecord,
  types,
  WireError,
  type WireRecord,
} from './wire.ts';

// Signatures of transactions (TSIG, RFC 8945). Pure: time is an argument.

/** Algorithms of RFC 8945 §6 that are in use, and Node's names of their hashes. */
export const algorithms = {
  'hmac-sha1': 'sha1',
  'hmac-sha224': 'sha224',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
} as const;
export type Algorithm = keyof typeof algorithms;

/** What both ends share. The secret is in no message and no log. */
export interface TsigKey {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly secret: Uint8Array;
}

/** How far apart the clocks of both ends may be, in seconds (RFC 8945 §10). */
const fudge = 300;

const problems: Readonly<Record<number, string>> = {
  16: 'BADSIG: it has another secret under this name',
  17: 'BADKEY: it has no key of this name, or not with this algorithm',
  18: 'BADTIME: its clock is more than five minutes away from ours',
  22: 'BADTRUNC: it wants a longer signature',
};

/** A signature as it stands at the end of a message. */
interface Signature {
  readonly algorithm: string;
  readonly time: number;
  readonly fudge: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  readonly error: number;
  readonly other: Uint8Array;
}

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const u48 = (value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
};

/** RFC 8945 §4.3: what is signed beside the message. */
const variables = (key: TsigKey, { time, fudge: within, error, other }: Signature): Buffer =>
  Buffer.concat([
    encodeName(key.name),
    u16(classes.ANY),
    Buffer.alloc(4),
    encodeName(key.algorithm),
    u48(time),
    u16(within),
    u16(error),
    u16(other.length),
    other,
  ]);

const macOf = (key: TsigKey, parts: readonly Uint8Array[]): Buffer => {
  const hmac = createHmac(algorithms[key.algorithm], key.secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
};

/** A message with the count of its additional records changed by `by`. */
function counted(message: Uint8Array, by: number, id?: number): Buffer {
  const bytes = Buffer.from(message);
  bytes.writeUInt16BE(bytes.readUInt16BE(10) + by, 10);
  if (id !== undefined) bytes.writeUInt16BE(id, 0);
  return bytes;
}

/**
 * The message with a signature at its end, and that signature, which the answer is bound to.
 *
 * @param nowSeconds since 1970
 */
export function sign(
  message: Uint8Array,
  key: TsigKey,
  nowSeconds: number,
): { signed: Buffer; mac: Uint8Array } {
  const id = Buffer.from(message.subarray(0, 2)).readUInt16BE(0);
  const unsigned = { time: nowSeconds, fudge, originalId: id, error: 0, other: Buffer.alloc(0) };
  const mac = macOf(key, [
    message,
    variables(key, { ...unsigned, algorithm: key.algorithm, mac: Buffer.alloc(0) }),
  ]);
  const data = Buffer.concat([
    encodeName(key.algorithm),
    u48(nowSeconds),
    u16(fudge),
    u16(mac.length),
    mac,
    u16(id),
    u16(0),
    u16(0),
  ]);
  const record: WireRecord = { name: key.name, type: types.TSIG, class: classes.ANY, ttl: 0, data };
  return { signed: Buffer.concat([counted(message, 1), encodeRecord(record)]), mac };
}

/**
 * Why the message is not what the holder of the key has sent; null if it is.
 *
 * @param requestMac the signature of the request that it answers; null: it is a request itself
 */
export function unverified(
  message: Uint8Array,
  key: TsigKey,
  requestMac: Uint8Array | null,
  nowSeconds: number,
): string | null {
  const record = decodeMessage(message).additionals.at(-1);
  if (record?.type !== types.TSIG || record.start === undefined) return 'it is not signed';
  const found = signatureOf(message, record);
  const problem = problems[found.error];
  // Of the errors only BADTIME comes signed (RFC 8945 §5.2).
  if (found.error === 16 || found.error === 17 || found.mac.length === 0)
    return problem ?? 'it is not signed';
  if (record.name !== key.name || found.algorithm !== key.algorithm)
    return `it is signed with the key ${record.name} (${found.algorithm})`;
  const mac = macOf(key, [
    ...(requestMac ? [u16(requestMac.length), requestMac] : []),
    counted(message.subarray(0, record.start), -1, found.originalId),
    variables(key, found),
  ]);
  if (found.mac.length !== mac.length || !timingSafeEqual(found.mac, mac))
    return 'its signature is not right';
  if (found.error !== 0) return problem ?? `its signature has the error ${found.error}`;
  if (Math.abs(nowSeconds - found.time) > found.fudge)
    return `it was signed at ${new Date(found.time * 1000).toISOString()}, which is too far from now`;
  return null;
}

function signatureOf(message: Uint8Array, { data, at = 0 }: WireRecord): Signature {
  const { name: algorithm, end } = decodeName(message, at);
  const bytes = Buffer.from(data);
  let next = end - at;
  const take = (length: number): Buffer => {
    if (next + length > bytes.length) throw new WireError('the signature is cut off');
    next += length;
    return bytes.subarray(next - length, next);
  };
  const time = take(6).readUIntBE(0, 6);
  const within = take(2).readUInt16BE();
  const mac = take(take(2).readUInt16BE());
  const originalId = take(2).readUInt16BE();
  const error = take(2).readUInt16BE();
  const other = take(take(2).readUInt16BE());
  return { algorithm, time, fudge: within, mac, originalId, error, other };
}
