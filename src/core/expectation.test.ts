import { describe, expect, test } from 'bun:test';
import { disappointment, Expectation } from './expectation.ts';

describe('holds', () => {
  test.each<[unknown, unknown]>([
    ['ok', 'ok'],
    [3, 3],
    [null, null],
    [false, false],
    [{ exists: true }, null],
    [{ exists: false }, undefined],
    [{ contains: 'max-age' }, 'public, max-age=60'],
    [{ contains: '"b"' }, { a: 'b' }],
    [{ matches: '^v\\d+$' }, 'v12'],
    [{ min: 1, max: 3 }, 2],
    [{ min: 1 }, '12.5'],
    [{ length: 2 }, [1, 2]],
    [{ length: 0 }, ''],
    [{ min: 1, contains: '2' }, 12],
  ])('%j of %j', (expected, found) => {
    expect(disappointment(Expectation.parse(expected), found)).toBeNull();
  });
});

describe('does not hold', () => {
  test.each<[unknown, unknown, string]>([
    ['ok', 'down', 'expected "ok", found "down"'],
    ['3', 3, 'expected "3", found 3'],
    [null, undefined, 'expected null, found nothing'],
    [{ exists: true }, undefined, 'expected a value, found nothing'],
    [{ exists: false }, null, 'expected nothing, found null'],
    [{ contains: 'a' }, undefined, 'expected a text that holds "a", found nothing'],
    [{ matches: '^a' }, 'ba', 'expected a text that fits ^a, found "ba"'],
    [{ min: 3 }, 2, 'expected at least 3, found 2'],
    [{ max: 3 }, 'many', 'expected at most 3, found "many"'],
    [{ min: 0 }, null, 'expected at least 0, found null'],
    [{ length: 2 }, { a: 1, b: 2 }, 'expected a length of 2, found {"a":1,"b":2}'],
    [{ min: 1, max: 2 }, 3, 'expected at most 2, found 3'],
  ])('%j of %j', (expected, found, says) => {
    expect(disappointment(Expectation.parse(expected), found)).toBe(says);
  });
});

test.each([[{}], [{ matches: '(' }], [{ min: 2, max: 1 }], [{ length: -1 }], [[1]], [{ other: 1 }]])(
  '%j is nothing to expect',
  (written) => {
    expect(Expectation.safeParse(written).success).toBe(false);
  },
);
