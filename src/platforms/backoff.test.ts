import { expect, test } from 'bun:test';
import { afterCrash } from './backoff.ts';

const policy = { backoff: 500, max: 30_000 };

test('the wait doubles with each crash in a row, up to the longest', () => {
  const waits: number[] = [];
  for (let inRow = 0; inRow < 9; inRow++) waits.push(afterCrash(inRow, 10, policy).delayMs);
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  expect(afterCrash(5000, 10, policy)).toEqual({ inRow: 5001, delayMs: 30_000 });
});

test('a crash after a good run is the first again', () => {
  expect(afterCrash(8, 30_001, policy)).toEqual({ inRow: 1, delayMs: 500 });
  expect(afterCrash(8, 30_000, policy).inRow).toBe(9);
});
