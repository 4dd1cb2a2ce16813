import { Flag, FrameType, frameHeadBytes, leastMaxFrameBytes, writeFrameHead } from '../http2/frame.ts';
import { SendWindow } from '../http2/flow-window.ts';
import type { ClientConnection } from './client-connection.ts';

const bufferBytes = 65_536;
/** Buffers that nobody uses just now: a connection has one only while frames wait in it. */
const spare: Uint8Array[] = [];
const mostSpare = 64;

/**
 * The frames that go to one client. What is written in one turn of the event loop goes out as one: a write for each frame would cost more than all
 * else. While the client does not take what was sent (`blocked`) nothing but control frames is added, and those only as far as one buffer holds them.
 */
export class Http2Output {
  /** The client has to read before more is written. */
  blocked = false;
  /** What the client allows on the connection as a whole. */
  readonly window = new SendWindow();
  private buffer: Uint8Array | null = null;
  private at = 0;
  private scheduled = false;
  private readonly later = (): void => {
    this.scheduled = false;
    this.flush();
  };

  constructor(
    private readonly client: ClientConnection,
    /** More control frames wait than anybody needs: the client asks for answers and does not read them. */
    private readonly overflowed: () => void,
  ) {}

  /** A whole frame that flow control does not concern. */
  control(frame: Uint8Array): void {
    if (this.blocked && this.at + frame.length > bufferBytes) this.overflowed();
    else this.append(frame, 0, frame.length);
  }

  /** The frames of a header block. */
  headers(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.append(frame, 0, frame.length);
  }

  /** `bytes[from, to)` as DATA; the caller has seen that both windows have room for it. */
  data(stream: number, bytes: Uint8Array, from: number, to: number, ends: boolean): void {
    this.window.take(to - from);
    do {
      const end = Math.min(to, from + leastMaxFrameBytes);
      const buffer = this.room(frameHeadBytes);
      const flags = ends && end === to ? Flag.endStream : 0;
      this.at = writeFrameHead(buffer, this.at, end - from, FrameType.data, flags, stream);
      this.append(bytes, from, end);
      from = end;
    } while (from < to);
  }

  /** Sends what waits, unless the client has to read first. */
  flush(): void {
    if (this.blocked || this.at === 0) return;
    this.push();
    if (spare.length < mostSpare) spare.push(this.buffer!);
    this.buffer = null;
  }

  /** Hands all that waits to the connection, which ends after it. */
  last(): void {
    if (this.at > 0) this.push();
    this.buffer = null;
  }

  /** The client has read on. */
  drained(): void {
    this.blocked = false;
    this.flush();
  }

  private append(bytes: Uint8Array, from: number, to: number): void {
    while (from < to) {
      const buffer = this.room(1);
      const count = Math.min(to - from, buffer.length - this.at);
      if (from === 0 && count === bytes.length) buffer.set(bytes, this.at);
      else buffer.set(bytes.subarray(from, from + count), this.at);
      this.at += count;
      from += count;
    }
  }

  /** The buffer, with so much room in it. */
  private room(count: number): Uint8Array {
    if (this.at + count > bufferBytes) this.push();
    if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(this.later);
    }
    return (this.buffer ??= spare.pop() ?? new Uint8Array(bufferBytes));
  }

  private push(): void {
    const { at } = this;
    this.at = 0;
    if (!this.client.write(this.buffer!, 0, at, false)) this.blocked = true;
  }
}
