import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { ascii } from '../http1/octets.ts';
import { Directory, type Listed } from './directory.ts';

const list = (...rules: [host: string, prefix: string][]): Listed<string>[] =>
  rules.map(([host, prefix]) => ({ host, prefix, value: `${host}${prefix}` }));
function look<T>(directory: Directory<T>, host: string, path: string): T | number {
  const bytes = ascii(`${host} ${path}`);
  return directory.find(bytes, 0, host.length, host.length + 1, bytes.length);
}

describe('a host', () => {
  const directory = new Directory(
    list(['shop.example', '/'], ['*.shop.example', '/'], ['*.eu.shop.example', '/'], ['*', '/']),
  );
  const cases: [host: string, found: string][] = [
    ['shop.example', 'shop.example/'],
    ['SHOP.Example', 'shop.example/'],
    ['shop.example.', 'shop.example/'],
    ['a.shop.example', '*.shop.example/'],
    ['A.b.Shop.example', '*.shop.example/'],
    ['eu.shop.example', '*.shop.example/'],
    ['a.eu.shop.example', '*.eu.shop.example/'],
    ['a.b.eu.shop.example', '*.eu.shop.example/'],
    ['.shop.example', '*/'],
    ['notshop.example', '*/'],
    ['shop.example.org', '*/'],
    ['[::1]', '*/'],
    ['', '*/'],
    [`${'a.'.repeat(200)}shop.example`, '*/'],
  ];
  for (const [host, found] of cases)
    test(`${host.slice(0, 40) || 'that is absent'} is of ${found}`, () =>
      expect(look(directory, host, '/')).toBe(found));
  test('that nobody has is misdirected', () => {
    const strict = new Directory(list(['shop.example', '/api']));
    expect(look(strict, 'blog.example', '/')).toBe(421);
    expect(look(strict, 'shop.example', '/')).toBe(404);
    expect(strict.sole).toBeNull();
    expect(new Directory(list(['*', '/'])).sole).toBe('*/');
  });
  test('is found among ten thousand, and no other', () => {
    const names = Array.from({ length: 10_000 }, (_, n) => `shop-${n}.example`);
    const many = new Directory(list(...names.map((name): [string, string] => [name, '/'])));
    for (const name of names) expect(look(many, name, '/')).toBe(`${name}/`);
    expect(look(many, 'shop-10000.example', '/')).toBe(421);
  });
});

describe('a path', () => {
  const directory = new Directory(list(['*', '/'], ['*', '/api'], ['*', '/api/v2'], ['*', '/a.b']));
  const cases: [path: string, found: string | number][] = [
    ['/', '*/'],
    ['*', '*/'],
    ['', '*/'],
    ['/api', '*/api'],
    ['/api/', '*/api'],
    ['/api?x=/api/v2', '*/api'],
    ['/api/v2', '*/api/v2'],
    ['/api/v2/x/y', '*/api/v2'],
    ['/api/v22', '*/api'],
    ['/apis', '*/'],
    ['/API', '*/'],
    ['/ap', '*/'],
    ['/x/api', '*/'],
    ['/a.b/c', '*/a.b'],
    // One reading, whatever is done to it.
    ['/api/a%2Fb', '*/api'],
    ['/api/%7Eann//x', '*/api'],
    ['/api/./x', '*/api'],
    ['/api/x/../y', '*/api'],
    ['/api/caf%C3%A9%20x%zz%', '*/api'],
    ['/x;v=1/y', '*/'],
    ['/.well-known/x', '*/'],
    // More than one.
    ['/%61pi', 400],
    ['/api%2fv2', 400],
    ['/api/%76%32/x', 400],
    ['/api/../x', 400],
    ['/api/%2e%2e/x', 400],
    ['/api/.%2E/x', 400],
    ['/x/../api', 400],
    ['/api/..', 400],
    ['/api/v2/..', 400],
    ['/api/..;/x', 400],
    ['/api;v=1/x', 400],
    ['//api', 400],
    ['/api//v2', 400],
    ['/api\\v2', 400],
    ['/x\\..\\api', 400],
    ['/api/x%5c..%5c..%5cy', 400],
    ['/api/x/..%2f..%2f', 400],
    ['/%61%2e%2e;x//\\', 400],
  ];
  for (const [path, found] of cases)
    test(`${path || 'that is empty'} is ${typeof found === 'number' ? 'refused' : `of ${found}`}`, () =>
      expect(look(directory, 'any', path)).toBe(found));

  test('is not judged where only hosts decide', () => {
    expect(look(new Directory(list(['shop.example', '/'])), 'shop.example', '/a/../%2e%2e;x//\\')).toBe(
      'shop.example/',
    );
  });

  /** What a URL library makes of it: a reader that we did not write. */
  const asRead = (path: string): string => new URL(`http://h${path}`).pathname;
  test('that is routed is routed alike by whoever reads it as a browser does', () => {
    const piece = fc.constantFrom(
      '/',
      'api',
      'v2',
      '.',
      '..',
      '%2e',
      '%2E%2e',
      'x',
      ';',
      '\\',
      '%61',
      'a',
      '%',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = `/${pieces.join('')}`;
        // `//x` is a host to a URL library.
        fc.pre(!/^\/[/\\]/.test(path));
        const found = look(directory, 'any', path);
        if (found !== 400) expect(look(directory, 'any', asRead(path))).toBe(found);
      }),
      { numRuns: 3000 },
    );
  });
});
