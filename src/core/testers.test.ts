import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { longestToken, parseToken, tokenText } from './tester-pass.ts';
import { RouteTesters, routeTestersOf } from './testers.ts';

const signature = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/);
const pass = fc.record({
  expiresS: fc.integer({ min: 0, max: 2 ** 40 }),
  release: fc.option(fc.integer({ min: 1, max: 999_999_999 })),
});

test('a token says what it was made of, and is no longer than a token may be', () => {
  fc.assert(
    fc.property(pass, signature, (made, sign) => {
      const text = tokenText(made, sign);
      expect(text.length).toBeLessThanOrEqual(longestToken);
      expect(parseToken(text)).toEqual({ pass: made, signature: sign });
    }),
  );
});

test('whatever text it is, it is a token or it is none', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('1', '.', 'a', '0', '-') })),
      (text) => {
        const read = parseToken(text);
        if (read !== null)
          expect(tokenText(read.pass, read.signature).length).toBeLessThanOrEqual(longestToken);
      },
    ),
  );
});

test('the door is behind the first prefix of the service, and so is what it leads to', () => {
  const of = (prefixes: string[]) =>
    routeTestersOf(
      { protocol: 'http', paths: prefixes.map((prefix) => ({ prefix })), previewCookie: {} },
      'shop',
      false,
      (path) => path,
    );
  expect(of([])?.cookie).toMatchObject({ door: '/.cutover/preview', home: '/' });
  expect(of(['/shop', '/api'])?.cookie).toMatchObject({ door: '/shop/.cutover/preview', home: '/shop/' });
  expect(RouteTesters.parse(of(['/shop']))).toEqual(of(['/shop'])!);
});
