import { type HeadLimits, requestHeadLimits, responseHeadLimits } from '../http1/limits.ts';

/** What a worker allows before it gives up on a peer. Times in milliseconds; each is kept to within `sweepMs`. */
export interface Limits {
  readonly requestHead: HeadLimits;
  readonly responseHead: HeadLimits;
  /** Between two requests of one client, and before the first. Then the connection is closed without a word. */
  readonly idleMs: number;
  /** From the first byte of a request head to its last: 408. */
  readonly headMs: number;
  /** Without a byte of a body, in either direction. A slow client is cut; a silent instance is a failure. */
  readonly bodyIdleMs: number;
  /** Until an instance has accepted a connection: then the next one is tried, or 504. */
  readonly connectMs: number;
  /** From the whole request to the first byte of the response: 504. */
  readonly responseMs: number;
  /** How long a closed connection is still read, so that the client reads our answer before it sees a reset. */
  readonly lingerMs: number;
  /** How long an idle connection to an instance is kept; an instance that says `Keep-Alive: timeout` is believed. */
  readonly upstreamIdleMs: number;
  /**
   * A request that may not be sent twice goes only on a connection that was in use this recently, else on a new one:
   * an older one may be closing at the other end at this very moment.
   */
  readonly freshMs: number;
  /** Idle connections kept for each instance. */
  readonly upstreamIdle: number;
  /** How long an instance that refused a connection is passed over while another one is there. */
  readonly avoidMs: number;
  /** Requests that wait at the barrier of a switch; the next one gets 503. */
  readonly held: number;
  /** What a client may send ahead of its turn before it is no longer read. */
  readonly aheadBytes: number;
  /** A connection that was idle for this long is closed when a drain begins; the others are given this long for one more request. */
  readonly drainIdleMs: number;
  readonly sweepMs: number;
}

export const defaultLimits: Limits = {
  requestHead: requestHeadLimits,
  responseHead: responseHeadLimits,
  idleMs: 75_000,
  headMs: 15_000,
  bodyIdleMs: 60_000,
  connectMs: 5_000,
  responseMs: 60_000,
  lingerMs: 2_000,
  upstreamIdleMs: 15_000,
  freshMs: 1_000,
  upstreamIdle: 256,
  avoidMs: 1_000,
  held: 65_536,
  aheadBytes: 65_536,
  drainIdleMs: 1_000,
  sweepMs: 250,
};
