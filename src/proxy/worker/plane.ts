import type { Proofs } from '../acme/proofs.ts';
import type { Provisions } from '../data-plane.ts';
import { chainBytes } from '../http1/forwarded-chain.ts';
import { ForwardedLinesByClient } from '../http1/forwarded.ts';
import { RequestHead } from '../http1/request-head.ts';
import { ResponseHead } from '../http1/response-head.ts';
import { headGrowth } from '../http1/rewrite.ts';
import type { InstanceSession } from '../upstream/instance-session.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';
import { Greetings } from './greetings.ts';
import type { Limits } from './limits.ts';
import { SpareExchanges } from './spare-exchanges.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Twice the host goes into the added lines. */
const roomFor = ({ requestHead, responseHead }: Limits): number =>
  Math.max(3 * requestHead.headBytes, responseHead.headBytes) + 2 * headGrowth + chainBytes;

/** What all connections of one worker share: the limits, the clock, and the buffers that a synchronous piece of work may use. */
export class Plane {
  holding = false;
  draining = false;
  /** What an authority asks for just now; null: nothing. */
  proofs: Proofs | null = null;
  /** There are nearly as many clients as there may be: those that are idle go early. */
  crowded = false;
  /** Requests with a whole head that wait for `release`, in the order in which they came. */
  readonly waiting = new Set<ClientConnection>();
  readonly clients = new Set<ClientConnection>();
  /** Connections that speak HTTP/2: each of their streams is one of `clients`, as are they themselves. */
  readonly multiplexed = new Set<{ sweep(now: number): void }>();
  readonly upstreams = new Set<UpstreamConnection>();
  /** With instances that speak HTTP/2. */
  readonly sessions = new Set<InstanceSession>();
  readonly greetings: Greetings;
  /** The head that was read last. Valid until the next one is read: nothing may keep it across an event. */
  requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  /** Room for one rewritten head and, if it is short, the body that came with it. */
  scratch: Uint8Array;
  private fields: number;
  /** Connections by client address, for addresses that have a limit. */
  readonly perClient = new Map<string, number>();
  readonly spareExchanges = new SpareExchanges(this);
  /** Who the client is, for instances: of those that came without TLS, and with it. */
  readonly plainLines = new ForwardedLinesByClient('http');
  readonly secureLines = new ForwardedLinesByClient('https');
  /** What the table may refer to. */
  provisions: Provisions = { pages: {}, stickyKeys: [] };
  /** Milliseconds, as of the last event that asked the clock; for deadlines, which need no more. */
  coarse: number;

  constructor(
    readonly limits: Limits,
    /** Milliseconds from any start, never going back. */
    readonly now: () => number,
    /** Told of what should never happen: an exception inside a handler. */
    readonly defect: (error: unknown) => void,
    /** Told what an operator has to mend, in a line without a name before it. */
    readonly warn: (line: string) => void,
    /** Called when the last client has gone. */
    readonly emptied: () => void,
    /** What reads a connection whose client speaks HTTP/2. */
    readonly multiplex: (client: ClientConnection) => ClientUser,
  ) {
    this.requestHead = new RequestHead(limits.requestHead);
    this.responseHead = new ResponseHead(limits.responseHead);
    this.fields = limits.requestHead.fields;
    this.scratch = new Uint8Array(Math.max(roomFor(limits), 131_072));
    this.coarse = now();
    this.greetings = new Greetings(this);
  }

  /** Makes room for heads of a route that allows more than those before it; between two events, when nothing is in the buffers. */
  fit(limits: Limits): void {
    if (limits.requestHead.fields > this.fields) {
      this.fields = limits.requestHead.fields;
      this.requestHead = new RequestHead(limits.requestHead);
    }
    const room = roomFor(limits);
    if (room > this.scratch.length) this.scratch = new Uint8Array(room);
  }

  tick(): number {
    return (this.coarse = this.now());
  }
}
