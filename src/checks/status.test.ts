import { expect, test } from 'bun:test';
import { statusMatches } from './status.ts';

test.each([
  [200, 200, true],
  ['200', 200, true],
  ['200', 201, false],
  ['2xx', 200, true],
  ['2xx', 299, true],
  ['2xx', 300, false],
  ['2xx', 199, false],
  ['200-399', 302, true],
  ['200-399', 399, true],
  ['200-399', 400, false],
  ['3xx-404', 404, true],
  ['3xx-404', 200, false],
  ['400-200', 300, false],
  ['anything', 200, false],
])('expected %p, found %p: %p', (expected, found, matches) => {
  expect(statusMatches(expected, found)).toBe(matches);
});
