import { ChunkedBody } from '../http1/chunked-body.ts';
import { Method, type RequestHead } from '../http1/request-head.ts';
import { Framing, type ResponseHead } from '../http1/response-head.ts';
import { answer } from './answer.ts';
import { habitsOf } from './path-readings.ts';
import { PathPattern } from './path-pattern.ts';
import type { Side } from './side.ts';

/** A longer 404 is not kept: if the side before has no answer either, the client gets a line of ours. */
const longestKept = 262_144;
const QUESTION = 63;

/** The side that was live before, and the paths whose 404s it may answer instead. */
export class SideBefore {
  private readonly patterns: readonly PathPattern[];

  constructor(
    readonly side: Side,
    paths: readonly string[],
  ) {
    this.patterns = paths.map((path) => new PathPattern(path));
  }

  /** Whether it may be asked: only what reads, and only a path that every server reads alike. */
  mayHave(bytes: Uint8Array, { method, targetFrom, targetTo }: RequestHead): boolean {
    if (method !== Method.get && method !== Method.head) return false;
    const query = bytes.subarray(targetFrom, targetTo).indexOf(QUESTION);
    const end = query === -1 ? targetTo : targetFrom + query;
    if (!this.patterns.some((pattern) => pattern.fits(bytes, targetFrom, end))) return false;
    return habitsOf(bytes, targetFrom, end) === 0;
  }
}

/** Whether an answer of the side before is better than the 404: the thing itself, a part of it, or that the client has it already. */
export const isFound = (status: number): boolean => status === 200 || status === 206 || status === 304;

/** A 404 that is held back while the side before is asked. First it is taken in as a whole. */
export class AssetLookup {
  /** The side before is being asked. */
  asking = false;
  private readonly pieces: Uint8Array[] = [];
  private length = 0;
  private left: number;
  private readonly chunks: ChunkedBody | null;
  private readonly toHead: boolean;

  constructor(bytes: Uint8Array, head: ResponseHead, method: Method) {
    this.left = head.framing === Framing.length ? head.contentLength : 0;
    this.chunks = head.framing === Framing.chunked ? new ChunkedBody() : null;
    this.toHead = method === Method.head;
    this.keep(bytes, head.start, head.end);
  }

  /** Takes in what came. Where its end is, or -1 if more is to come, or -2 if it is not what its framing says. */
  feed(bytes: Uint8Array, from: number): number {
    let to = bytes.length;
    let whole: boolean;
    if (this.chunks !== null) {
      to = this.chunks.feed(bytes, from, to);
      if (to < 0) return -2;
      whole = this.chunks.done;
    } else {
      to = Math.min(to, from + this.left);
      this.left -= to - from;
      whole = this.left === 0;
    }
    this.keep(bytes, from, to);
    return whole ? to : -1;
  }

  /** More than is kept: the rest is not waited for. */
  get tooLong(): boolean {
    return this.length > longestKept;
  }

  /** The 404 as it came; a line of ours in place of one that is too long. */
  get original(): Uint8Array {
    return this.tooLong ? answer(404, false, !this.toHead) : Buffer.concat(this.pieces);
  }

  private keep(bytes: Uint8Array, from: number, to: number): void {
    this.length += to - from;
    if (this.tooLong) this.pieces.length = 0;
    else this.pieces.push(bytes.slice(from, to));
  }
}
