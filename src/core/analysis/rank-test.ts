import { bucketLimitUs, bucketOf, samples, type Histogram } from '../latency.ts';

/** erfc(x) for x >= 0, within 1.2e-7 of its value (W. Press et al., Numerical Recipes, section 6.2). */
function erfc(x: number): number {
  const t = 1 / (1 + x / 2);
  const series = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  return t * Math.exp(-x * x + series.reduceRight((sum, part) => sum * t + part, 0));
}

/** The probability that a normal variate lies above `z`. */
export const above = (z: number): number =>
  z >= 0 ? erfc(z / Math.SQRT2) / 2 : 1 - erfc(-z / Math.SQRT2) / 2;

export interface RankTest {
  /** The probability that one of the first is slower than one of the second; ties count half. 0.5: no difference. */
  readonly slower: number;
  /** How likely so much or more would be if both were alike. */
  readonly p: number;
}

/**
 * The Mann-Whitney test (H. Mann, D. Whitney, Ann. Math. Stat. 18, 1947), one-sided: are the first latencies slower than the second? On
 * buckets, so there are many ties: the variance is corrected for them (E. Lehmann, Nonparametrics, section 1.4), and the normal
 * approximation by half a step. Null where a side has no sample, or all are in one bucket.
 */
export function rankTest(fresh: Histogram, against: Histogram): RankTest | null {
  const n = samples(fresh);
  const m = samples(against);
  if (n === 0 || m === 0) return null;
  const counts = new Map<number, { a: number; b: number }>();
  for (const [bucket, a] of fresh) counts.set(bucket, { a, b: 0 });
  for (const [bucket, b] of against) counts.set(bucket, { a: counts.get(bucket)?.a ?? 0, b });
  let u = 0;
  let below = 0;
  let ties = 0;
  for (const [, { a, b }] of [...counts].sort(([one], [other]) => one - other)) {
    u += a * (below + b / 2);
    below += b;
    ties += (a + b) ** 3 - (a + b);
  }
  const all = n + m;
  const variance = ((n * m) / 12) * (all + 1 - ties / (all * (all - 1)));
  if (variance <= 0) return null;
  return { slower: u / (n * m), p: above((u - (n * m) / 2 - 0.5) / Math.sqrt(variance)) };
}

/** The lowest bucket whose limit is not below so many microseconds. */
export function bucketUpTo(us: number): number {
  const bucket = bucketOf(us);
  return bucket > 0 && bucketLimitUs(bucket - 1) >= us ? bucket - 1 : bucket;
}

/** What is still allowed of a latency in microseconds: so many times it, and so much more at least. */
export const allowedUs = (us: number, ratio: number, marginUs: number): number =>
  Math.max(us * ratio, us + marginUs);

/** The latencies as they would be if each were as slow as is still allowed; rounded up to whole buckets. */
export function allowedLatencies(histogram: Histogram, ratio: number, marginUs: number): Histogram {
  const counts = new Map<number, number>();
  for (const [bucket, count] of histogram) {
    const to = bucketUpTo(allowedUs(bucketLimitUs(bucket), ratio, marginUs));
    counts.set(to, (counts.get(to) ?? 0) + count);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

/**
 * The part of alpha that the test number `k` (from 1) may spend: they add up to alpha, so that any number of tests together raises a false
 * alarm with a probability of at most alpha (C. Bonferroni; the idea of spending: K. Lan, D. DeMets, Biometrika 70, 1983).
 */
export const spent = (alpha: number, k: number): number => alpha / (k * (k + 1));
