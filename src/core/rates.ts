import { combine, quantileMs } from './latency.ts';
import { failures, type Counters, type SideCounters } from './traffic.ts';

/** How one environment did between two readings of its counters. */
export interface SideRates {
  readonly requestsPerSecond: number;
  /** Requests that failed, and whole responses of class 5xx. */
  readonly errorsPerSecond: number;
  /** Of the responses that ended between the readings; null if none did. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** At the second reading. */
  readonly inFlight: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

export interface Rates {
  /** When the second reading was taken, in milliseconds since 1970. */
  readonly at: number;
  readonly seconds: number;
  readonly blue: SideRates;
  readonly green: SideRates;
  /** Requests that the router refused by itself, because they were wrong. */
  readonly refusedPerSecond: number;
}

const errors = (side: SideCounters): number => failures(side) + side.status['5xx'];
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((all, n) => all + n, 0);

function between(before: SideCounters, after: SideCounters, seconds: number): SideRates {
  const perSecond = (count: (side: SideCounters) => number): number =>
    Math.max(0, count(after) - count(before)) / seconds;
  const latency = combine(after.latency, before.latency, -1);
  return {
    requestsPerSecond: perSecond(({ requests }) => requests),
    errorsPerSecond: perSecond(errors),
    p50Ms: quantileMs(latency, 0.5),
    p99Ms: quantileMs(latency, 0.99),
    inFlight: after.inFlight,
    bytesInPerSecond: perSecond(({ bytesIn }) => bytesIn),
    bytesOutPerSecond: perSecond(({ bytesOut }) => bytesOut),
  };
}

/** The rates between two readings; null if they cannot be compared: the router was restarted, or no time has passed. */
export function ratesBetween(before: Counters, after: Counters): Rates | null {
  const seconds = (after.at - before.at) / 1000;
  if (before.bootId !== after.bootId || seconds <= 0) return null;
  return {
    at: after.at,
    seconds,
    blue: between(before.blue, after.blue, seconds),
    green: between(before.green, after.green, seconds),
    refusedPerSecond: Math.max(0, sum(after.refused) - sum(before.refused)) / seconds,
  };
}
