import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { jsonPathPattern, parseJsonPath, valueAt, type Segment } from './json-path.ts';

test.each<[string, Segment[]]>([
  ['$', []],
  ['$.status', ['status']],
  ['$.items[0].price', ['items', 0, 'price']],
  ['$[-1]', [-1]],
  [`$['a name']["another"]`, ['a name', 'another']],
  [`$['it\\'s']`, ["it's"]],
  [`$["\\u00e9\\n\\\\"]`, ['é\n\\']],
  ['$.naïve_1', ['naïve_1']],
])('%s is a path', (text, segments) => {
  expect(parseJsonPath(text)).toEqual(segments);
});

test.each([
  '',
  'status',
  '$.',
  '$status',
  '$..a',
  '$.*',
  '$[*]',
  '$[01]',
  '$[-0]',
  '$[1:2]',
  '$[?(@.a)]',
  "$['a",
  '$[a]',
  '$.a b',
  '$.1a',
])('%s is none to one place', (text) => {
  expect(parseJsonPath(text)).toBeNull();
});

test('what is put somewhere is found there, by its path in quotes', () => {
  const segment = fc.oneof(fc.string({ unit: 'grapheme' }), fc.nat({ max: 3 }));
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), fc.jsonValue(), (segments, leaf) => {
      const value = segments.reduceRight<unknown>((inner, each) => {
        if (typeof each === 'string') return Object.fromEntries([[each, inner]]);
        return [...Array.from({ length: each }, () => null), inner];
      }, leaf);
      const text = `$${segments.map((each) => `[${JSON.stringify(each)}]`).join('')}`;
      const parsed = parseJsonPath(text);
      expect(parsed).toEqual(segments);
      expect(valueAt(value, parsed ?? [])).toEqual(leaf);
    }),
  );
});

test('what is not there is nothing, and what every object has is not there', () => {
  expect(valueAt({ a: [1] }, ['a', 1])).toBeUndefined();
  expect(valueAt({ a: [1] }, ['a', 'length'])).toBeUndefined();
  expect(valueAt({ a: null }, ['a', 'b'])).toBeUndefined();
  expect(valueAt({}, ['constructor'])).toBeUndefined();
  expect(valueAt({}, ['__proto__'])).toBeUndefined();
  expect(valueAt('text', [0])).toBeUndefined();
  expect(valueAt([1, 2, 3], [-1])).toBe(3);
});

test('the one expression says the same of every text', () => {
  const text = fc.string({ unit: fc.constantFrom(...'$.[]\'"\\a0-1é* \n') }).map((rest) => `$${rest}`);
  fc.assert(
    fc.property(text, (path) => {
      expect(jsonPathPattern.test(path)).toBe(parseJsonPath(path) !== null);
    }),
    { numRuns: 2000 },
  );
});
