import { samples, type Histogram } from '../latency.ts';
import type { ProxyMeasure } from '../spec/analysis.ts';
import { failures, type SideCounters } from '../traffic.ts';
import type { Share } from './share-test.ts';

/** The quantile that a measure is about; null if it is about none. */
export function quantileOf(of: ProxyMeasure): number | null {
  const digits = /^latency-p(\d\d)$/.exec(of)?.[1];
  return digits === undefined ? null : Number(digits) / 100;
}

/** Requests that have come to an end: a whole response, a failure, or a client that went away. */
export function ended({ status, clientClosed, ...side }: SideCounters): number {
  const answered = Object.values(status).reduce((sum, n) => sum + n, 0);
  return answered + failures({ ...side, status, clientClosed }) + clientClosed;
}

/** Which of the requests that have ended are the ones that a share is about. */
export function shareOf(of: ProxyMeasure, side: SideCounters): Share {
  const bad = {
    failures: failures(side),
    errors: failures(side) + side.status['5xx'],
    'errors-5xx': side.status['5xx'],
    'errors-4xx': side.status['4xx'],
    'client-closed': side.clientClosed,
  } satisfies Partial<Record<ProxyMeasure, number>>;
  return { of: ended(side), bad: of in bad ? bad[of as keyof typeof bad] : 0 };
}

/** How many latencies lie above a bucket, of how many. */
export const above = (histogram: Histogram, bucket: number): Share => ({
  of: samples(histogram),
  bad: histogram.reduce((sum, [each, count]) => sum + (each > bucket ? count : 0), 0),
});

/** The bucket in which the quantile lies; null without samples. */
export function bucketOfQuantile(histogram: Histogram, q: number): number | null {
  const rank = Math.ceil(samples(histogram) * q);
  let seen = 0;
  for (const [bucket, count] of histogram) {
    seen += count;
    if (rank > 0 && seen >= rank) return bucket;
  }
  return null;
}
