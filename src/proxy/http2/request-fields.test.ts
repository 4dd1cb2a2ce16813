import { expect, test } from 'bun:test';
import { requestFields } from './request-fields.ts';

const of = (...lines: string[]) => requestFields(lines.join('\r\n'), 'https');

test('a head of HTTP/1.1 is said in HTTP/2', () => {
  expect(
    of('POST /a?b HTTP/1.1', 'Host: shop.example:8080', 'X-A:  1 ', 'x-a: 2', 'Content-Length: 12'),
  ).toEqual({
    fields: [
      [':method', 'POST'],
      [':scheme', 'https'],
      [':authority', 'shop.example:8080'],
      [':path', '/a?b'],
      ['x-a', '1'],
      ['x-a', '2'],
      ['content-length', '12'],
    ],
    toHead: false,
    body: 'length',
    length: 12,
  });
});

test('what belongs to one connection is left out, and that trailers are wanted stays', () => {
  const { fields, body } = of(
    ...['GET / HTTP/1.1', 'Host: a', 'TE: trailers', 'Connection: upgrade, te', 'Upgrade: websocket'],
    ...['Transfer-Encoding: chunked', 'Keep-Alive: 1', 'Proxy-Connection: x', 'HTTP2-Settings: x'],
  );
  expect(fields.slice(4)).toEqual([['te', 'trailers']]);
  expect(body).toBe('chunked');
  expect(of('GET / HTTP/1.1', 'Host: a', 'TE: gzip').fields.length).toBe(4);
});

test('what has no body is known by its head', () => {
  expect(of('HEAD / HTTP/1.1', 'Host: a')).toMatchObject({ body: 'none', toHead: true });
  expect(of('POST / HTTP/1.1', 'Host: a', 'Content-Length: 0').body).toBe('none');
  expect(of('OPTIONS * HTTP/1.1', 'Host: a').fields[3]).toEqual([':path', '*']);
});
