import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { bucketOf } from './latency.ts';
import {
  firstLookMs,
  noLooks,
  Timeline,
  timelineOf,
  timelinePoints,
  withLook,
  type Looks,
} from './timeline.ts';
import { emptySide, nothingTold, type Counters } from './traffic.ts';

const look = (at: number, requests: number, more: Partial<Counters> = {}): Counters => ({
  bootId: 'one',
  at,
  blue: { ...emptySide(), requests },
  green: emptySide(),
  refused: {},
  told: nothingTold,
  queued: 0,
  ...more,
});

const watched = (looks: readonly Counters[]): Looks => looks.reduce(withLook, noLooks);

test('a point is what was counted from one look to the next, for each side', () => {
  const side = emptySide();
  const timeline = timelineOf(
    watched([
      look(1000, 10),
      look(1100, 15),
      look(1200, 15, {
        green: {
          ...side,
          requests: 4,
          failed: { 'connect-failed': 1, 'upstream-closed': 2 },
          status: { ...side.status, '5xx': 3 },
          latency: [[bucketOf(2000), 4]],
        },
      }),
    ]),
  );
  expect(timeline?.from).toBe(1000);
  expect(timeline?.until).toEqual([1100, 1200]);
  expect(timeline?.blue.requests).toEqual([5, 0]);
  expect(timeline?.green).toMatchObject({ requests: [0, 4], failed: [0, 3], errors: [0, 3] });
  expect(timeline?.green.p99Ms[0]).toBeNull();
  expect(timeline?.green.p99Ms[1]).toBeWithin(2, 2.3);
});

test('one look is no timeline', () => {
  expect(timelineOf(noLooks)).toBeNull();
  expect(timelineOf(watched([look(1, 1)]))).toBeNull();
});

test('a router that was started in between counts from nothing, and no point is negative', () => {
  const timeline = timelineOf(
    watched([look(1, 100), look(2, 7, { bootId: 'two' }), look(3, 9, { bootId: 'two' })]),
  );
  expect(timeline?.blue.requests).toEqual([7, 2]);
});

test('however long it lasts, it has not too many points, begins at the first look, and loses no request', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 3000 }), (count) => {
      let looks = noLooks;
      let at = 0;
      let n = 0;
      for (; n < count; n++) {
        looks = withLook(looks, look(at, 3 * n));
        at += looks.everyMs;
      }
      const timeline = Timeline.parse(timelineOf(looks));
      expect(timeline.until.length).toBeLessThan(timelinePoints);
      expect(timeline.until.length).toBeGreaterThanOrEqual(Math.min(count - 1, timelinePoints / 2 - 2));
      expect(timeline.from).toBe(0);
      expect(timeline.until).toEqual([...timeline.until].sort((a, b) => a - b));
      const sum = timeline.blue.requests.reduce<number>((all, each) => all + (each ?? 0), 0);
      const last = looks.taken.at(-1)?.blue.requests ?? 0;
      expect(sum).toBe(last);
      expect(looks.everyMs % firstLookMs).toBe(0);
    }),
    { numRuns: 30 },
  );
});
