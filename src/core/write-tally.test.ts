import { expect, test } from 'bun:test';
import { emptySide, nothingTold, type Counters } from './traffic.ts';
import { knownWrites, tallyFrom, withCount, worthRecording } from './write-tally.ts';

const counters = (bootId: string, green: number): Counters => ({
  bootId,
  at: 0,
  blue: emptySide(),
  green: { ...emptySide(), writes: green },
  refused: {},
  told: nothingTold,
  queued: 0,
});
const part = (bootId: string, writes: number) => ({
  bootId,
  counts: {
    blue: { requests: 0, failed: 0, writes: 0 },
    green: { requests: 0, failed: 0, writes },
  },
});

test('what a side answered before its switch, as a preview, is not counted', () => {
  const tally = tallyFrom('green', 0, undefined, counters('a', 5));
  expect(knownWrites(tally, counters('a', 7))).toEqual({ count: 2, atLeast: false });
});

test('what a canary has answered before all the traffic came is counted', () => {
  const tally = tallyFrom('green', 0, part('a', 5), counters('a', 9));
  expect(knownWrites(tally, counters('a', 10))).toEqual({ count: 5, atLeast: false });
});

test('a router that was restarted during a canary leaves a gap, which is told', () => {
  const tally = tallyFrom('green', 0, part('a', 5), counters('b', 3));
  expect(knownWrites(tally, counters('b', 4))).toEqual({ count: 4, atLeast: true });
});

test('where nothing was counted at the switch, what is counted since is told as the least', () => {
  const tally = tallyFrom('green', 0, undefined, undefined);
  expect(knownWrites(tally, null)).toEqual({ count: 0, atLeast: true });
  expect(knownWrites(withCount(tally, { bootId: 'a', writes: 100 }), counters('a', 103))).toEqual({
    count: 3,
    atLeast: true,
  });
});

test('the first write is recorded, then each tenth more, and another router at once', () => {
  const tally = tallyFrom('green', 0, undefined, counters('a', 0));
  expect(worthRecording(tally, counters('a', 0))).toBe(false);
  expect(worthRecording(tally, counters('a', 1))).toBe(true);
  const at100 = withCount(tally, { bootId: 'a', writes: 100 });
  expect(worthRecording(at100, counters('a', 109))).toBe(false);
  expect(worthRecording(at100, counters('a', 110))).toBe(true);
  expect(worthRecording(at100, counters('b', 0))).toBe(true);
});
