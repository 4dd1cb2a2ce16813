import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { bodyLimitBytes, headLimitBytes, ResponseReader } from './http-response.ts';

function read(
  text: string,
  {
    pieces = [],
    bodiless = false,
    ended = true,
  }: { pieces?: number[]; bodiless?: boolean; ended?: boolean } = {},
) {
  const reader = new ResponseReader(bodiless);
  const bytes = Buffer.from(text, 'latin1');
  let at = 0;
  for (const size of pieces) at += reader.push(bytes.subarray(at, at + size)) && size;
  if (at < bytes.length) reader.push(bytes.subarray(at));
  if (ended) reader.end();
  return { ...reader.state, body: reader.body.toString('latin1') };
}

describe('a response', () => {
  test.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 200, 'hello'],
    ['without one, to the end of the connection', 'HTTP/1.0 404 Not Found\r\n\r\nhello', 404, 'hello'],
    [
      'chunked, with extensions and trailers',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nT: x\r\n\r\n',
      200,
      'hello',
    ],
    [
      'after interim ones',
      'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok',
      201,
      'ok',
    ],
    ['that has no body by its status', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
    ['without a reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', 200, ''],
  ])('%s is read whole, however it is cut', (_, text, status, body) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }), (pieces) => {
        expect(read(text, { pieces })).toEqual({ phase: 'whole', status, body });
      }),
    );
  });

  test('to HEAD ends with its head', () => {
    expect(
      read('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { bodiless: true, ended: false }),
    ).toMatchObject({ phase: 'whole', status: 200 });
  });

  test.each([
    ['SSH-2.0-OpenSSH\r\n', 'not HTTP/1.1'],
    ['HTTP/2 200\r\n\r\n', 'not HTTP/1.1'],
    ['HTTP/1.1 OK\r\n\r\n', 'not HTTP/1.1'],
    ['HTTP/1.1 200 OK\r\nContent-Le', 'head that is cut off'],
    ['', 'no answer'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel', 'body that is cut off'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhel', 'Content-Length: -5'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 'chunk without a size'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n', 'chunk that does not end'],
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(headLimitBytes)}`, 'head of more than'],
    ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(4000), 'head of more than'],
  ])('%# that is none is told as such', (text, why) => {
    const state = read(text);
    expect(state).toMatchObject({ phase: 'invalid' });
    expect('why' in state && state.why).toContain(why);
  });

  test('is kept up to its limit and no further', () => {
    const state = read(`HTTP/1.1 200 OK\r\n\r\n${'a'.repeat(bodyLimitBytes + 10)}`, {
      pieces: [1000, 70_000, 500_000],
    });
    expect(state).toMatchObject({ phase: 'over-limit', status: 200 });
    expect(state.body.length).toBe(bodyLimitBytes);
  });

  test('of any bytes ends in some state and throws nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, headed) => {
        read(headed ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text}` : text);
      }),
    );
  });
});
