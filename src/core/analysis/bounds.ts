import { samples, type Histogram } from '../latency.ts';
import type { Share } from './share-test.ts';

/** ln of the gamma function, by C. Lanczos's series (SIAM J. Numer. Anal. B 1, 1964); good to 1e-13 for x > 0. */
function lnGamma(x: number): number {
  const series = [
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const z = x - 1;
  const sum = series.reduce((all, part, index) => all + part / (z + index + 1), 0.99999999999980993);
  const t = z + series.length - 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function (NIST DLMF 8.17.22), by W. Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let all = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    all *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    all *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return all;
}

/** The regularised incomplete beta function I_x(a, b) (NIST DLMF 8.17). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/**
 * The greatest share that is plausible where `bad` of `of` were seen: the truth is above it with a probability of at most `alpha`
 * (C. Clopper, E. Pearson, Biometrika 26, 1934). 1 where nothing was seen.
 */
export function plausibleShare({ of, bad }: Share, alpha: number): number {
  if (bad >= of) return 1;
  let [low, high] = [bad / of, 1];
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    // P(at most `bad` bad ones) if the share were `middle`.
    if (1 - incompleteBeta(middle, bad + 1, of - bad) > alpha) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The bucket that the quantile `q` does not lie above, but with a probability of at most `alpha`: that of an order statistic, whatever the
 * distribution (H. David, H. Nagaraja, Order Statistics, section 7.1). Null where there are too few samples to say so: fewer than
 * ln(alpha) / ln(q).
 */
export function plausibleQuantile(histogram: Histogram, q: number, alpha: number): number | null {
  const n = samples(histogram);
  /** P(at most k - 1 of n lie below the quantile), which has to be 1 - alpha at least. */
  const sure = (k: number): number => incompleteBeta(1 - q, n - k + 1, k);
  if (n === 0 || sure(n) < 1 - alpha) return null;
  let [low, high] = [1, n];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (sure(middle) >= 1 - alpha) high = middle;
    else low = middle + 1;
  }
  let seen = 0;
  for (const [bucket, count] of histogram) {
    seen += count;
    if (seen >= high) return bucket;
  }
  return null;
}

/** How many samples `plausibleQuantile` needs at least. */
export const leastForQuantile = (q: number, alpha: number): number =>
  Math.ceil(Math.log(alpha) / Math.log(q));
