import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Random } from '../../testing/load/random.ts';
import { bucketLimitUs, bucketOf, samples, sparse, type Histogram } from '../latency.ts';
import { above, allowedLatencies, bucketUpTo, rankTest, spent } from './rank-test.ts';

const drawn = (random: Random, count: number, meanUs: number): Histogram => {
  const counts = new Float64Array(232);
  for (let each = 0; each < count; each++) {
    const bucket = bucketOf(-Math.log(1 - random.next()) * meanUs);
    counts[bucket] = counts[bucket]! + 1;
  }
  return sparse(counts);
};

test('the tail of the normal distribution has the values of the tables', () => {
  expect(above(0)).toBeCloseTo(0.5, 6);
  expect(above(1.959964)).toBeCloseTo(0.025, 6);
  expect(above(-1)).toBeCloseTo(0.841345, 5);
  expect(above(4)).toBeCloseTo(3.167e-5, 7);
});

test('a small case with ties comes out as worked by hand', () => {
  // 1, 2, 2, 3 against 1, 1, 2, 2: U = 1 (tie of 1 with two) + (2 + 1) twice + 4 = 11 of 16.
  const found = rankTest(
    [
      [1, 1],
      [2, 2],
      [3, 1],
    ],
    [
      [1, 2],
      [2, 2],
    ],
  )!;
  expect(found.slower).toBeCloseTo(11 / 16, 12);
  const ties = 27 - 3 + (64 - 4);
  const variance = (16 / 12) * (9 - ties / 56);
  expect(found.p).toBeCloseTo(above((11 - 8 - 0.5) / Math.sqrt(variance)), 12);
});

test('both directions of a comparison add up to 1', () => {
  const histogram = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 50 })), {
      minLength: 2,
      maxLength: 8,
    })
    .map((pairs) => [...new Map(pairs)].sort(([a], [b]) => a - b));
  fc.assert(
    fc.property(histogram, histogram, (a, b) => {
      const [one, other] = [rankTest(a, b), rankTest(b, a)];
      expect(one === null).toBe(other === null);
      if (one && other) expect(one.slower + other.slower).toBeCloseTo(1, 9);
    }),
  );
});

test('equal latencies raise alarms as seldom as stated, in tests that are spent over many looks', () => {
  let raised = 0;
  const runs = 1000;
  for (let run = 0; run < runs; run++) {
    const random = new Random(run + 1);
    for (let k = 1; k <= 4; k++) {
      // Looks at independent samples are the worst case of looking again: each spends its own part.
      const found = rankTest(drawn(random, 50 * 2 ** k, 5000), drawn(random, 50 * 2 ** k, 5000))!;
      if (found.p <= spent(0.05, k)) {
        raised++;
        break;
      }
    }
  }
  expect(raised / runs).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs));
  expect(raised).toBeGreaterThan(5);
});

test('latencies that are half as long again are found, and those that are as slow as is allowed are not', () => {
  const random = new Random(5);
  const against = drawn(random, 2000, 5000);
  expect(rankTest(drawn(random, 2000, 7500), against)!.p).toBeLessThan(1e-6);
  const allowed = allowedLatencies(against, 1.5, 0);
  expect(samples(allowed)).toBe(2000);
  expect(rankTest(drawn(random, 2000, 7500), allowed)!.p).toBeGreaterThan(0.01);
});

test('a bucket up to a latency is the lowest that reaches it', () => {
  for (const us of [1, 7, 8, 9, 100, 101, 12_345, 1e6, 2 ** 31 - 1]) {
    const bucket = bucketUpTo(us);
    expect(bucketLimitUs(bucket)).toBeGreaterThanOrEqual(us);
    if (bucket > 0) expect(bucketLimitUs(bucket - 1)).toBeLessThan(us);
  }
});
