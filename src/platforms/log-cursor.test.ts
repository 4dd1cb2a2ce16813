import { expect, test } from 'bun:test';
import { formatLogCursor, parseLogCursor } from './log-cursor.ts';

const parts = [
  { layer: 'web', index: 0, next: { id: 'k3f9aa', at: 0 } },
  { layer: 'web', index: 2, next: { id: 'k3f9ab', at: 1_000_000_007 } },
  { layer: 'my-worker', index: 0, next: { id: 'z', at: Number.MAX_SAFE_INTEGER } },
];

test('a log cursor is read back as it was, with gaps, and stands in a URL as it is', () => {
  const text = formatLogCursor(parts);
  expect(encodeURIComponent(text)).toBe(text);
  const cursor = parseLogCursor(text);
  for (const { layer, index, next } of parts) expect(cursor.get(layer)?.[index]).toEqual(next);
  expect(cursor.get('web')?.[1]).toBeUndefined();
  expect(cursor.get('other')).toBeUndefined();
  expect(parseLogCursor(formatLogCursor([])).size).toBe(0);
});

test('the log cursor of 640 instances with logs of terabytes is not too long', () => {
  const many = Array.from({ length: 640 }, (_, n) => ({
    layer: `layer-${Math.floor(n / 64)}`,
    index: n % 64,
    next: { id: 'k3f9aa', at: 2e12 + n },
  }));
  expect(parseLogCursor(formatLogCursor(many)).size).toBe(10);
});
