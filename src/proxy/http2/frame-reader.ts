import {
  ErrorCode,
  Flag,
  frameHeadBytes,
  FrameType,
  leastMaxFrameBytes,
  mostWindow,
  readUint32,
  Setting,
} from './frame.ts';

/** What a client did wrong: with `stream` 0 the connection is closed with GOAWAY, else that stream with RST_STREAM (RFC 9113 §5.4). */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  constructor(
    readonly code: ErrorCode,
    readonly stream: number,
    why: string,
  ) {
    super(why);
  }
}

/** What a frame of a client says, once it is known to be well formed by itself. What depends on the state of a stream is for the hearer to judge. */
export interface FrameHearer {
  /** `bytes[from, to)` is the content; `flow` is what counts for flow control, padding included (§6.1). */
  onData(stream: number, bytes: Uint8Array, from: number, to: number, flow: number, ends: boolean): void;
  /** A whole header block, whatever number of frames it came in. */
  onHeaders(stream: number, block: Uint8Array, ends: boolean): void;
  onPriority(stream: number): void;
  onReset(stream: number, code: number): void;
  onSettings(settings: readonly (readonly [identifier: number, value: number])[]): void;
  onSettingsAck(): void;
  onPing(opaque: Uint8Array): void;
  onPingAck?(): void;
  onGoAway(lastStream: number, code: number): void;
  onWindowUpdate(stream: number, increment: number): void;
  /** A frame of a kind that is not known: it says nothing, but reading it costs. */
  onUnknown?(): void;
  /** A frame that is wrong but does not end the connection. */
  onStreamError(error: FrameError): void;
}

export interface FrameLimits {
  /** What we said in SETTINGS_MAX_FRAME_SIZE. */
  readonly frameBytes: number;
  /** Of one header block, in as many frames as it comes: more is a flood. */
  readonly blockBytes: number;
  /** CONTINUATION frames of one header block: empty ones cost, too (CVE-2024-27316). */
  readonly continuations: number;
}
export const frameLimits: FrameLimits = {
  frameBytes: leastMaxFrameBytes,
  blockBytes: 65_536,
  continuations: 16,
};

/**
 * Cuts what a client sends into frames (RFC 9113 §4) and checks all that can be checked without knowing a stream: lengths, padding, which frames belong
 * to a stream, values of settings, header blocks in one piece. It keeps at most one frame and one header block.
 */
export class FrameReader {
  private kept: Uint8Array | null = null;
  private block: Uint8Array[] | null = null;
  private blockStream = 0;
  private blockBytes = 0;
  private blockEnds = false;
  private continuations = 0;

  constructor(
    private readonly hearer: FrameHearer,
    private readonly limits: FrameLimits = frameLimits,
  ) {}

  /** A header block has begun and is not whole. */
  get withinBlock(): boolean {
    return this.block !== null;
  }

  /** Reads on; the hearer is told of each whole frame in order. Throws `FrameError` for what ends the connection; then nothing may be read any more. */
  feed(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.kept !== null) {
      bytes = new Uint8Array(this.kept.length + chunk.length);
      bytes.set(this.kept);
      bytes.set(chunk, this.kept.length);
      this.kept = null;
    }
    let at = 0;
    while (bytes.length - at >= frameHeadBytes) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      const stream = readUint32(bytes, at + 5) & 0x7fffffff;
      if (length > this.limits.frameBytes)
        throw new FrameError(ErrorCode.frameSize, 0, `a frame of ${length} bytes`);
      const from = at + frameHeadBytes;
      const to = from + length;
      if (to > bytes.length) break;
      this.read(bytes[at + 3]!, bytes[at + 4]!, stream, bytes, from, to);
      at = to;
    }
    if (at < bytes.length) this.kept = bytes.subarray(at);
  }

  private read(
    type: number,
    flags: number,
    stream: number,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): void {
    const { hearer } = this;
    const length = to - from;
    if (this.block !== null && (type !== FrameType.continuation || stream !== this.blockStream))
      throw protocol('another frame within a header block');
    switch (type) {
      case FrameType.data: {
        ofStream(stream, 'DATA');
        const [start, end] = unpadded(flags, bytes, from, to);
        hearer.onData(stream, bytes, start, end, length, (flags & Flag.endStream) !== 0);
        return;
      }
      case FrameType.headers: {
        ofStream(stream, 'HEADERS');
        let [start, end] = unpadded(flags, bytes, from, to);
        if (flags & Flag.priority) {
          if (end - start < 5)
            throw new FrameError(ErrorCode.frameSize, 0, 'HEADERS without room for a priority');
          if ((readUint32(bytes, start) & 0x7fffffff) === stream)
            // The block has still to be read, for the table's sake: this is an error of the connection (§5.4.1 allows it).
            throw protocol('a stream that depends on itself');
          start += 5;
        }
        this.block = [];
        this.blockStream = stream;
        this.blockBytes = this.continuations = 0;
        this.blockEnds = (flags & Flag.endStream) !== 0;
        this.addBlock(bytes.subarray(start, end), flags);
        return;
      }
      case FrameType.priority:
        ofStream(stream, 'PRIORITY');
        if (length !== 5)
          hearer.onStreamError(new FrameError(ErrorCode.frameSize, stream, `PRIORITY of ${length} bytes`));
        else if ((readUint32(bytes, from) & 0x7fffffff) === stream)
          hearer.onStreamError(new FrameError(ErrorCode.protocol, stream, 'a stream that depends on itself'));
        else hearer.onPriority(stream);
        return;
      case FrameType.resetStream:
        ofStream(stream, 'RST_STREAM');
        ofLength(length, 4, 'RST_STREAM');
        hearer.onReset(stream, readUint32(bytes, from));
        return;
      case FrameType.settings:
        ofConnection(stream, 'SETTINGS');
        if (flags & Flag.ack) {
          ofLength(length, 0, 'an acknowledgement of SETTINGS');
          hearer.onSettingsAck();
        } else hearer.onSettings(settingsOf(bytes, from, to));
        return;
      case FrameType.pushPromise:
        throw protocol('PUSH_PROMISE of a client');
      case FrameType.ping:
        ofConnection(stream, 'PING');
        ofLength(length, 8, 'PING');
        if (flags & Flag.ack) hearer.onPingAck?.();
        else hearer.onPing(bytes.subarray(from, to));
        return;
      case FrameType.goAway:
        ofConnection(stream, 'GOAWAY');
        if (length < 8) throw new FrameError(ErrorCode.frameSize, 0, `GOAWAY of ${length} bytes`);
        hearer.onGoAway(readUint32(bytes, from) & 0x7fffffff, readUint32(bytes, from + 4));
        return;
      case FrameType.windowUpdate: {
        ofLength(length, 4, 'WINDOW_UPDATE');
        const increment = readUint32(bytes, from) & 0x7fffffff;
        if (increment > 0) hearer.onWindowUpdate(stream, increment);
        else if (stream === 0) throw protocol('WINDOW_UPDATE of nothing');
        else hearer.onStreamError(new FrameError(ErrorCode.protocol, stream, 'WINDOW_UPDATE of nothing'));
        return;
      }
      case FrameType.continuation:
        if (this.block === null) throw protocol('CONTINUATION without a header block');
        if (++this.continuations > this.limits.continuations)
          throw new FrameError(ErrorCode.enhanceYourCalm, 0, 'a header block in too many frames');
        this.addBlock(bytes.subarray(from, to), flags);
        return;
      default:
        // Of a kind that is not known: ignored (§4.1).
        hearer.onUnknown?.();
    }
  }

  private addBlock(part: Uint8Array, flags: number): void {
    this.blockBytes += part.length;
    if (this.blockBytes > this.limits.blockBytes)
      throw new FrameError(ErrorCode.enhanceYourCalm, 0, 'a header block that is too large');
    this.block!.push(part);
    if (!(flags & Flag.endHeaders)) return;
    const parts = this.block!;
    this.block = null;
    const whole = parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts));
    this.hearer.onHeaders(this.blockStream, whole, this.blockEnds);
  }
}

const protocol = (why: string): FrameError => new FrameError(ErrorCode.protocol, 0, why);

function ofStream(stream: number, what: string): void {
  if (stream === 0) throw protocol(`${what} of no stream`);
}
function ofConnection(stream: number, what: string): void {
  if (stream !== 0) throw protocol(`${what} of a stream`);
}
function ofLength(length: number, expected: number, what: string): void {
  if (length !== expected) throw new FrameError(ErrorCode.frameSize, 0, `${what} of ${length} bytes`);
}

function unpadded(flags: number, bytes: Uint8Array, from: number, to: number): [number, number] {
  if (!(flags & Flag.padded)) return [from, to];
  // Padding as long as what is left, or longer, leaves no room for its own length (§6.1).
  if (from === to) throw new FrameError(ErrorCode.frameSize, 0, 'padding without its length');
  const padding = bytes[from]!;
  if (padding >= to - from) throw protocol('padding beyond the end of a frame');
  return [from + 1, to - padding];
}

function settingsOf(bytes: Uint8Array, from: number, to: number): [number, number][] {
  if ((to - from) % 6 !== 0) throw new FrameError(ErrorCode.frameSize, 0, `SETTINGS of ${to - from} bytes`);
  const settings: [number, number][] = [];
  for (let at = from; at < to; at += 6) {
    const identifier = (bytes[at]! << 8) | bytes[at + 1]!;
    const value = readUint32(bytes, at + 2);
    if (identifier === Setting.enablePush && value > 1) throw protocol(`ENABLE_PUSH of ${value}`);
    if (identifier === Setting.initialWindowSize && value > mostWindow)
      throw new FrameError(ErrorCode.flowControl, 0, `INITIAL_WINDOW_SIZE of ${value}`);
    if (identifier === Setting.maxFrameSize && (value < leastMaxFrameBytes || value > 0xffffff))
      throw protocol(`MAX_FRAME_SIZE of ${value}`);
    settings.push([identifier, value]);
  }
  return settings;
}
