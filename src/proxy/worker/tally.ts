import { bucketCount, bucketOf, sparse } from '../../core/latency.ts';
import { noneCut } from '../../core/cut.ts';
import type { FailureCause, SideCounters, ToldCounters } from '../../core/traffic.ts';

/** What went to one environment of one service: plain numbers, added to in place. `counters` is the value for the outside. */
export class SideTally {
  requests = 0;
  clientClosed = 0;
  held = 0;
  retried = 0;
  writes = 0;
  upgrades = 0;
  previews = 0;
  fromBefore = 0;
  ejected = 0;
  bytesIn = 0;
  bytesOut = 0;
  inFlight = 0;
  /** What was ended on purpose. */
  readonly cut = noneCut();
  /** By the first digit of the status. */
  private readonly classes = new Float64Array(6);
  private readonly latency = new Float64Array(bucketCount);
  private readonly failed = new Map<FailureCause, number>();

  answered(status: number): void {
    const index = (status / 100) | 0;
    this.classes[index] = this.classes[index]! + 1;
  }
  took(us: number): void {
    const bucket = bucketOf(us);
    this.latency[bucket] = this.latency[bucket]! + 1;
  }
  failedFor(cause: FailureCause): void {
    this.failed.set(cause, (this.failed.get(cause) ?? 0) + 1);
  }
  counters(): SideCounters {
    const {
      requests,
      clientClosed,
      held,
      retried,
      writes,
      upgrades,
      previews,
      fromBefore,
      ejected,
      bytesIn,
      bytesOut,
      inFlight,
      cut,
      classes,
    } = this;
    return {
      requests,
      status: {
        '1xx': classes[1]!,
        '2xx': classes[2]!,
        '3xx': classes[3]!,
        '4xx': classes[4]!,
        '5xx': classes[5]!,
      },
      failed: Object.fromEntries(this.failed),
      clientClosed,
      held,
      retried,
      writes,
      upgrades,
      previews,
      fromBefore,
      ejected,
      bytesIn,
      bytesOut,
      inFlight,
      cut: { ...cut },
      latency: sparse(this.latency),
    };
  }
}

/**
 * Why a connection was closed before a request was read: its client's address had no more room for it, or it did not begin with
 * the PROXY header that is required.
 */
export type ConnectionRefusal = 'connections' | 'proxy-header';

/** The tallies of one service: they outlive the tables, so that every number only grows. */
export class ServiceTally {
  readonly blue = new SideTally();
  readonly green = new SideTally();
  /** Added to by those who write lines and send spans. */
  readonly told: { -readonly [K in keyof ToldCounters]: number } = {
    lines: 0,
    linesDropped: 0,
    spans: 0,
    spansDropped: 0,
  };
  private readonly refusals = new Map<number | ConnectionRefusal, number>();
  /** By the status of the answer, or by why a connection was closed without one. */
  refused(status: number | ConnectionRefusal): void {
    this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1);
  }
  /** `queued`: requests that wait for the mode of the service just now. */
  counters(
    at: number,
    queued: number,
  ): {
    at: number;
    blue: SideCounters;
    green: SideCounters;
    refused: Record<string, number>;
    told: ToldCounters;
    queued: number;
  } {
    return {
      at,
      blue: this.blue.counters(),
      green: this.green.counters(),
      refused: Object.fromEntries([...this.refusals].map(([status, count]) => [String(status), count])),
      told: { ...this.told },
      queued,
    };
  }
}
