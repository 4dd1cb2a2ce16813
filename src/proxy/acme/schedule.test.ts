import { expect, test } from 'bun:test';
import { retryAfterMs } from './authority-client.ts';
import { renewalTime, retryDelayMs } from './schedule.ts';

const dayMs = 24 * 3_600_000;
const hourMs = 3_600_000;

test('a certificate is renewed by two thirds of its life, the same one always at the same time, others spread before it', () => {
  const validity = { from: 1000 * dayMs, until: 1090 * dayMs };
  const times = Array.from({ length: 200 }, (_, n) => renewalTime(validity, `certificate ${n}`));
  expect(times.map((_, n) => renewalTime(validity, `certificate ${n}`))).toEqual(times);
  for (const time of times) expect(time).toBeWithin(1057 * dayMs, 1060 * dayMs + 1);
  expect(new Set(times).size).toBe(200);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(2.5 * dayMs);
});

test('failures in a row are waited out for twice as long each, up to six hours', () => {
  const waits = [1, 2, 3, 4, 5, 6, 9, 10, 1000].map((failures) => retryDelayMs(failures, null, 0) / 60_000);
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 256, 360, 360]);
  expect(retryDelayMs(1, null, 1)).toBe(66_000);
});

test('what the authority asks for is waited for if it is longer, but not for more than a week', () => {
  expect(retryDelayMs(1, hourMs, 0)).toBe(hourMs);
  expect(retryDelayMs(10, hourMs, 0)).toBe(6 * hourMs);
  expect(retryDelayMs(1, 365 * dayMs, 0)).toBe(7 * dayMs);
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Sat, 21 Nov 2026 13:00:00 GMT', now)).toBe(hourMs);
  expect(retryAfterMs('Sat, 21 Nov 2026 11:00:00 GMT', now)).toBe(0);
  expect(retryAfterMs('soon', now)).toBeNull();
  expect(retryAfterMs(null, now)).toBeNull();
});
