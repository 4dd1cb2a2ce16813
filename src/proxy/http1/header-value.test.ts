import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { nextCookie, nextValue } from './header-value.ts';
import { ascii } from './octets.ts';

/** All values of a field in a head with these lines. */
function values(name: string, ...lines: string[]): string[] {
  const start = 'GET / HTTP/1.1\r\n';
  const bytes = ascii([start, ...lines.map((line) => `${line}\r\n`), '\r\n'].join(''));
  const found: string[] = [];
  const value = { from: 0, to: 0 };
  for (let next = start.length; (next = nextValue(bytes, ascii(name), next, bytes.length, value)) !== -1;)
    found.push(String.fromCharCode(...bytes.subarray(value.from, value.to)));
  return found;
}
/** All values of a cookie in the value of a line. */
function cookies(name: string, line: string): string[] {
  const bytes = ascii(line);
  const found: string[] = [];
  const value = { from: 0, to: 0 };
  for (let pair = 0; (pair = nextCookie(bytes, ascii(name), pair, bytes.length, value)) !== -1;)
    found.push(String.fromCharCode(...bytes.subarray(value.from, value.to)));
  return found;
}

test('each line of a field is found, whatever the case of its name, without blanks around its value', () => {
  expect(
    values('cookie', 'Host: x', 'Cookie: a=1', 'X-Cookie: no', 'cookies: no', 'COOKIE:\t b=2 \t'),
  ).toEqual(['a=1', 'b=2']);
  expect(values('cookie', 'Cook: cookie: x', 'Cookie:')).toEqual(['']);
  expect(values('cookie')).toEqual([]);
});

test('each cookie of a name is found, by its whole name, with its whole value', () => {
  expect(cookies('id', 'id=1')).toEqual(['1']);
  expect(cookies('id', 'xid=0; id=1;id=2; Id=3; idx=4;id = 5; id')).toEqual(['1', '2']);
  expect(cookies('id', 'a="id=0"; id=a=b; id=')).toEqual(['a=b', '']);
  expect(cookies('id', ' ;; id=1 ; ')).toEqual(['1']);
  expect(cookies('id', '')).toEqual([]);
});

test('whatever other cookies there are, ours is found', () => {
  const name = fc.stringMatching(/^[a-z]{1,6}$/).filter((text) => text !== 'id');
  const pair = fc.tuple(name, fc.stringMatching(/^[ -:<-~]{0,8}$/)).map(([key, text]) => `${key}=${text}`);
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 6 }), fc.array(pair, { maxLength: 6 }), (before, after) => {
      expect(cookies('id', [...before, 'id=xyz', ...after].join('; '))).toEqual(['xyz']);
    }),
  );
});
