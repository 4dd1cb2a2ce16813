import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { entryParts, followLink } from './entry-path.ts';

test('a path in an archive is taken apart, or refused when it is not within', () => {
  expect(entryParts('./a//b/')).toEqual(['a', 'b']);
  expect(entryParts('./')).toEqual([]);
  for (const name of [
    '',
    '/etc/passwd',
    '//x',
    '..',
    'a/../b',
    '../x',
    'a/..',
    'a\0b',
    'x'.repeat(256),
    'y/'.repeat(2049),
  ]) {
    expect(entryParts(name)).toBeUndefined();
  }
});

test('a link is followed through other links, and refused when it leaves on the way', () => {
  const links: Record<string, string> = {
    'deep/er/up': '../..',
    loop: 'loop',
    out: '../x',
    here: '.',
    abs: '/etc',
  };
  const follow = (path: string, text: string): string | undefined =>
    followLink(path.split('/'), text, (at) => links[at])?.join('/');
  expect(follow('a/link', 'file')).toBe('a/file');
  expect(follow('a/link', '../b/./c')).toBe('b/c');
  expect(follow('deep/er/up', '../..')).toBe('');
  // By its text it stays within; by the way it really goes, it does not.
  expect(follow('t', 'deep/er/up/..')).toBeUndefined();
  for (const text of [
    '/etc/passwd',
    '..',
    '../x',
    'a/../../x',
    'loop',
    'out',
    'here/../..',
    'abs/passwd',
    '',
  ]) {
    expect(follow('link', text)).toBeUndefined();
  }
});

test('a link that is accepted never leads outside, whatever other links there are', () => {
  const part = fc.constantFrom('..', '.', 'a', 'b', 'c', 'd');
  const text = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
  const links = fc.dictionary(fc.constantFrom('a', 'b', 'a/b', 'c', 'd/a', 'd/b'), text);
  fc.assert(
    fc.property(links, text, (map, target) => {
      // The same walk, by hand and without a limit on the root: depth below zero is outside.
      const reach = (way: string[], ahead: string[], budget: number): boolean => {
        if (budget < 0) return false;
        const [first, ...rest] = ahead;
        if (first === undefined) return true;
        if (first === '.') return reach(way, rest, budget);
        if (first === '..') return way.length > 0 && reach(way.slice(0, -1), rest, budget);
        const next = map[[...way, first].join('/')];
        return next === undefined
          ? reach([...way, first], rest, budget)
          : reach(way, [...next.split('/'), ...rest], budget - 1);
      };
      expect(followLink(['link'], target, (at) => map[at]) !== undefined).toBe(
        reach([], target.split('/'), 40 - 1 + 0),
      );
    }),
  );
});
