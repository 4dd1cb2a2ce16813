import { expect, test } from 'bun:test';
import { bucketOf } from './latency.ts';
import { ratesBetween } from './rates.ts';
import { emptySide, nothingTold, type Counters } from './traffic.ts';

const reading = (at: number, blue: Partial<Counters['blue']> = {}, bootId = 'one'): Counters => ({
  bootId,
  at,
  blue: { ...emptySide(), ...blue },
  green: emptySide(),
  refused: blue.requests ? { '400': 3 } : { '400': 1 },
  told: nothingTold,
  queued: 0,
});

test('rates are what came between two readings, by the time between them', () => {
  const rates = ratesBetween(
    reading(10_000, { latency: [[bucketOf(500_000), 7]] }),
    reading(12_000, {
      requests: 100,
      failed: { 'connect-failed': 2 },
      status: { ...emptySide().status, '5xx': 4 },
      bytesIn: 2000,
      bytesOut: 4000,
      inFlight: 5,
      latency: [
        [bucketOf(1000), 90],
        [bucketOf(9000), 10],
        [bucketOf(500_000), 7],
      ],
    }),
  );
  expect(rates).toMatchObject({
    at: 12_000,
    seconds: 2,
    blue: {
      requestsPerSecond: 50,
      errorsPerSecond: 3,
      inFlight: 5,
      bytesInPerSecond: 1000,
      bytesOutPerSecond: 2000,
    },
    green: { requestsPerSecond: 0, p50Ms: null, p99Ms: null },
    refusedPerSecond: 1,
  });
  expect(rates?.blue.p50Ms).toBeWithin(1, 1.2);
  expect(rates?.blue.p99Ms).toBeWithin(9, 10);
});

test('readings of two starts of the router, or of one moment, cannot be compared', () => {
  expect(ratesBetween(reading(1), reading(2, {}, 'two'))).toBeNull();
  expect(ratesBetween(reading(2), reading(2))).toBeNull();
});
