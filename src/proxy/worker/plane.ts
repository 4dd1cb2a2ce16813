import { RequestHead } from '../http1/request-head.ts';
import { ResponseHead } from '../http1/response-head.ts';
import { headGrowth } from '../http1/rewrite.ts';
import type { ClientConnection } from './client-connection.ts';
import type { Limits } from './limits.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** What all connections of one worker share: the limits, the clock, and the buffers that a synchronous piece of work may use. */
export class Plane {
  holding = false;
  draining = false;
  /** Requests with a whole head that wait for `release`, in the order in which they came. */
  readonly waiting = new Set<ClientConnection>();
  readonly clients = new Set<ClientConnection>();
  readonly upstreams = new Set<UpstreamConnection>();
  /** The head that was read last. Valid until the next one is read: nothing may keep it across an event. */
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  /** Room for one rewritten head and, if it is short, the body that came with it. */
  readonly scratch: Uint8Array;
  /** Milliseconds, as of the last event that asked the clock; for deadlines, which need no more. */
  coarse: number;

  constructor(
    readonly limits: Limits,
    /** Milliseconds from any start, never going back. */
    readonly now: () => number,
    /** Told of what should never happen: an exception inside a handler. */
    readonly defect: (error: unknown) => void,
    /** Called when the last client has gone. */
    readonly emptied: () => void,
  ) {
    this.requestHead = new RequestHead(limits.requestHead);
    this.responseHead = new ResponseHead(limits.responseHead);
    // Twice the host goes into the added lines.
    const head = Math.max(3 * limits.requestHead.headBytes, limits.responseHead.headBytes) + 2 * headGrowth;
    this.scratch = new Uint8Array(Math.max(head, 131_072));
    this.coarse = now();
  }

  tick(): number {
    return (this.coarse = this.now());
  }
}
