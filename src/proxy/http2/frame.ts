/** RFC 9113 §6. */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const Flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** RFC 9113 §7. */
export const ErrorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  connect: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** RFC 9113 §6.5.2; the last is of RFC 8441 §3. */
export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** What a client sends before its first frame (RFC 9113 §3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frameHeadBytes = 9;
/** What everyone takes (§4.2). */
export const leastMaxFrameBytes = 16_384;
export const mostWindow = 2 ** 31 - 1;

/** One frame with its 9 octets of head. `payload` is copied. */
export function frame(
  type: FrameType,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes + payload.length);
  writeFrameHead(bytes, 0, payload.length, type, flags, stream);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}

/** Writes the head of a frame at `at`, and returns where its payload begins. */
export function writeFrameHead(
  target: Uint8Array,
  at: number,
  length: number,
  type: FrameType,
  flags: number,
  stream: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  writeUint32(target, at + 5, stream);
  return at + frameHeadBytes;
}

export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export const readUint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

const uint32 = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  values.forEach((value, index) => writeUint32(bytes, 4 * index, value));
  return bytes;
};

export const settingsFrame = (
  settings: readonly (readonly [identifier: number, value: number])[],
): Uint8Array => {
  const payload = new Uint8Array(6 * settings.length);
  settings.forEach(([identifier, value], index) => {
    payload[6 * index] = identifier >>> 8;
    payload[6 * index + 1] = identifier;
    writeUint32(payload, 6 * index + 2, value);
  });
  return frame(FrameType.settings, 0, 0, payload);
};
export const settingsAck = (): Uint8Array => frame(FrameType.settings, Flag.ack, 0);
export const pingFrame = (opaque: Uint8Array): Uint8Array => frame(FrameType.ping, 0, 0, opaque);
export const pingAck = (opaque: Uint8Array): Uint8Array => frame(FrameType.ping, Flag.ack, 0, opaque);
export const resetFrame = (stream: number, code: ErrorCode): Uint8Array =>
  frame(FrameType.resetStream, 0, stream, uint32(code));
export const goAwayFrame = (lastStream: number, code: ErrorCode): Uint8Array =>
  frame(FrameType.goAway, 0, 0, uint32(lastStream, code));
export const windowUpdateFrame = (stream: number, increment: number): Uint8Array =>
  frame(FrameType.windowUpdate, 0, stream, uint32(increment));

/** A header block as HEADERS and as many CONTINUATION as it takes (§4.3). */
export function headersFrames(
  stream: number,
  block: Uint8Array,
  endStream: boolean,
  maxFrameBytes: number = leastMaxFrameBytes,
): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from === 0 || from < block.length; from += maxFrameBytes) {
    const part = block.subarray(from, from + maxFrameBytes);
    const flags =
      (from + maxFrameBytes >= block.length ? Flag.endHeaders : 0) |
      (from === 0 && endStream ? Flag.endStream : 0);
    frames.push(frame(from === 0 ? FrameType.headers : FrameType.continuation, flags, stream, part));
  }
  return frames;
}
