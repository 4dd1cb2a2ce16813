import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { bucketCount, bucketLimitUs, bucketOf, combine, quantileMs, samples, sparse } from './latency.ts';
import { Histogram } from './latency-schema.ts';

const latencyUs = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  fc.double({ min: 0, max: 2 ** 31 - 1, noNaN: true }),
  fc.integer({ min: 0, max: 100 }),
);
const histogramOf = (all: readonly number[]): Histogram => {
  const counts = new Uint32Array(bucketCount);
  for (const us of all) counts[bucketOf(us)] = (counts[bucketOf(us)] ?? 0) + 1;
  return sparse(counts);
};

test('a latency lies in its bucket, which is at most an eighth wide', () => {
  fc.assert(
    fc.property(latencyUs, (us) => {
      const bucket = bucketOf(us);
      const least = bucket === 0 ? 0 : bucketLimitUs(bucket - 1);
      expect(least).toBeLessThanOrEqual(us);
      expect(us).toBeLessThan(bucketLimitUs(bucket));
      expect(bucketLimitUs(bucket) - least).toBeLessThanOrEqual(Math.max(1, least / 8));
    }),
  );
});

test('a latency of hours counts in the last bucket', () => {
  for (const us of [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 1e12])
    expect(bucketOf(us)).toBe(bucketCount - 1);
  expect(bucketOf(-1)).toBe(0);
});

test('histograms add and subtract exactly, and are valid on the wire', () => {
  fc.assert(
    fc.property(fc.array(latencyUs), fc.array(latencyUs), (a, b) => {
      const [one, two, both] = [histogramOf(a), histogramOf(b), histogramOf([...a, ...b])];
      expect(combine(one, two, 1)).toEqual(both);
      expect(combine(both, two, -1)).toEqual(one);
      expect(samples(both)).toBe(a.length + b.length);
      expect(Histogram.parse(both)).toEqual(both);
    }),
  );
});

test('a quantile is that of the sorted latencies, an eighth above it at most', () => {
  fc.assert(
    fc.property(
      fc.array(latencyUs, { minLength: 1 }),
      fc.double({ min: 0.001, max: 1, noNaN: true }),
      (all, q) => {
        const exact = [...all].sort((a, b) => a - b)[Math.ceil(all.length * q) - 1] ?? 0;
        const found = (quantileMs(histogramOf(all), q) ?? 0) * 1000;
        expect(found).toBeGreaterThan(exact * (1 - 1e-9));
        expect(found).toBeLessThanOrEqual((exact * 9) / 8 + 1);
      },
    ),
  );
  expect(quantileMs([], 0.5)).toBeNull();
});
