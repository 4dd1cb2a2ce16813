/**
 * Latencies as counts in log-linear buckets (8 to each doubling, so at most 12.5 % wide), in microseconds.
 * A histogram is an array of counts by bucket; absent ones are 0. Two of them add and subtract exactly.
 */
export const bucketCount = 232;
const perDoubling = 8;

/** The bucket of a latency in whole or fractional microseconds. */
export function bucketOf(us: number): number {
  if (us < perDoubling) return us > 0 ? us | 0 : 0;
  // Beyond 32 bits the operators below would wrap; a stream may well last for hours.
  if (us >= 2 ** 31) return bucketCount - 1;
  const exponent = 31 - Math.clz32(us);
  const bucket = (exponent - 2) * perDoubling + ((us >>> (exponent - 3)) & 7);
  return bucket < bucketCount ? bucket : bucketCount - 1;
}

/** The smallest latency, in microseconds, that lies above the bucket. */
export function bucketLimitUs(bucket: number): number {
  const next = bucket + 1;
  if (next < perDoubling) return next;
  const exponent = Math.floor(next / perDoubling) + 2;
  return (perDoubling + (next % perDoubling)) * 2 ** (exponent - 3);
}

/** Sparse form for the wire and the log: pairs of bucket and count. */
export type Histogram = [bucket: number, count: number][];

export function sparse(counts: ArrayLike<number>): Histogram {
  const pairs: Histogram = [];
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket] ?? 0;
    if (count) pairs.push([bucket, count]);
  }
  return pairs;
}

/** What `a` has and `b` has not, or (with `sign` 1) both together. */
export function combine(a: Histogram, b: Histogram, sign: 1 | -1): Histogram {
  const counts = new Float64Array(bucketCount);
  for (const [bucket, count] of a) counts[bucket] = (counts[bucket] ?? 0) + count;
  for (const [bucket, count] of b) counts[bucket] = (counts[bucket] ?? 0) + sign * count;
  return sparse(counts);
}

export const samples = (histogram: Histogram): number => histogram.reduce((sum, [, count]) => sum + count, 0);

/** The quantile `q` (0 to 1) in milliseconds, as the upper limit of its bucket; null without samples. */
export function quantileMs(histogram: Histogram, q: number): number | null {
  const rank = Math.ceil(samples(histogram) * q);
  if (rank === 0) return null;
  let seen = 0;
  for (const [bucket, count] of histogram) {
    seen += count;
    if (seen >= rank) return bucketLimitUs(bucket) / 1000;
  }
  return null;
}
