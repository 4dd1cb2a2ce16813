// What workers hand to the process that mirrors: frames on a unix socket, of two kinds. Numbers are big-endian.
//
//   length u32 (of what follows) · kind u8 · subject length u16 · subject
//   copy:   users' time f64 (µs) · greeting length u16 · head length u32 · request length u32 · response length u32 · greeting · request · response
//   counts: number of counts u16 · (reason u8 · count u32) …

export const FrameKind = { copy: 1, counts: 2 } as const;

/** Reasons by their number on the wire; 255 stands for `chosen`. */
export const wireReasons = [
  'method',
  'upgrade',
  'grpc',
  'request-too-long',
  'response-too-long',
  'live-failed',
  'mirror-away',
  'pipe-full',
] as const;
export type WireReason = (typeof wireReasons)[number];
const chosenNumber = 255;

/** Longer than any frame that a worker may make: whoever sends one is no worker of ours. */
export const longestFrame = 32 * 1024 * 1024;
const fixedCopyBytes = 8 + 2 + 4 + 4 + 4;

/** A request as it went to an instance, with what it answered. */
export interface CopyFrame {
  readonly kind: 'copy';
  readonly subject: string;
  readonly usersUs: number;
  /** The PROXY header that its connection began with; empty: none. */
  readonly greeting: Uint8Array;
  readonly request: Uint8Array;
  readonly headLength: number;
  readonly response: Uint8Array;
}
export interface CountsFrame {
  readonly kind: 'counts';
  readonly subject: string;
  readonly chosen: number;
  readonly skipped: readonly (readonly [WireReason, number])[];
}

/** Parts of a message that lie in several pieces. */
export interface Pieces {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

export const copyFrameLength = (
  subject: Uint8Array,
  greeting: Uint8Array | null,
  request: Pieces,
  response: Pieces,
): number =>
  4 + 1 + 2 + subject.length + fixedCopyBytes + (greeting?.length ?? 0) + request.length + response.length;

/** Writes a copy into `target` at `at`, where there is room for `copyFrameLength`; returns where it ends. */
export function writeCopyFrame(
  target: Buffer,
  at: number,
  subject: Uint8Array,
  usersUs: number,
  headLength: number,
  greeting: Uint8Array | null,
  request: Pieces,
  response: Pieces,
): number {
  const length = copyFrameLength(subject, greeting, request, response);
  at = writeStart(target, at, length, FrameKind.copy, subject);
  at = target.writeDoubleBE(usersUs, at);
  at = target.writeUInt16BE(greeting?.length ?? 0, at);
  at = target.writeUInt32BE(headLength, at);
  at = target.writeUInt32BE(request.length, at);
  at = target.writeUInt32BE(response.length, at);
  if (greeting !== null) {
    target.set(greeting, at);
    at += greeting.length;
  }
  for (const { pieces } of [request, response])
    for (const piece of pieces) {
      target.set(piece, at);
      at += piece.length;
    }
  return at;
}

function writeStart(target: Buffer, at: number, length: number, kind: number, subject: Uint8Array): number {
  at = target.writeUInt32BE(length - 4, at);
  at = target.writeUInt8(kind, at);
  at = target.writeUInt16BE(subject.length, at);
  target.set(subject, at);
  return at + subject.length;
}

export function countsFrame(
  subject: Uint8Array,
  chosen: number,
  skipped: ReadonlyMap<WireReason, number>,
): Buffer {
  const frame = Buffer.alloc(4 + 1 + 2 + subject.length + 2 + 5 * (skipped.size + 1));
  let at = writeStart(frame, 0, frame.length, FrameKind.counts, subject);
  at = frame.writeUInt16BE(skipped.size + 1, at);
  at = frame.writeUInt8(chosenNumber, at);
  at = frame.writeUInt32BE(chosen, at);
  for (const [reason, count] of skipped) {
    at = frame.writeUInt8(wireReasons.indexOf(reason), at);
    at = frame.writeUInt32BE(count, at);
  }
  return frame;
}

/** The bytes are no frames of ours: whoever sends them is not listened to any more. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

/** Finds the frames in bytes that come in pieces of any length. */
export class FrameReader {
  /** The beginning of a frame that is not whole. */
  #rest: Buffer | null = null;

  constructor(private readonly onFrame: (frame: CopyFrame | CountsFrame) => void) {}

  /** @throws BadFrame */
  feed(chunk: Uint8Array): void {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, bytes]);
      this.#rest = null;
    }
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      if (length < 3 || length > longestFrame) throw new BadFrame(`a frame of ${length} bytes`);
      if (bytes.length - at - 4 < length) break;
      this.onFrame(parse(bytes, at + 4, at + 4 + length));
      at += 4 + length;
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }
}

function parse(bytes: Buffer, at: number, end: number): CopyFrame | CountsFrame {
  const take = (length: number): number => {
    const from = at;
    at += length;
    if (at > end) throw new BadFrame('a frame that is shorter than what is in it');
    return from;
  };
  const kind = bytes[take(1)];
  const subjectLength = bytes.readUInt16BE(take(2));
  const subjectFrom = take(subjectLength);
  const subject = bytes.toString('utf8', subjectFrom, at);
  if (kind === FrameKind.counts) {
    const count = bytes.readUInt16BE(take(2));
    let chosen = 0;
    const skipped: [WireReason, number][] = [];
    for (let n = 0; n < count; n++) {
      const number = bytes[take(1)] ?? 0;
      const value = bytes.readUInt32BE(take(4));
      const reason = wireReasons[number];
      if (number === chosenNumber) chosen += value;
      else if (reason !== undefined) skipped.push([reason, value]);
      else throw new BadFrame(`a reason with the number ${number}`);
    }
    return { kind: 'counts', subject, chosen, skipped };
  }
  if (kind !== FrameKind.copy) throw new BadFrame(`a frame of the kind ${kind}`);
  const usersUs = bytes.readDoubleBE(take(8));
  const greetingLength = bytes.readUInt16BE(take(2));
  const headLength = bytes.readUInt32BE(take(4));
  const requestLength = bytes.readUInt32BE(take(4));
  const responseLength = bytes.readUInt32BE(take(4));
  const part = (length: number): Uint8Array => {
    const from = take(length);
    return bytes.subarray(from, at);
  };
  const greeting = part(greetingLength);
  const request = part(requestLength);
  const response = part(responseLength);
  if (headLength > requestLength) throw new BadFrame('a head that is longer than its request');
  return { kind: 'copy', subject, usersUs, greeting, request, headLength, response };
}
