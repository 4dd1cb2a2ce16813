import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { CutoverError } from './errors.ts';
import { expectModeFor, Mode, modeNames, modeOf, ModeRules, sameMode } from './mode.ts';
import { modeShareOf } from './worker-share.ts';

test('what the order does not say is as the spec has it', () => {
  const rules = ModeRules.parse({ wait: '2s', pace: 50, retryAfter: '1500ms', writes: 'refuse' });
  expect(modeOf({ mode: 'read-only', queue: 7 }, rules, null)).toEqual({
    mode: 'read-only',
    writes: 'refuse',
    waitMs: 2000,
    queue: 7,
    pace: 50,
    retryAfterS: 2,
    page: null,
  });
});

test('the page of the spec is for a service that is closed, unless the order has one', () => {
  const page = { type: 'html', text: 'of the spec' } as const;
  const own = { type: 'text', text: 'of the order' } as const;
  const rules = ModeRules.parse({});
  expect(modeOf({ mode: 'closed' }, rules, page).page).toEqual(page);
  expect(modeOf({ mode: 'closed', page: own }, rules, page).page).toEqual(own);
  expect(modeOf({ mode: 'held' }, rules, page).page).toBeNull();
});

test('workers together hold no more than the mode allows, and each lets go of what it holds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 64 }),
      (queue, pace, of) => {
        const shares = Array.from({ length: of }, (_, index) =>
          modeShareOf(Mode.parse({ mode: 'held', queue, pace }), index, of),
        );
        expect(shares.reduce((sum, share) => sum + share.queue, 0)).toBe(queue);
        expect(shares.reduce((sum, share) => sum + share.pace, 0)).toBe(Math.max(pace, of));
        expect(shares.every((share) => share.pace > 0)).toBe(true);
      },
    ),
  );
});

test('a mode that was never set is open; otherwise each setting counts', () => {
  const held = Mode.parse({ mode: 'held' });
  const open = Mode.parse({ mode: 'open' });
  expect(sameMode(undefined, open)).toBe(true);
  expect(sameMode(undefined, held)).toBe(false);
  expect(sameMode(held, { ...held })).toBe(true);
  for (const other of [
    { ...held, mode: 'closed' as const },
    { ...held, queue: 1 },
    { ...held, waitMs: 1 },
    { ...held, page: { type: 'html' as const, text: '' } },
  ])
    expect(sameMode(held, other)).toBe(false);
  expect(sameMode(open, { ...open, queue: 1 })).toBe(true);
  expect(sameMode(open, { ...open, pace: 1 })).toBe(false);
});

test('a page that is text alone is HTML: so it was written before there were others', () => {
  expect(Mode.parse({ mode: 'closed', page: '<p>' }).page).toEqual({ type: 'html', text: '<p>' });
});

test('a service that is switched as TCP is open', () => {
  for (const mode of modeNames) {
    const set = (): void => expectModeFor('queue', 'tcp', mode);
    if (mode === 'open') set();
    else expect(set).toThrow(CutoverError);
    expectModeFor('shop', 'http', mode);
  }
});
