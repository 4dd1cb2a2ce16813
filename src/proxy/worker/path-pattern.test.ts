import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { ascii } from '../http1/octets.ts';
import { PathPattern } from './path-pattern.ts';

const fits = (pattern: string, path: string): boolean => {
  // Somewhere within more bytes, as in a head.
  const bytes = ascii(`GET ${path} HTTP/1.1`);
  return new PathPattern(pattern).fits(bytes, 4, 4 + path.length);
};

test('a star is any run of characters, none and slashes too; all else is itself', () => {
  for (const [pattern, path, expected] of [
    ['/assets/*', '/assets/a/b.js', true],
    ['/assets/*', '/assets/', true],
    ['/assets/*', '/assets', false],
    ['/assets/*', '/Assets/a', false],
    ['/*.css', '/a/b.css', true],
    ['/*.css', '/a.css.map', false],
    ['/app.*.js', '/app.1a2b.js', true],
    ['/app.*.js', '/app.js', false],
    ['/a*a', '/a', false],
    ['/exact', '/exact', true],
    ['/exact', '/exactly', false],
    ['/a*b*c', '/a-b-b-c', true],
    ['/a*b*c', '/a-c-b', false],
    ['*', '/', true],
  ] as const)
    expect([pattern, path, fits(pattern, path)]).toEqual([pattern, path, expected]);
});

test('it says what the same regular expression says', () => {
  const text = (more: string) => fc.string({ unit: fc.constantFrom('/', 'a', 'b', ...more), maxLength: 12 });
  fc.assert(
    fc.property(
      text('*').map((each) => `/${each}`),
      text('').map((each) => `/${each}`),
      (pattern, path) => {
        const expression = new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`);
        expect(fits(pattern, path)).toBe(expression.test(path));
      },
    ),
    { numRuns: 2000 },
  );
});
