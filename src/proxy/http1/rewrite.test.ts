import { expect, test } from 'bun:test';
import { requestHeadLimits, responseHeadLimits } from './limits.ts';
import { ascii } from './octets.ts';
import { parseRequestHead, RequestHead } from './request-head.ts';
import { parseResponseHead, ResponseHead } from './response-head.ts';
import { Persistence, writeRequestHead, writeResponseHead } from './rewrite.ts';

const target = new Uint8Array(65_536);
const latin1 = (length: number): string => String.fromCharCode(...target.subarray(0, length));

/** What reaches an instance, without the lines about the client. */
function sent(...lines: string[]): string {
  const bytes = ascii(`${lines.join('\r\n')}\r\n\r\n`);
  const head = new RequestHead(requestHeadLimits);
  expect(parseRequestHead(bytes, 0, bytes.length, head, requestHeadLimits)).toBe(bytes.length);
  return latin1(writeRequestHead(bytes, head, ascii('\r\n'), ascii('proxy:1'), target));
}
function answered(persistence: Persistence, ...lines: string[]): string {
  const bytes = ascii(`${lines.join('\r\n')}\r\n\r\n`);
  const head = new ResponseHead(responseHeadLimits);
  expect(parseResponseHead(bytes, 0, bytes.length, head, responseHeadLimits, false)).toBe(bytes.length);
  return latin1(writeResponseHead(bytes, head, persistence, target));
}

test('what belongs to the client’s connection is left out, and nothing else is touched', () => {
  expect(
    sent(
      'GET /a HTTP/1.1',
      'Host: a',
      'keep-alive: 5',
      'X-One:  1 ',
      'Connection: close, x-two',
      'X-Two: 2',
      'TE: gzip',
      'Accept: */*',
    ),
  ).toBe('GET /a HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nAccept: */*\r\n\r\n');
});
test('a client cannot have our own fields dropped', () => {
  expect(
    sent(
      'POST / HTTP/1.1',
      'Host: a',
      'Content-Length: 3',
      'Connection: Host, Content-Length, X-Forwarded-For, Forwarded',
    ),
  ).toBe('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n');
});
test('an upgrade is sent on with its Connection option', () => {
  expect(sent('GET / HTTP/1.1', 'Upgrade: websocket', 'Host: a', 'Connection: keep-alive, Upgrade')).toBe(
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n',
  );
});
test('trailers are asked for anew', () => {
  expect(sent('GET / HTTP/1.1', 'Host: a', 'TE: trailers, deflate', 'Connection: TE')).toBe(
    'GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n',
  );
});
test('HTTP/1.0 goes on as HTTP/1.1, with a host', () => {
  expect(sent('GET /a HTTP/1.0')).toBe('GET /a HTTP/1.1\r\nHost: proxy:1\r\n\r\n');
});
test('an absolute target goes on as a path', () => {
  expect(sent('GET http://a/x?y HTTP/1.1', 'Host: a')).toBe('GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(sent('GET http://a HTTP/1.1', 'Host: a')).toBe('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(sent('OPTIONS http://a HTTP/1.1', 'Host: a')).toBe('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(sent('GET http://a/x HTTP/1.0')).toBe('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
});
test('a response says of its connection what is true of the client’s', () => {
  const lines = [
    'HTTP/1.0 200 OK',
    'Content-Length: 3',
    'Connection: x-hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'X: 1',
  ];
  expect(answered(Persistence.silent, ...lines)).toBe('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: 1\r\n\r\n');
  expect(answered(Persistence.close, ...lines)).toBe(
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: 1\r\nConnection: close\r\n\r\n',
  );
  expect(answered(Persistence.keepAlive, ...lines)).toBe(
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: 1\r\nConnection: keep-alive\r\n\r\n',
  );
});
