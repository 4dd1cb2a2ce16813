import { ChunkedBody } from '../http1/chunked-body.ts';
import { Framing, type ResponseHead } from '../http1/response-head.ts';

/** The body of a response as it comes in pieces, and where it ends. */
export class ResponseBody {
  /** All of it has come. */
  whole = false;
  /** The client does not know chunks: it gets the content alone, until the connection closes. */
  unchunk = false;
  private framing: Framing = Framing.none;
  private left = 0;
  private chunks: ChunkedBody | null = null;

  /** It ends where the instance's connection does. */
  get endsByClose(): boolean {
    return this.framing === Framing.untilClose;
  }

  /**
   * Begins with what came together with the head, which ends at `end`. Returns where it ends in `bytes`, -1 if it is not valid. Nothing is read
   * of one that is to be unchunked: all of it is for `take`.
   */
  begin(head: ResponseHead, bytes: Uint8Array, end: number, oldClient: boolean): number {
    this.framing = head.framing;
    this.left = head.contentLength;
    this.unchunk = this.whole = false;
    switch (head.framing) {
      case Framing.none:
        this.whole = true;
        return end;
      case Framing.length: {
        const to = Math.min(bytes.length, end + head.contentLength);
        this.left -= to - end;
        this.whole = this.left === 0;
        return to;
      }
      case Framing.chunked: {
        const chunks = (this.chunks ??= new ChunkedBody());
        chunks.reset();
        this.unchunk = oldClient;
        if (oldClient) return end;
        const to = chunks.feed(bytes, end, bytes.length);
        this.whole = chunks.done;
        return to;
      }
      default:
        return bytes.length;
    }
  }

  /** Goes on with `bytes[from, …)`. Returns where it ends there, -1 if it is not valid; `onContent` is told where the content of chunks is. */
  take(bytes: Uint8Array, from: number, onContent?: (from: number, to: number) => void): number {
    let to = bytes.length;
    if (this.framing === Framing.length) {
      to = Math.min(to, from + this.left);
      this.left -= to - from;
      this.whole = this.left === 0;
    } else if (this.framing === Framing.chunked) {
      const chunks = this.chunks!;
      to = chunks.feed(bytes, from, to, onContent);
      this.whole = chunks.done;
    }
    return to;
  }
}
