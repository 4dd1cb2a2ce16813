import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Duration, formatDuration, parseDuration } from './duration.ts';

test.each([
  ['0', 0],
  ['500ms', 500],
  ['1.5s', 1500],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['7d', 604_800_000],
])('%p is %p ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
  expect(Duration.parse(text)).toBe(ms);
});

test.each(['', '5', '1', '-1s', '1 s', '1.s', '.5s', '1S', '1w', '1m30s', '1e3s', 's'])(
  '%p is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
    expect(Duration.safeParse(text).success).toBe(false);
  },
);

test.each([
  [0.25, '0.25ms'],
  [3.14, '3.1ms'],
  [12.4, '12ms'],
  [1500, '1.5s'],
  [60_000, '1m'],
  [90_000, '1m30s'],
  [3_661_000, '1h1m'],
  [604_800_000, '7d'],
])('%p ms reads %p', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('what is shown of a whole number of seconds under a minute, or of minutes, hours or days, is read as the same', () => {
  const whole = fc.oneof(
    ...(
      [
        [1000, 59],
        [60_000, 59],
        [3_600_000, 23],
        [86_400_000, 400],
      ] as const
    ).map(([unit, max]) => fc.integer({ min: 1, max }).map((count) => count * unit)),
  );
  fc.assert(
    fc.property(whole, (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});

test('what is shown is never empty and never NaN, and is off by a tenth at most', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (ms) => {
      const shown = formatDuration(ms);
      const parts = shown.match(/[\d.]+(?:ms|s|m|h|d)/g) ?? [];
      expect(parts.join('')).toBe(shown);
      const read = parts.reduce(
        (sum, part) =>
          sum + (part.endsWith('ms') && ms < 1 ? Number.parseFloat(part) : (parseDuration(part) ?? NaN)),
        0,
      );
      expect(Math.abs(read - ms)).toBeLessThanOrEqual(Math.max(0.6, ms / 10));
    }),
  );
});
