import { expect, test } from 'bun:test';
import { Random } from '../../testing/load/random.ts';
import { bucketLimitUs, bucketOf, sparse } from '../latency.ts';
import { incompleteBeta, leastForQuantile, plausibleQuantile, plausibleShare } from './bounds.ts';

test('the incomplete beta function has the values of the tables', () => {
  expect(incompleteBeta(0.5, 2, 3)).toBeCloseTo(0.6875, 10);
  expect(incompleteBeta(0.1, 1, 1)).toBeCloseTo(0.1, 10);
  expect(incompleteBeta(0.9, 5, 1)).toBeCloseTo(0.59049, 10);
  // P(3 or more of 202 with 2 %), as a sum.
  const upTo2 = 0.98 ** 202 + 202 * 0.02 * 0.98 ** 201 + 202 * 201 * 0.5 * 0.02 ** 2 * 0.98 ** 200;
  expect(incompleteBeta(0.02, 3, 200)).toBeCloseTo(1 - upTo2, 10);
});

test('where nothing failed of n, the plausible share is 1 - alpha^(1/n)', () => {
  for (const of of [1, 10, 500, 100_000])
    expect(plausibleShare({ of, bad: 0 }, 0.01)).toBeCloseTo(1 - 0.01 ** (1 / of), 9);
  expect(plausibleShare({ of: 0, bad: 0 }, 0.01)).toBe(1);
  expect(plausibleShare({ of: 5, bad: 5 }, 0.01)).toBe(1);
});

test('the bound of Clopper and Pearson has the value of the tables: 10 of 100, 97.5 %', () => {
  expect(plausibleShare({ of: 100, bad: 10 }, 0.025)).toBeCloseTo(0.17622, 4);
});

test('the truth lies above the plausible share, and above the plausible quantile, as seldom as stated', () => {
  let [shares, quantiles] = [0, 0];
  const runs = 2000;
  const limit = bucketOf(10_000);
  for (let run = 0; run < runs; run++) {
    const random = new Random(run + 1);
    let bad = 0;
    const counts = new Float64Array(232);
    for (let each = 0; each < 400; each++) {
      if (random.next() < 0.03) bad++;
      // Exponential, so the true quantile is known: -ln(1 - q) times the mean.
      const bucket = bucketOf((-Math.log(1 - random.next()) * 10_000) / Math.log(20));
      counts[bucket] = counts[bucket]! + 1;
    }
    if (plausibleShare({ of: 400, bad }, 0.05) < 0.03) shares++;
    if (plausibleQuantile(sparse(counts), 0.95, 0.05)! < limit) quantiles++;
  }
  const most = (0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs)) * runs;
  expect(shares).toBeLessThan(most);
  expect(quantiles).toBeLessThan(most);
  // And not because they are far too wide.
  expect(shares).toBeGreaterThan(0);
});

test('a quantile is not plausible from too few samples', () => {
  expect(leastForQuantile(0.99, 0.005)).toBe(528);
  expect(plausibleQuantile([[40, 527]], 0.99, 0.005)).toBeNull();
  expect(plausibleQuantile([[40, 528]], 0.99, 0.005)).toBe(40);
  expect(plausibleQuantile([], 0.99, 0.005)).toBeNull();
  expect(bucketLimitUs(40)).toBeGreaterThan(0);
});
