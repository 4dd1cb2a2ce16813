import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { observe, unobserved } from './instance-condition.ts';

const patience = { healthy: 2, unhealthy: 3 };
const after = (results: string): string =>
  [...results].reduce((seen, each) => observe(seen, each === '+', '', patience), unobserved).condition;

test.each([
  ['', 'starting'],
  ['+', 'starting'],
  ['+-+', 'starting'],
  ['++', 'healthy'],
  ['++--', 'healthy'],
  ['++--+--', 'healthy'],
  ['++---', 'unhealthy'],
  ['++---+', 'unhealthy'],
  ['++---+-+', 'unhealthy'],
  ['++---++', 'healthy'],
  ['----------', 'starting'],
])('after the checks %p the instance is %s', (results, condition) => {
  expect(after(results)).toBe(condition);
});

test('what was never healthy so many times in a row is never taken for healthy', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^(\+?-)*$/), (results) => {
      expect(after(results)).toBe('starting');
    }),
  );
});
