import type { RouteLimits } from '../../core/limits.ts';
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
  /** The longest request body as it comes, in bytes: 413. `Infinity`: any. */
  readonly bodyBytes: number;
  /** Milliseconds that each byte of a body earns its client beyond the first `bodyIdleMs`. 0: each earns any time. */
  readonly msPerByte: number;
  /** From the whole head to the end of the response: 504. 0: any time. */
  readonly totalMs: number;
  /** Until an instance has accepted a connection: then the next one is tried, or 504. */
  readonly connectMs: number;
  /** From the whole request to the head of the response: 504. */
  readonly responseMs: number;
  /** Without a byte of a response that has begun. */
  readonly responseIdleMs: number;
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
  /**
   * Connections of clients in this worker. One more is answered by 503 and closed; far beyond that, closed at once. When they
   * are nearly so many, idle ones are closed early.
   */
  readonly connections: number;
  /** Connections of one client address in this worker; one more is closed at once. 0: any number. */
  readonly clientConnections: number;
  /** Requests that wait at the barrier of a switch, or for an instance; the next one gets 503. */
  readonly held: number;
  /** Requests that an instance may have at a time from this worker. 0: any number. */
  readonly perInstance: number;
  /** How long a request waits for an instance that has room: 503. */
  readonly queueMs: number;
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
  bodyBytes: Infinity,
  msPerByte: 1000 / 240,
  totalMs: 0,
  connectMs: 5_000,
  responseMs: 60_000,
  responseIdleMs: 60_000,
  lingerMs: 2_000,
  upstreamIdleMs: 15_000,
  freshMs: 1_000,
  upstreamIdle: 256,
  avoidMs: 1_000,
  connections: 1_000_000,
  clientConnections: 0,
  held: 65_536,
  perInstance: 0,
  queueMs: 30_000,
  aheadBytes: 65_536,
  drainIdleMs: 1_000,
  sweepMs: 250,
};

/** What a route says in place of the worker's own. */
export function limitsOf(own: Limits, route: RouteLimits | undefined): Limits {
  if (route === undefined) return own;
  const { requestHead } = own;
  return {
    ...own,
    requestHead: {
      targetBytes: route.target ?? requestHead.targetBytes,
      headBytes: route.head ?? requestHead.headBytes,
      fields: route.headers ?? requestHead.fields,
    },
    idleMs: route.idle ?? own.idleMs,
    headMs: route.headTime ?? own.headMs,
    bodyIdleMs: route.bodyIdle ?? own.bodyIdleMs,
    bodyBytes: route.body === undefined ? own.bodyBytes : route.body || Infinity,
    msPerByte: route.rate === undefined ? own.msPerByte : route.rate === 0 ? 0 : 1000 / route.rate,
    totalMs: route.total ?? own.totalMs,
    connectMs: route.connect ?? own.connectMs,
    responseMs: route.response ?? own.responseMs,
    responseIdleMs: route.responseIdle ?? own.responseIdleMs,
    clientConnections: route.clientConnections ?? own.clientConnections,
    held: route.queue ?? own.held,
    perInstance: route.perInstance ?? own.perInstance,
    queueMs: route.queueWait ?? own.queueMs,
  };
}

/** 0 is no limit. */
const wider = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : Math.max(a, b));

/** What all of these allow together, where it is not known yet whose a connection or a request is. At least one. */
export function widest(of: Iterable<Limits>): Limits {
  return [...of].reduce((a, b) => ({
    ...a,
    requestHead: {
      targetBytes: Math.max(a.requestHead.targetBytes, b.requestHead.targetBytes),
      headBytes: Math.max(a.requestHead.headBytes, b.requestHead.headBytes),
      fields: Math.max(a.requestHead.fields, b.requestHead.fields),
    },
    idleMs: Math.max(a.idleMs, b.idleMs),
    headMs: Math.max(a.headMs, b.headMs),
    bodyIdleMs: Math.max(a.bodyIdleMs, b.bodyIdleMs),
    clientConnections: wider(a.clientConnections, b.clientConnections),
    held: Math.max(a.held, b.held),
  }));
}
