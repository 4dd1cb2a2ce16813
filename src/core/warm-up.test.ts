import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { cold, noiseMs, roundSize, settled, tooManyFailed, warmed, warmthWords } from './warm-up.ts';
import { WarmUp } from './spec/warm-up.ts';

const settle = fc.record({
  within: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
  over: fc.integer({ min: 2, max: 20 }),
});
/** So far above what counts as noise that shares decide. */
const latency = fc.double({ min: 100, max: 10_000, noNaN: true });

test('a latency that stays the same has settled after twice as many rounds as are compared, not before', () => {
  fc.assert(
    fc.property(latency, settle, (ms, rule) => {
      const rounds = Array.from({ length: 2 * rule.over }, () => ms);
      expect(settled({ medians: rounds }, rule)).toBe(true);
      expect(settled({ medians: rounds.slice(1) }, rule)).toBe(false);
    }),
  );
});

test('a latency that gets better by more than may differ has not settled, however long it goes on', () => {
  fc.assert(
    fc.property(settle, fc.integer({ min: 0, max: 30 }), (rule, more) => {
      // Over as many rounds as are compared it falls by more than the share.
      const factor = (1 - rule.within) ** (1.2 / rule.over);
      const length = 2 * rule.over + more;
      const medians = Array.from({ length }, (_, round) => 1e9 * factor ** round);
      expect(settled({ medians }, rule)).toBe(false);
    }),
  );
});

test('one stray round in those that are compared changes nothing', () => {
  fc.assert(
    fc.property(
      latency,
      fc.integer({ min: 3, max: 20 }),
      fc.nat(),
      fc.double({ min: 1, max: 100, noNaN: true }),
      (ms, over, where, factor) => {
        const medians = Array.from({ length: 2 * over }, () => ms);
        medians[where % medians.length] = ms * factor;
        expect(settled({ medians }, { within: 0.1, over })).toBe(true);
      },
    ),
  );
});

test('only the last rounds count, and larger numbers of the same shape are judged alike', () => {
  fc.assert(
    fc.property(
      fc.array(latency, { minLength: 4, maxLength: 60 }),
      fc.array(latency, { maxLength: 20 }),
      settle,
      fc.integer({ min: 2, max: 64 }),
      (medians, before, rule, scale) => {
        fc.pre(medians.length >= 2 * rule.over);
        const judged = settled({ medians }, rule);
        expect(settled({ medians: [...before, ...medians] }, rule)).toBe(judged);
        expect(settled({ medians: medians.map((ms) => ms * scale) }, rule)).toBe(judged);
      },
    ),
  );
});

test('what nobody can measure is no difference', () => {
  const medians = Array.from({ length: 10 }, (_, round) => (round % 2 ? noiseMs / 2 : 0.01));
  expect(settled({ medians }, { within: 0, over: 5 })).toBe(true);
});

test('a round with a failure begins the comparison anew, and counts are of all rounds', () => {
  const rule = { within: 0.1, over: 2 };
  const good = { requests: 10, failed: 0, firstMs: 7, p50Ms: 5 };
  const bad = { requests: 10, failed: 1, firstMs: 1, p50Ms: 5 };
  let sofar = cold;
  for (const round of [good, good, good, bad, good, good, good]) {
    sofar = warmed(sofar, round, rule);
    expect(settled(sofar, rule)).toBe(false);
  }
  sofar = warmed(sofar, good, rule);
  expect(settled(sofar, rule)).toBe(true);
  expect(sofar).toMatchObject({ requests: 80, failed: 1, firstMs: 7 });
});

test('failures are judged when the least number of requests was sent, and only if they are limited', () => {
  const failing = { ...cold, requests: 50, failed: 50 };
  const limited = WarmUp.parse({ errors: '1%', leastRequests: 100 });
  expect(tooManyFailed(failing, limited)).toBe(false);
  expect(tooManyFailed({ ...failing, requests: 100, failed: 2 }, limited)).toBe(true);
  expect(tooManyFailed({ ...failing, requests: 100, failed: 1 }, limited)).toBe(false);
  expect(tooManyFailed({ ...failing, requests: 100, failed: 100 }, WarmUp.parse({}))).toBe(false);
});

test('a round asks for each path as often as for the others, and for ten at least', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 256 }), (paths, concurrency) => {
      const size = roundSize({ paths: Array.from({ length: paths }, (_, n) => `/${n}`), concurrency });
      expect(size % paths).toBe(0);
      expect(size).toBeGreaterThanOrEqual(Math.max(10, concurrency));
    }),
  );
});

test('what came of it is told in one line', () => {
  const warmth = {
    release: 2,
    instances: 1,
    settled: 1,
    requests: 220,
    failed: 0,
    firstMs: 84,
    p50Ms: 3.1,
    ms: 900,
  };
  expect(warmthWords(warmth)).toBe('settled at p50 3.1ms after 220 requests (first: 84ms)');
  expect(warmthWords({ ...warmth, instances: 3, settled: 2, failed: 7 })).toBe(
    'not settled (1 of 3 instances) within 900ms, goes on at p50 3.1ms after 220 requests (first: 84ms), 7 failed',
  );
});
