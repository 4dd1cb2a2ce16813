import { ChunkedBody } from '../http1/chunked-body.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { Framing } from '../http1/response-head.ts';
import type { Limits } from './limits.ts';

/** What `begin` and `take` say of a body that must not go on: minus the status of the answer. */
export const malformed = -400;
export const tooLong = -413;

/** The body of a request as it comes in pieces: where it ends, how much of it may come, and until when its client has time. */
export class RequestBody {
  /** All of it has come. */
  done = true;
  /** Until when the client has time, by what it has sent. */
  until = 0;
  private framing: Framing = Framing.none;
  private left = 0;
  /** How much of a chunked one may still come. */
  private allowed = 0;
  private chunks: ChunkedBody | null = null;

  /** Begins with what came together with the head in `bytes[…, to)`. Returns where it ends there, `malformed` or `tooLong`. */
  begin(head: RequestHead, bytes: Uint8Array, to: number, most: number): number {
    const { end, contentLength } = head;
    this.done = true;
    this.framing = Framing.none;
    if (head.chunked) {
      const chunks = (this.chunks ??= new ChunkedBody());
      chunks.reset();
      const read = chunks.feed(bytes, end, to);
      if (read < 0) return malformed;
      if (read - end > most) return tooLong;
      this.allowed = most - (read - end);
      this.framing = Framing.chunked;
      this.done = chunks.done;
      return read;
    }
    if (contentLength <= 0) return end;
    if (contentLength > most) return tooLong;
    const here = Math.min(to - end, contentLength);
    this.framing = Framing.length;
    this.left = contentLength - here;
    this.done = this.left === 0;
    return end + here;
  }

  /** Goes on with `bytes[from, to)`. Returns where it ends there, `malformed` or `tooLong`. */
  take(bytes: Uint8Array, from: number, to: number): number {
    if (this.framing === Framing.length) {
      const end = Math.min(to, from + this.left);
      this.left -= end - from;
      this.done = this.left === 0;
      return end;
    }
    const chunks = this.chunks!;
    const end = chunks.feed(bytes, from, to);
    if (end < 0) return malformed;
    this.allowed -= end - from;
    if (this.allowed < 0) return tooLong;
    this.done = chunks.done;
    return end;
  }

  /** The client's time begins anew. Returns until when it has time. */
  giveTime(now: number, { bodyIdleMs }: Limits): number {
    return (this.until = now + bodyIdleMs);
  }

  /** What `count` bytes earn the client: `bodyIdleMs` from now, but in all no more than their rate allows. Returns until when it has time. */
  earn(count: number, now: number, { bodyIdleMs, msPerByte }: Limits): number {
    if (msPerByte === 0) return now + bodyIdleMs;
    // A fast client saves nothing up: it would be spent on being slow later.
    this.until = Math.min(this.until + count * msPerByte, now + bodyIdleMs);
    return this.until;
  }
}
