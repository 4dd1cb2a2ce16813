/** One head, and what it must be taken for. Bytes are written as Latin-1: one character, one octet. */
export interface RequestCase {
  readonly name: string;
  readonly bytes: string;
  /** The status with which it is refused; `more`: it is the beginning of a head; else what the accepted head says. */
  readonly expect:
    | number
    | 'more'
    | {
        readonly target?: string;
        readonly host?: string;
        readonly contentLength?: number;
        readonly chunked?: boolean;
        readonly keepAlive?: boolean;
        readonly upgrade?: boolean;
        readonly expectsContinue?: boolean;
        readonly acceptsTrailers?: boolean;
        /** Names that must not reach an instance as the client sent them. */
        readonly cut?: readonly string[];
      };
}

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const get = (...fields: string[]): string => head('GET / HTTP/1.1', 'Host: a', ...fields);
const post = (...fields: string[]): string => head('POST / HTTP/1.1', 'Host: a', ...fields);

export const requestCorpus: readonly RequestCase[] = [
  // Well formed.
  {
    name: 'the smallest request',
    bytes: get(),
    expect: { target: '/', host: 'a', keepAlive: true, chunked: false },
  },
  {
    name: 'a port in the host',
    bytes: head('GET /x?y=1 HTTP/1.1', 'Host: a.example:8080'),
    expect: { target: '/x?y=1', host: 'a.example:8080' },
  },
  { name: 'an IPv6 host', bytes: head('GET / HTTP/1.1', 'Host: [::1]:80'), expect: { host: '[::1]:80' } },
  { name: 'an empty line before', bytes: `\r\n${get()}`, expect: { target: '/' } },
  { name: 'no space after the colon', bytes: head('GET / HTTP/1.1', 'Host:a'), expect: { host: 'a' } },
  {
    name: 'tabs and spaces around a value',
    bytes: head('GET / HTTP/1.1', 'Host: \t a \t '),
    expect: { host: 'a' },
  },
  { name: 'an empty value', bytes: get('X-Empty:'), expect: {} },
  { name: 'a value of spaces alone', bytes: get('X-Empty:   '), expect: {} },
  { name: 'obs-text in a value', bytes: get('X-Name: caf\xe9'), expect: {} },
  { name: 'a tab inside a value', bytes: get('X-Name: a\tb'), expect: {} },
  { name: 'a method of its own', bytes: head('BREW / HTTP/1.1', 'Host: a'), expect: { target: '/' } },
  {
    name: 'names in capitals',
    bytes: head('POST / HTTP/1.1', 'HOST: a', 'CONTENT-LENGTH: 3'),
    expect: { host: 'a', contentLength: 3 },
  },
  { name: 'a length', bytes: post('Content-Length: 12'), expect: { contentLength: 12 } },
  { name: 'a length of zero', bytes: post('Content-Length: 0'), expect: { contentLength: 0 } },
  { name: 'a length with leading zeros', bytes: post('Content-Length: 0012'), expect: { contentLength: 12 } },
  {
    name: 'the longest length',
    bytes: post('Content-Length: 999999999999999'),
    expect: { contentLength: 999999999999999 },
  },
  {
    name: 'chunked',
    bytes: post('Transfer-Encoding: chunked'),
    expect: { chunked: true, contentLength: -1 },
  },
  { name: 'chunked in capitals', bytes: post('Transfer-Encoding: CHUNKED'), expect: { chunked: true } },
  { name: 'close', bytes: get('Connection: close'), expect: { keepAlive: false, cut: ['Connection'] } },
  { name: 'Close among others', bytes: get('Connection: foo, Close'), expect: { keepAlive: false } },
  {
    name: 'keep-alive',
    bytes: get('Connection: keep-alive'),
    expect: { keepAlive: true, cut: ['Connection'] },
  },
  {
    name: 'close and keep-alive: close wins',
    bytes: get('Connection: keep-alive, close'),
    expect: { keepAlive: false },
  },
  { name: 'HTTP/1.0', bytes: head('GET / HTTP/1.0', 'Host: a'), expect: { keepAlive: false } },
  {
    name: 'HTTP/1.0 that asks to stay',
    bytes: head('GET / HTTP/1.0', 'Host: a', 'Connection: Keep-Alive'),
    expect: { keepAlive: true },
  },
  { name: 'HTTP/1.0 without a host', bytes: head('GET / HTTP/1.0'), expect: { host: '', keepAlive: false } },
  {
    name: 'an expectation',
    bytes: post('Content-Length: 5', 'Expect: 100-continue'),
    expect: { expectsContinue: true },
  },
  {
    name: 'an expectation of HTTP/1.0 is none',
    bytes: head('POST / HTTP/1.0', 'Host: a', 'Content-Length: 5', 'Expect: 100-continue'),
    expect: { expectsContinue: false },
  },
  {
    name: 'trailers',
    bytes: get('TE: gzip, trailers', 'Connection: TE'),
    expect: { acceptsTrailers: true, cut: ['TE', 'Connection'] },
  },
  {
    name: 'TE without trailers',
    bytes: get('TE: gzip', 'Connection: TE'),
    expect: { acceptsTrailers: false, cut: ['TE'] },
  },
  {
    name: 'an upgrade',
    bytes: get('Connection: Upgrade', 'Upgrade: websocket'),
    expect: { upgrade: true, cut: ['Connection', 'Upgrade'] },
  },
  {
    name: 'an upgrade among options',
    bytes: get('Connection: keep-alive, Upgrade', 'Upgrade: websocket'),
    expect: { upgrade: true, keepAlive: true },
  },
  {
    name: 'Upgrade that Connection does not name',
    bytes: get('Upgrade: websocket'),
    expect: { upgrade: false, cut: ['Upgrade'] },
  },
  {
    name: 'Connection: upgrade without Upgrade',
    bytes: get('Connection: upgrade'),
    expect: { upgrade: false },
  },
  {
    name: 'an upgrade to HTTP/2 in clear text',
    bytes: get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'),
    expect: { upgrade: false, cut: ['Upgrade', 'HTTP2-Settings'] },
  },
  {
    name: 'an upgrade with a body',
    bytes: post('Connection: Upgrade', 'Upgrade: x', 'Content-Length: 3'),
    expect: { upgrade: false },
  },
  {
    name: 'an upgrade in HTTP/1.0',
    bytes: head('GET / HTTP/1.0', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'),
    expect: { upgrade: false },
  },
  {
    name: 'two Upgrade lines',
    bytes: get('Connection: Upgrade', 'Upgrade: a', 'Upgrade: b'),
    expect: { upgrade: false, cut: ['Upgrade'] },
  },
  {
    name: 'OPTIONS of the server as a whole',
    bytes: head('OPTIONS * HTTP/1.1', 'Host: a'),
    expect: { target: '*' },
  },
  {
    name: 'an absolute target',
    bytes: head('GET http://a.example/x?y HTTP/1.1', 'Host: a.example'),
    expect: { target: '/x?y', host: 'a.example' },
  },
  {
    name: 'an absolute target in other case',
    bytes: head('GET HTTP://A.example/x HTTP/1.1', 'Host: a.EXAMPLE'),
    expect: { target: '/x' },
  },
  {
    name: 'an absolute target without a path',
    bytes: head('GET http://a HTTP/1.1', 'Host: a'),
    expect: { target: '' },
  },
  {
    name: 'an absolute target with a port',
    bytes: head('GET http://a:81/ HTTP/1.1', 'Host: a:81'),
    expect: { target: '/', host: 'a:81' },
  },
  {
    name: 'an absolute target in HTTP/1.0 without Host',
    bytes: head('GET http://a/ HTTP/1.0'),
    expect: { target: '/', host: 'a' },
  },

  // What belongs to the connection, and what only we may say.
  {
    name: 'hop-by-hop fields',
    bytes: get('Keep-Alive: timeout=5', 'Proxy-Connection: close'),
    expect: { keepAlive: true, cut: ['Keep-Alive', 'Proxy-Connection'] },
  },
  {
    name: 'a field that Connection names',
    bytes: get('Connection: X-Secret', 'X-Secret: 1', 'X-Other: 2'),
    expect: { cut: ['X-Secret'] },
  },
  {
    name: 'a field that Connection names later',
    bytes: get('X-Secret: 1', 'Connection: close, x-secret'),
    expect: { cut: ['X-Secret'], keepAlive: false },
  },
  { name: 'Connection names Host: Host stays', bytes: get('Connection: Host'), expect: { host: 'a' } },
  {
    name: 'Connection names Content-Length: it stays',
    bytes: post('Content-Length: 3', 'Connection: Content-Length'),
    expect: { contentLength: 3 },
  },
  {
    name: 'the client says who it is',
    bytes: get(
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: b',
      'X-Forwarded-Port: 1',
      'X-Real-IP: 1.1.1.1',
      'Forwarded: for=1.1.1.1',
    ),
    expect: {
      cut: [
        'X-Forwarded-For',
        'X-Forwarded-Proto',
        'X-Forwarded-Host',
        'X-Forwarded-Port',
        'X-Real-IP',
        'Forwarded',
      ],
    },
  },
  {
    name: 'the client says who it is, with underscores',
    bytes: get('X_Forwarded_For: 1.1.1.1', 'X-Forwarded_Proto: https', 'X_Real_IP: 1.1.1.1'),
    expect: { cut: ['X_Forwarded_For', 'X-Forwarded_Proto', 'X_Real_IP'] },
  },
  {
    name: 'other X-Forwarded fields',
    bytes: get('X-Forwarded-Server: b', 'X-Forwarded-Prefix: /x'),
    expect: { cut: ['X-Forwarded-Server', 'X-Forwarded-Prefix'] },
  },

  // Incomplete.
  { name: 'nothing', bytes: '', expect: 'more' },
  { name: 'half a method', bytes: 'GE', expect: 'more' },
  { name: 'half a target', bytes: 'GET /abc', expect: 'more' },
  { name: 'half a version', bytes: 'GET / HTTP/1', expect: 'more' },
  { name: 'no fields yet', bytes: 'GET / HTTP/1.1\r\n', expect: 'more' },
  { name: 'half a name', bytes: 'GET / HTTP/1.1\r\nHo', expect: 'more' },
  { name: 'half a value', bytes: 'GET / HTTP/1.1\r\nHost: a', expect: 'more' },
  { name: 'a line without its LF', bytes: 'GET / HTTP/1.1\r\nHost: a\r', expect: 'more' },
  { name: 'a head without its last LF', bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\r', expect: 'more' },
  { name: 'CR alone', bytes: '\r', expect: 'more' },

  // The request line.
  { name: 'HTTP/0.9', bytes: 'GET /\r\n', expect: 400 },
  { name: 'the preface of HTTP/2', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', expect: 505 },
  { name: 'HTTP/2.0', bytes: head('GET / HTTP/2.0', 'Host: a'), expect: 505 },
  { name: 'HTTP/1.2', bytes: head('GET / HTTP/1.2', 'Host: a'), expect: 505 },
  { name: 'a version in lower case', bytes: head('GET / http/1.1', 'Host: a'), expect: 400 },
  { name: 'a version of two digits', bytes: head('GET / HTTP/1.10', 'Host: a'), expect: 400 },
  { name: 'a version without a dot', bytes: head('GET / HTTP/11', 'Host: a'), expect: 400 },
  { name: 'another protocol', bytes: head('GET / ICY/1.1', 'Host: a'), expect: 400 },
  { name: 'two spaces after the method', bytes: head('GET  / HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'two spaces before the version', bytes: head('GET /  HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'a space after the version', bytes: head('GET / HTTP/1.1 ', 'Host: a'), expect: 400 },
  { name: 'a tab for a space', bytes: head('GET\t/ HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'a space before the method', bytes: head(' GET / HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'two empty lines before', bytes: `\r\n\r\n${get()}`, expect: 400 },
  { name: 'a bare LF before', bytes: `\n${get()}`, expect: 400 },
  { name: 'a bare LF after the request line', bytes: 'GET / HTTP/1.1\nHost: a\r\n\r\n', expect: 400 },
  { name: 'a bare CR after the request line', bytes: 'GET / HTTP/1.1\rHost: a\r\n\r\n', expect: 400 },
  { name: 'a CR in the target', bytes: head('GET /a\rb HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'a NUL in the target', bytes: head('GET /a\0b HTTP/1.1', 'Host: a'), expect: 400 },
  {
    name: 'an octet beyond ASCII in the target',
    bytes: head('GET /caf\xe9 HTTP/1.1', 'Host: a'),
    expect: 400,
  },
  { name: 'a fragment in the target', bytes: head('GET /a#b HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'a method with a bracket', bytes: head('GE(T / HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'no method', bytes: head(' / HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'a method without end', bytes: 'A'.repeat(33), expect: 501 },
  { name: 'the first bytes of TLS', bytes: '\x16\x03\x01\x02\x00\x01', expect: 400 },
  { name: 'CONNECT', bytes: head('CONNECT a:443 HTTP/1.1', 'Host: a:443'), expect: 501 },
  { name: 'an authority as target', bytes: head('GET a:80 HTTP/1.1', 'Host: a:80'), expect: 400 },
  { name: 'a relative target', bytes: head('GET index.html HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'an asterisk for GET', bytes: head('GET * HTTP/1.1', 'Host: a'), expect: 400 },
  { name: 'an asterisk with more', bytes: head('OPTIONS *a HTTP/1.1', 'Host: a'), expect: 400 },
  {
    name: 'an absolute target of another host',
    bytes: head('GET http://b/ HTTP/1.1', 'Host: a'),
    expect: 400,
  },
  {
    name: 'an absolute target of another port',
    bytes: head('GET http://a:81/ HTTP/1.1', 'Host: a'),
    expect: 400,
  },
  {
    name: 'an absolute target that differs in an underscore',
    bytes: head('GET http://a_b/ HTTP/1.1', 'Host: a-b'),
    expect: 400,
  },
  { name: 'an absolute target with a user', bytes: head('GET http://u@a/ HTTP/1.1', 'Host: a'), expect: 400 },
  {
    name: 'an absolute target with an empty host',
    bytes: head('GET http:///x HTTP/1.1', 'Host: a'),
    expect: 400,
  },
  { name: 'an absolute target of https', bytes: head('GET https://a/ HTTP/1.1', 'Host: a'), expect: 400 },
  {
    name: 'an absolute target with a query and no path',
    bytes: head('GET http://a?x HTTP/1.1', 'Host: a'),
    expect: 400,
  },
  { name: 'a target too long', bytes: head(`GET /${'a'.repeat(9000)} HTTP/1.1`, 'Host: a'), expect: 414 },
  { name: 'a target too long that goes on', bytes: `GET /${'a'.repeat(9000)}`, expect: 414 },

  // Fields.
  { name: 'no Host', bytes: head('GET / HTTP/1.1'), expect: 400 },
  { name: 'two Hosts', bytes: get('Host: a'), expect: 400 },
  { name: 'two Hosts that differ', bytes: get('Host: b'), expect: 400 },
  { name: 'an empty Host', bytes: head('GET / HTTP/1.1', 'Host:'), expect: 400 },
  { name: 'a Host with a space', bytes: head('GET / HTTP/1.1', 'Host: a b'), expect: 400 },
  { name: 'a Host with a path', bytes: head('GET / HTTP/1.1', 'Host: a/b'), expect: 400 },
  { name: 'a Host with a user', bytes: head('GET / HTTP/1.1', 'Host: u@a'), expect: 400 },
  { name: 'a Host with a quote', bytes: head('GET / HTTP/1.1', 'Host: a"b'), expect: 400 },
  { name: 'a list of Hosts', bytes: head('GET / HTTP/1.1', 'Host: a, b'), expect: 400 },
  { name: 'a Host with a port that is none', bytes: head('GET / HTTP/1.1', 'Host: a:8x'), expect: 400 },
  { name: 'a Host with an empty port', bytes: head('GET / HTTP/1.1', 'Host: a:'), expect: 400 },
  { name: 'a Host with an open bracket', bytes: head('GET / HTTP/1.1', 'Host: [::1'), expect: 400 },
  { name: 'a space before the colon', bytes: head('GET / HTTP/1.1', 'Host : a'), expect: 400 },
  { name: 'a tab before the colon', bytes: head('GET / HTTP/1.1', 'Host\t: a'), expect: 400 },
  { name: 'a space before the colon of a length', bytes: post('Content-Length : 3'), expect: 400 },
  { name: 'an empty name', bytes: get(': x'), expect: 400 },
  { name: 'a line without a colon', bytes: get('nonsense'), expect: 400 },
  { name: 'a name with a space', bytes: get('X Y: 1'), expect: 400 },
  { name: 'a name beyond ASCII', bytes: get('X-\xe9: 1'), expect: 400 },
  { name: 'a name with a NUL', bytes: get('X\0: 1'), expect: 400 },
  { name: 'a folded line', bytes: get('X-A: 1', ' 2'), expect: 400 },
  { name: 'a line folded with a tab', bytes: get('X-A: 1', '\t2'), expect: 400 },
  { name: 'a folded first line', bytes: head('GET / HTTP/1.1', ' Host: a'), expect: 400 },
  { name: 'a NUL in a value', bytes: get('X-A: a\0b'), expect: 400 },
  { name: 'a DEL in a value', bytes: get('X-A: a\x7fb'), expect: 400 },
  { name: 'an escape in a value', bytes: get('X-A: \x1b[0m'), expect: 400 },
  { name: 'a bare CR in a value', bytes: get('X-A: a\rb'), expect: 400 },
  { name: 'a bare LF after a field', bytes: 'GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n', expect: 400 },
  { name: 'a bare LF at the end', bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\n', expect: 400 },
  { name: 'a bare CR at the end', bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\rX', expect: 400 },
  { name: 'two CRs at the end of a line', bytes: 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n', expect: 400 },
  { name: 'too many fields', bytes: get(...Array.from({ length: 200 }, (_, n) => `X-${n}: 1`)), expect: 431 },
  { name: 'a head too large', bytes: get(`X-A: ${'a'.repeat(40_000)}`), expect: 431 },
  {
    name: 'a head too large that goes on',
    bytes: `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(40_000)}`,
    expect: 431,
  },
  { name: 'a name too long that goes on', bytes: `GET / HTTP/1.1\r\n${'a'.repeat(40_000)}`, expect: 431 },

  // Framing.
  { name: 'length and chunked', bytes: post('Content-Length: 3', 'Transfer-Encoding: chunked'), expect: 400 },
  { name: 'chunked and length', bytes: post('Transfer-Encoding: chunked', 'Content-Length: 3'), expect: 400 },
  {
    name: 'chunked and a length of zero',
    bytes: post('Transfer-Encoding: chunked', 'Content-Length: 0'),
    expect: 400,
  },
  { name: 'two lengths', bytes: post('Content-Length: 3', 'Content-Length: 4'), expect: 400 },
  { name: 'two equal lengths', bytes: post('Content-Length: 3', 'Content-Length: 3'), expect: 400 },
  { name: 'a list of equal lengths', bytes: post('Content-Length: 3, 3'), expect: 400 },
  { name: 'an empty length', bytes: post('Content-Length:'), expect: 400 },
  { name: 'a positive length', bytes: post('Content-Length: +3'), expect: 400 },
  { name: 'a negative length', bytes: post('Content-Length: -3'), expect: 400 },
  { name: 'a hexadecimal length', bytes: post('Content-Length: 0x3'), expect: 400 },
  { name: 'a length with a point', bytes: post('Content-Length: 3.0'), expect: 400 },
  { name: 'a length with an exponent', bytes: post('Content-Length: 1e3'), expect: 400 },
  { name: 'a length with a space inside', bytes: post('Content-Length: 3 4'), expect: 400 },
  { name: 'a length in quotes', bytes: post('Content-Length: "3"'), expect: 400 },
  { name: 'a length of 2 to the 64', bytes: post('Content-Length: 18446744073709551616'), expect: 400 },
  { name: 'a length of 2 to the 64 and 3', bytes: post('Content-Length: 18446744073709551619'), expect: 400 },
  { name: 'a length with an underscore in its name', bytes: post('Content_Length: 3'), expect: 400 },
  {
    name: 'chunked twice',
    bytes: post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    expect: 400,
  },
  { name: 'chunked twice in a list', bytes: post('Transfer-Encoding: chunked, chunked'), expect: 400 },
  { name: 'gzip and chunked', bytes: post('Transfer-Encoding: gzip, chunked'), expect: 400 },
  { name: 'chunked and then gzip', bytes: post('Transfer-Encoding: chunked, gzip'), expect: 400 },
  { name: 'identity', bytes: post('Transfer-Encoding: identity'), expect: 400 },
  { name: 'an empty transfer coding', bytes: post('Transfer-Encoding:'), expect: 400 },
  { name: 'a coding that begins like chunked', bytes: post('Transfer-Encoding: chunkedx'), expect: 400 },
  { name: 'a coding that ends like chunked', bytes: post('Transfer-Encoding: xchunked'), expect: 400 },
  { name: 'chunked in quotes', bytes: post('Transfer-Encoding: "chunked"'), expect: 400 },
  { name: 'chunked with a parameter', bytes: post('Transfer-Encoding: chunked;q=1'), expect: 400 },
  { name: 'chunked after a vertical tab', bytes: post('Transfer-Encoding: \x0bchunked'), expect: 400 },
  { name: 'a space before the colon of chunked', bytes: post('Transfer-Encoding : chunked'), expect: 400 },
  { name: 'chunked with an underscore in its name', bytes: post('Transfer_Encoding: chunked'), expect: 400 },
  {
    name: 'chunked in HTTP/1.0',
    bytes: head('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked'),
    expect: 400,
  },
];

/** Whole requests whose head is well formed and whose body is not: none of the body may reach an instance as whole. */
export const bodyCorpus: readonly { readonly name: string; readonly body: string }[] = [
  { name: 'no size', body: '\r\nabc\r\n0\r\n\r\n' },
  { name: 'a size that is no number', body: 'x\r\nabc\r\n0\r\n\r\n' },
  { name: 'a negative size', body: '-3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a positive size', body: '+3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a size with 0x', body: '0x3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a space before the size', body: ' 3\r\nabc\r\n0\r\n\r\n' },
  { name: 'a space after the size', body: '3 \r\nabc\r\n0\r\n\r\n' },
  { name: 'a size of 2 to the 64', body: '10000000000000003\r\nabc\r\n0\r\n\r\n' },
  { name: 'a size of many zeros', body: '00000000000000000003\r\nabc\r\n0\r\n\r\n' },
  { name: 'a bare LF after the size', body: '3\nabc\r\n0\r\n\r\n' },
  { name: 'a bare CR after the size', body: '3\rabc\r\n0\r\n\r\n' },
  { name: 'a chunk longer than its size', body: '3\r\nabcd\r\n0\r\n\r\n' },
  { name: 'a bare LF after the chunk', body: '3\r\nabc\n0\r\n\r\n' },
  { name: 'a chunk shorter than its size', body: '5\r\nabc\r\n0\r\n\r\n' },
  { name: 'a bare LF in an extension', body: '3;a\nb\r\nabc\r\n0\r\n\r\n' },
  { name: 'a NUL in an extension', body: '3;a\0\r\nabc\r\n0\r\n\r\n' },
  { name: 'an extension too long', body: `3;${'a'.repeat(600)}\r\nabc\r\n0\r\n\r\n` },
  { name: 'extensions too long together', body: `${`1;${'a'.repeat(500)}\r\nx\r\n`.repeat(40)}0\r\n\r\n` },
  { name: 'a bare LF at the end', body: '3\r\nabc\r\n0\r\n\n' },
  { name: 'a trailer without a colon', body: '3\r\nabc\r\n0\r\nnonsense\r\n\r\n' },
  { name: 'a trailer with an empty name', body: '3\r\nabc\r\n0\r\n: x\r\n\r\n' },
  { name: 'a folded trailer', body: '3\r\nabc\r\n0\r\nX: 1\r\n 2\r\n\r\n' },
  { name: 'a bare CR in a trailer', body: '3\r\nabc\r\n0\r\nX: 1\r2\r\n\r\n' },
  { name: 'a length as trailer', body: '3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n' },
  { name: 'a host as trailer', body: '3\r\nabc\r\n0\r\nHost: b\r\n\r\n' },
  { name: 'X-Forwarded-For as trailer', body: '3\r\nabc\r\n0\r\nX_Forwarded_For: 1.1.1.1\r\n\r\n' },
  { name: 'trailers too long', body: `3\r\nabc\r\n0\r\n${'X: 1234567890\r\n'.repeat(700)}\r\n` },
];
