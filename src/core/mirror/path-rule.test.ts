import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { formatPlace, matches, parsePathRule, pathRulePattern, type Step } from './path-rule.ts';

const hits = (rule: string, place: readonly Step[]): boolean => {
  const parsed = parsePathRule(rule);
  if (parsed === null) throw new Error(`${rule} is no rule`);
  return matches(parsed, place);
};

test('a rule names a place and all that lies in it', () => {
  expect(hits('$.a', ['a'])).toBe(true);
  expect(hits('$.a', ['a', 'b'])).toBe(true);
  expect(hits('$.a.b', ['a'])).toBe(false);
  expect(hits('$.a', ['b', 'a'])).toBe(false);
  expect(hits('$.items[*].id', ['items', null, 'id'])).toBe(true);
  expect(hits('$.items[0].id', ['items', null, 'id'])).toBe(true);
  expect(hits("$['odd name']", ['odd name'])).toBe(true);
  expect(hits('$', ['anything'])).toBe(true);
});

test('two dots stand for any depth', () => {
  expect(hits('$..updatedAt', ['a', null, 'updatedAt'])).toBe(true);
  expect(hits('$..updatedAt', ['updatedAt'])).toBe(true);
  expect(hits('$..a.b', ['x', 'a', 'c'])).toBe(false);
  expect(hits('$..a..b', ['x', 'a', 'c', 'b'])).toBe(true);
});

test('what is no rule is none, by both readings', () => {
  for (const text of ['', 'a', '$a', '$.', '$..', '$.a[', '$.a[-1]', '$[?(@.a)]', '$.a b']) {
    expect(parsePathRule(text)).toBeNull();
    expect(pathRulePattern.test(text)).toBe(false);
  }
  fc.assert(
    fc.property(fc.stringMatching(/^\$[.a[\]*'"01]{0,12}$/), (text) => {
      expect(parsePathRule(text) !== null).toBe(pathRulePattern.test(text));
    }),
  );
});

test('a place that is written out is a rule for itself', () => {
  const step = fc.oneof(fc.constant(null), fc.stringMatching(/^[a-zA-Z_][a-zA-Z_]{0,8}$/));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (place) => {
      expect(hits(formatPlace(place), place)).toBe(true);
    }),
  );
});
