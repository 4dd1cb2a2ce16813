import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { jsonDifferences, mostDifferences, parseJson } from './json-difference.ts';

const causes = (live: unknown, idle: unknown): string[] =>
  jsonDifferences(live, idle).map(({ kind, at }) => `${at} ${kind}`);

test('what is missing, added, changed or of another type is told with its place', () => {
  expect(causes({ a: 1, b: 'x', c: { d: true } }, { a: 2, c: { d: 'true', e: null } })).toEqual([
    '$.a changed',
    '$.b missing',
    '$.c.d type',
    '$.c.e added',
  ]);
});

test('what differs in many elements of a list is one cause, and names that are ids are one place', () => {
  const list = (price: number): unknown => ({ items: [1, 2, 3].map((id) => ({ id, price: id * price })) });
  expect(causes(list(1), list(2))).toEqual(['$.items[*].price changed']);
  const byId = (name: string): unknown => ({ users: { '17': { name }, '18': { name } } });
  expect(causes(byId('a'), byId('b'))).toEqual(['$.users[*].name changed']);
});

test('another order of a list is that, and no change of its elements', () => {
  expect(causes([{ a: 1, b: 2 }, { a: 2 }], [{ a: 2 }, { b: 2, a: 1 }])).toEqual(['$ order']);
  expect(causes([1, 2, 3], [1, 2])).toEqual(['$ length']);
  expect(causes([1, 2], [1, 3])).toEqual(['$[*] changed']);
});

test('the order of keys and the way in which a number is written are no differences', () => {
  const parse = (text: string): unknown => parseJson(text)?.value;
  expect(causes(parse('{"a":1.0,"b":[1e2]}'), parse('{ "b" : [100], "a": 1 }'))).toEqual([]);
  expect(causes(parse('{"a":"1"}'), parse('{"a":1}'))).toEqual(['$.a type']);
});

test('numbers that are too long for a double are compared by all their digits', () => {
  const parse = (text: string): unknown => parseJson(text)?.value;
  expect(causes(parse('{"id":9007199254740993}'), parse('{"id":9007199254740992}'))).toEqual([
    '$.id changed',
  ]);
  expect(causes(parse('{"id":9007199254740993}'), parse('{"id":9007199254740993}'))).toEqual([]);
});

test('what is no JSON, or too deep to compare, is not parsed', () => {
  expect(parseJson('{')).toBeUndefined();
  expect(parseJson(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBeUndefined();
  expect(parseJson('"plain"')).toEqual({ value: 'plain' });
});

test('the differences of one answer are bounded', () => {
  const many = Object.fromEntries(
    Array.from({ length: 500 }, (_, n) => [`key${'x'.repeat(n % 7)}_${n}a`, n]),
  );
  expect(jsonDifferences(many, {})).toHaveLength(mostDifferences);
});

test('a value does not differ from its copy, nor from itself with its keys in another order', () => {
  const turned = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(turned)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, member]) => [key, turned(member)]),
          )
        : value;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const read = (of: unknown): unknown => parseJson(JSON.stringify(of))?.value;
      expect(causes(read(value), read(turned(value)))).toEqual([]);
    }),
  );
});

test('two values that are not the same differ somewhere, whichever comes first', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (one, other) => {
      const [a, b] = [one, other].map((value) => JSON.parse(JSON.stringify(value)) as unknown);
      const same = Bun.deepEquals(a, b);
      expect(causes(a, b).length > 0).toBe(!same);
      expect(causes(b, a).length > 0).toBe(!same);
    }),
  );
});
