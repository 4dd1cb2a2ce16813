import { describe, expect, test } from 'bun:test';
import { Malformed } from './malformed.ts';
import { ResponseParser } from './response-parser.ts';

const read = (text: string): ResponseParser => {
  const parser = new ResponseParser();
  expect(parser.push(Buffer.from(text, 'latin1'))).toBe(true);
  return parser;
};

const whole = {
  length: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello',
  empty: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;name=value\r\nlo\r\n0\r\n\r\n',
  trailers: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  interim:
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  bodyless: 'HTTP/1.1 204 No Content\r\n\r\n',
};

describe.each(Object.entries(whole))('a whole response: %s', (name, text) => {
  const body = name === 'empty' || name === 'bodyless' ? '' : 'hello';

  test('is read in one piece', () => expect(read(text).body().toString()).toBe(body));

  test('is read the same when it comes in two pieces, or byte by byte, and is not whole before its last byte', () => {
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < bytes.length; cut++) {
      const parser = new ResponseParser();
      expect(parser.push(bytes.subarray(0, cut))).toBe(false);
      expect(parser.push(bytes.subarray(cut))).toBe(true);
      expect(parser.body().toString()).toBe(body);
    }
    const parser = new ResponseParser();
    for (let i = 0; i < bytes.length; i++)
      expect(parser.push(bytes.subarray(i, i + 1))).toBe(i === bytes.length - 1);
    expect(parser.body().toString()).toBe(body);
    expect(parser.received).toBe(bytes.length);
  });

  test('is malformed when more bytes follow', () => {
    expect(() => new ResponseParser().push(Buffer.from(`${text}H`))).toThrow(Malformed);
    expect(() => read(text).push(Buffer.from('H'))).toThrow(Malformed);
  });
});

test('one parser reads one response after another', () => {
  const parser = read(whole.length);
  parser.reset();
  expect(parser.received).toBe(0);
  expect(parser.push(Buffer.from(whole.chunked))).toBe(true);
  expect(parser.body().toString()).toBe('hello');
});

test('headers are read without regard to case and joined when repeated; close is heard', () => {
  const { head } = read(
    'HTTP/1.1 404 Not Found\r\ncontent-LENGTH: 0\r\nX-Side: blue\r\nx-side:\tgreen \r\nConnection: foo, Close\r\n\r\n',
  );
  expect(head?.status).toBe(404);
  expect(head?.headers.get('x-side')).toBe('blue, green');
  expect(head?.keepAlive).toBe(false);
  expect(read(whole.empty).head?.keepAlive).toBe(true);
});

test('after 101 the rest belongs to the new protocol', () => {
  const parser = read('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x01a');
  expect(parser.rest).toEqual(Buffer.from('\x81\x01a', 'latin1'));
});

test.each([
  ['another protocol', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['no status', 'HTTP/1.1 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['neither length nor chunks', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'],
  ['both length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n'],
  ['a length with a sign', 'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n'],
  ['an empty length', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
  ['a folded header', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n'],
  ['a bare line feed in a header', 'HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\nContent-Length: 0\r\n\r\n'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n'],
  ['a chunk with a size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n'],
  [
    'a chunk that is longer than its size',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n',
  ],
  ['a chunk with a huge size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n'],
  ['a trailer that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nhello\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}`],
  ['a chunk line without end', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;${'a'.repeat(5000)}`],
])('malformed: %s', (_name, text) => {
  expect(() => new ResponseParser().push(Buffer.from(text))).toThrow(Malformed);
});
