import { expect, test } from 'bun:test';
import { leftoverOrder } from './leftover.ts';

test('without --drain nobody waits; with it the rest is closed, unless it is to be kept', () => {
  expect(leftoverOrder({})).toBeNull();
  expect(leftoverOrder({ drain: 0 })).toEqual({ drainMs: 0, closeOverMs: 10_000 });
  expect(leftoverOrder({ drain: 5, leftover: 'close', closeOver: 0 })).toEqual({
    drainMs: 5,
    closeOverMs: 0,
  });
  expect(leftoverOrder({ drain: 5, leftover: 'keep' })).toEqual({ drainMs: 5, closeOverMs: null });
});

test('words that mean nothing by themselves, or contradict each other, are refused', () => {
  expect(() => leftoverOrder({ leftover: 'keep' })).toThrow('--leftover: expected --drain beside it');
  expect(() => leftoverOrder({ closeOver: 1 })).toThrow('--close-over: expected --drain beside it');
  expect(() => leftoverOrder({ drain: 1, leftover: 'keep', closeOver: 1 })).toThrow('found keep');
});
