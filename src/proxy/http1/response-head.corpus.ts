import { Framing } from './response-head.ts';

/** One response head, and what it must be taken for. Bytes are written as Latin-1: one character, one octet. */
export interface ResponseCase {
  readonly name: string;
  readonly bytes: string;
  /** The response is to a HEAD. */
  readonly toHead?: boolean;
  readonly expect:
    | 'invalid'
    | 'more'
    | {
        readonly status?: number;
        readonly framing?: Framing;
        readonly contentLength?: number;
        readonly keepAlive?: boolean;
        readonly idleSeconds?: number;
        /** May be sent on as it came to a client whose connection stays. */
        readonly plain?: boolean;
        readonly cut?: readonly string[];
      };
}

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const ok = (...fields: string[]): string => head('HTTP/1.1 200 OK', ...fields);

export const responseCorpus: readonly ResponseCase[] = [
  {
    name: 'a length',
    bytes: ok('Content-Length: 5'),
    expect: { status: 200, framing: Framing.length, contentLength: 5, keepAlive: true, plain: true },
  },
  {
    name: 'a length of zero',
    bytes: ok('Content-Length: 0'),
    expect: { framing: Framing.none, plain: true },
  },
  {
    name: 'chunked',
    bytes: ok('Transfer-Encoding: chunked'),
    expect: { framing: Framing.chunked, plain: true },
  },
  {
    name: 'until close',
    bytes: ok('Content-Type: text/plain'),
    expect: { framing: Framing.untilClose, keepAlive: false },
  },
  {
    name: 'keep-alive',
    bytes: ok('Content-Length: 5', 'Connection: keep-alive'),
    expect: { keepAlive: true, plain: true, cut: ['Connection'] },
  },
  {
    name: 'close',
    bytes: ok('Content-Length: 5', 'Connection: close'),
    expect: { keepAlive: false, plain: false, cut: ['Connection'] },
  },
  {
    name: 'Keep-Alive with a timeout',
    bytes: ok('Content-Length: 5', 'Connection: keep-alive', 'Keep-Alive: timeout=5, max=100'),
    expect: { idleSeconds: 5, plain: false, cut: ['Keep-Alive'] },
  },
  {
    name: 'Keep-Alive with nonsense',
    bytes: ok('Content-Length: 5', 'Keep-Alive: timeout=x'),
    expect: { idleSeconds: -1 },
  },
  {
    name: 'a field that Connection names',
    bytes: ok('Content-Length: 5', 'X-Hop: 1', 'Connection: X-Hop'),
    expect: { plain: false, cut: ['X-Hop', 'Connection'] },
  },
  {
    name: 'an offer to upgrade',
    bytes: ok('Content-Length: 5', 'Upgrade: h2c', 'Connection: Upgrade'),
    expect: { plain: false, cut: ['Upgrade', 'Connection'] },
  },
  {
    name: 'HTTP/1.0',
    bytes: head('HTTP/1.0 200 OK', 'Content-Length: 5'),
    expect: { keepAlive: false, plain: false },
  },
  {
    name: 'HTTP/1.0 that stays',
    bytes: head('HTTP/1.0 200 OK', 'Content-Length: 5', 'Connection: keep-alive'),
    expect: { keepAlive: true, plain: false },
  },
  { name: 'no reason', bytes: head('HTTP/1.1 200 ', 'Content-Length: 5'), expect: { status: 200 } },
  {
    name: 'no reason and no space',
    bytes: head('HTTP/1.1 200', 'Content-Length: 5'),
    expect: { status: 200 },
  },
  {
    name: 'a reason beyond ASCII',
    bytes: head('HTTP/1.1 200 tr\xe8s bien', 'Content-Length: 5'),
    expect: { status: 200 },
  },
  {
    name: '204',
    bytes: head('HTTP/1.1 204 No Content'),
    expect: { framing: Framing.none, plain: true, keepAlive: true },
  },
  {
    name: '204 with a length',
    bytes: head('HTTP/1.1 204 No Content', 'Content-Length: 5'),
    expect: { framing: Framing.none, cut: ['Content-Length'] },
  },
  {
    name: '204 chunked',
    bytes: head('HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked'),
    expect: { framing: Framing.none, cut: ['Transfer-Encoding'] },
  },
  {
    name: '304 with a length',
    bytes: head('HTTP/1.1 304 Not Modified', 'Content-Length: 5'),
    expect: { framing: Framing.none, plain: true },
  },
  {
    name: 'to HEAD, with a length',
    bytes: ok('Content-Length: 5'),
    toHead: true,
    expect: { framing: Framing.none, plain: true },
  },
  {
    name: 'to HEAD, chunked',
    bytes: ok('Transfer-Encoding: chunked'),
    toHead: true,
    expect: { framing: Framing.none },
  },
  {
    name: 'to HEAD, with nothing',
    bytes: ok(),
    toHead: true,
    expect: { framing: Framing.none, keepAlive: true },
  },
  {
    name: '100',
    bytes: head('HTTP/1.1 100 Continue'),
    expect: { status: 100, framing: Framing.none, plain: true },
  },
  {
    name: '103',
    bytes: head('HTTP/1.1 103 Early Hints', 'Link: </a>; rel=preload'),
    expect: { status: 103, plain: true },
  },
  {
    name: '101',
    bytes: head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'),
    expect: { status: 101 },
  },
  {
    name: 'the end of the range',
    bytes: head('HTTP/1.1 599 X', 'Content-Length: 0'),
    expect: { status: 599 },
  },

  { name: 'nothing', bytes: '', expect: 'more' },
  { name: 'half a status line', bytes: 'HTTP/1.1 20', expect: 'more' },
  { name: 'half a field', bytes: 'HTTP/1.1 200 OK\r\nContent-Le', expect: 'more' },
  { name: 'no last LF', bytes: 'HTTP/1.1 200 OK\r\n\r', expect: 'more' },

  { name: 'no HTTP', bytes: 'hello, world\r\n\r\n', expect: 'invalid' },
  { name: 'another protocol', bytes: head('ICY 200 OK'), expect: 'invalid' },
  { name: 'HTTP/2.0', bytes: head('HTTP/2.0 200 OK'), expect: 'invalid' },
  { name: 'HTTP/1.2', bytes: head('HTTP/1.2 200 OK'), expect: 'invalid' },
  { name: 'a status of two digits', bytes: head('HTTP/1.1 20 OK'), expect: 'invalid' },
  { name: 'a status of four digits', bytes: head('HTTP/1.1 2000 OK'), expect: 'invalid' },
  { name: 'a status too small', bytes: head('HTTP/1.1 099 OK'), expect: 'invalid' },
  { name: 'a status too large', bytes: head('HTTP/1.1 600 OK'), expect: 'invalid' },
  { name: 'a control octet in the reason', bytes: head('HTTP/1.1 200 O\x01K'), expect: 'invalid' },
  {
    name: 'a bare LF after the status line',
    bytes: 'HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n',
    expect: 'invalid',
  },
  { name: 'a bare LF after a field', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\n', expect: 'invalid' },
  { name: 'a bare CR in a value', bytes: ok('X: a\rSet-Cookie: x'), expect: 'invalid' },
  { name: 'a folded line', bytes: ok('X: a', ' b'), expect: 'invalid' },
  { name: 'a space before the colon', bytes: ok('Content-Length : 5'), expect: 'invalid' },
  { name: 'an empty name', bytes: ok(': 5'), expect: 'invalid' },
  { name: 'two lengths', bytes: ok('Content-Length: 5', 'Content-Length: 6'), expect: 'invalid' },
  { name: 'two equal lengths', bytes: ok('Content-Length: 5', 'Content-Length: 5'), expect: 'invalid' },
  { name: 'a negative length', bytes: ok('Content-Length: -5'), expect: 'invalid' },
  { name: 'an empty length', bytes: ok('Content-Length:'), expect: 'invalid' },
  {
    name: 'length and chunked',
    bytes: ok('Content-Length: 5', 'Transfer-Encoding: chunked'),
    expect: 'invalid',
  },
  {
    name: 'chunked twice',
    bytes: ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    expect: 'invalid',
  },
  { name: 'gzip and chunked', bytes: ok('Transfer-Encoding: gzip, chunked'), expect: 'invalid' },
  { name: 'another transfer coding', bytes: ok('Transfer-Encoding: identity'), expect: 'invalid' },
  {
    name: 'chunked in HTTP/1.0',
    bytes: head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'),
    expect: 'invalid',
  },
  { name: '101 without Upgrade', bytes: head('HTTP/1.1 101 Switching Protocols'), expect: 'invalid' },
  { name: 'a head too large', bytes: ok(`X: ${'a'.repeat(70_000)}`), expect: 'invalid' },
  {
    name: 'a head too large that goes on',
    bytes: `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}`,
    expect: 'invalid',
  },
  {
    name: 'too many fields',
    bytes: ok(...Array.from({ length: 300 }, (_, n) => `X-${n}: 1`)),
    expect: 'invalid',
  },
];
