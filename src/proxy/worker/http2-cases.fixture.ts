import {
  ErrorCode,
  Flag,
  frame,
  FrameType,
  goAwayFrame,
  mostWindow,
  pingFrame,
  preface,
  resetFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from '../http2/frame.ts';
import { data, type Http2Wire, request, upload } from './http2-wire.fixture.ts';

type Step = Uint8Array | string;

/** What a client sends, and what comes of it. */
export interface Http2Case {
  /** Of RFC 9113, or of RFC 7541 where it says so. */
  readonly section: string;
  readonly name: string;
  /** Frames to send, and lines to wait for before the next ones go. */
  readonly steps: (client: Http2Wire) => readonly Step[];
  /** The line that has to come. After `goaway` the connection ends; after all others it goes on. */
  readonly expect: string;
  /** No preface and no SETTINGS were sent before. */
  readonly bare?: true;
}

const bytes = (...octets: number[]): Uint8Array => Uint8Array.from(octets);
const text = (latin1: string): Uint8Array => Buffer.from(latin1, 'latin1');
const headers = (flags: number, stream: number, payload: Uint8Array): Uint8Array =>
  frame(FrameType.headers, flags, stream, payload);
const continuation = (flags: number, stream: number, payload: Uint8Array): Uint8Array =>
  frame(FrameType.continuation, flags, stream, payload);
const whole = Flag.endHeaders | Flag.endStream;
const zeros = (count: number): Uint8Array => new Uint8Array(count);

const lost = (code: ErrorCode, last = 0): string => `goaway ${last} ${code}`;
const reset = (code: ErrorCode, stream = 1): string => `reset ${stream} ${code}`;
const { protocol, frameSize, flowControl, streamClosed, compression } = ErrorCode;

const c = (section: string, name: string, expect: string, steps: Http2Case['steps']): Http2Case => ({
  section,
  name,
  expect,
  steps,
});
/** A request with these fields is malformed. */
const malformed = (
  section: string,
  name: string,
  fields: readonly (readonly [string, string])[],
): Http2Case => c(section, name, reset(protocol), (w) => [w.headers(1, fields)]);
const without = (name: string): (readonly [string, string])[] => request().filter(([its]) => its !== name);

/** After the sections of h2spec, and more. `GET` and `POST` of any path are answered 200 with `hello` when they are whole. */
export const http2Cases: readonly Http2Case[] = [
  {
    ...c('3.4', 'a preface that is none', '', () => [text('PRI * HTTP/2.0\r\n\r\nSM\r\n\rX')]),
    bare: true,
    expect: 'http/1.1 505',
  },
  {
    ...c('3.4', 'a preface in pieces', 'settings ack', () => [
      text('PRI * HTTP/2.0\r\n'),
      text('\r\nSM'),
      text('\r\n\r\n'),
      settingsFrame([]),
    ]),
    bare: true,
  },
  {
    ...c('3.4', 'another first frame than SETTINGS', lost(protocol), () => [preface, pingFrame(zeros(8))]),
    bare: true,
  },

  c('4.1', 'a frame of an unknown kind', 'ping ack 12345678', () => [
    frame(0x16 as FrameType, 0, 0, zeros(8)),
    pingFrame(text('12345678')),
  ]),
  c('4.1', 'flags that are not defined', 'ping ack 12345678', () => [
    frame(FrameType.ping, 0x16, 0, text('12345678')),
  ]),
  c('4.1', 'the reserved bit of a stream', 'ping ack 12345678', () => [
    frame(FrameType.ping, 0, 0x80000000, text('12345678')),
  ]),
  c('4.2', 'DATA of 2^14 octets', 'headers 1 200', (w) => [
    w.headers(1, upload(), false),
    data(1, zeros(16_384)),
  ]),
  c('4.2', 'DATA beyond the largest frame', lost(frameSize, 1), (w) => [
    w.headers(1, upload(), false),
    data(1, zeros(16_385)),
  ]),
  c('4.2', 'HEADERS beyond the largest frame', lost(frameSize), () => [headers(whole, 1, zeros(16_385))]),
  c('4.3', 'a header block that is no HPACK', lost(compression), () => [
    headers(whole, 1, bytes(0x40, 0xff, 0xff)),
  ]),
  c('4.3', 'PRIORITY within a header block', lost(protocol), (w) => [
    headers(Flag.endStream, 1, w.encode(request())),
    frame(FrameType.priority, 0, 1, bytes(0, 0, 0, 0, 9)),
  ]),
  c('4.3', 'HEADERS of another stream within a header block', lost(protocol), (w) => [
    headers(Flag.endStream, 1, w.encode(request())),
    headers(whole, 3, w.encode(request())),
  ]),

  c('5.1', 'idle: DATA', lost(protocol), () => [data(1, 'x')]),
  c('5.1', 'idle: RST_STREAM', lost(protocol), () => [resetFrame(1, ErrorCode.cancel)]),
  c('5.1', 'idle: WINDOW_UPDATE', lost(protocol), () => [windowUpdateFrame(1, 100)]),
  c('5.1', 'idle: CONTINUATION', lost(protocol), (w) => [
    continuation(Flag.endHeaders, 1, w.encode(request())),
  ]),
  c('5.1', 'half closed: DATA', reset(streamClosed), (w) => [w.headers(1, request('/never')), data(1, 'x')]),
  c('5.1', 'half closed: HEADERS', reset(streamClosed), (w) => [
    w.headers(1, request('/never')),
    w.headers(1, [['x', 'y']]),
  ]),
  c('5.1', 'half closed: CONTINUATION', lost(protocol, 1), (w) => [
    w.headers(1, request('/never')),
    continuation(Flag.endHeaders, 1, w.encode([['x', 'y']])),
  ]),
  c('5.1', 'half closed: WINDOW_UPDATE, PRIORITY and RST_STREAM', 'ping ack 12345678', (w) => [
    w.headers(1, request('/never')),
    windowUpdateFrame(1, 9),
    frame(FrameType.priority, 0, 1, bytes(0, 0, 0, 0, 9)),
    resetFrame(1, ErrorCode.cancel),
    pingFrame(text('12345678')),
  ]),
  c('5.1', 'reset by the client: DATA', reset(streamClosed), (w) => [
    w.headers(1, upload('/never'), false),
    resetFrame(1, ErrorCode.cancel),
    data(1, 'x'),
  ]),
  c('5.1', 'reset by the client: HEADERS', reset(streamClosed), (w) => [
    w.headers(1, upload('/never'), false),
    resetFrame(1, ErrorCode.cancel),
    w.headers(1, [['x', 'y']]),
  ]),
  c('5.1', 'reset by the client: CONTINUATION', lost(protocol, 1), (w) => [
    w.headers(1, upload('/never'), false),
    resetFrame(1, ErrorCode.cancel),
    continuation(Flag.endHeaders, 1, w.encode([['x', 'y']])),
  ]),
  c('5.1', 'reset by us: what was on its way is no fault', 'ping ack 12345678', (w) => [
    w.headers(1, upload('/', ['X', 'y']), false),
    data(1, 'x', false),
    windowUpdateFrame(1, 1),
    resetFrame(1, ErrorCode.cancel),
    w.headers(1, [['x', 'y']]),
    pingFrame(text('12345678')),
  ]),
  c('5.1', 'over: DATA', lost(streamClosed, 1), (w) => [w.headers(1, request()), 'end 1', data(1, 'x')]),
  c('5.1', 'over: HEADERS', lost(streamClosed, 1), (w) => [
    w.headers(1, request()),
    'end 1',
    w.headers(1, request()),
  ]),
  c('5.1', 'over: CONTINUATION', lost(protocol, 1), (w) => [
    w.headers(1, request()),
    'end 1',
    continuation(Flag.endHeaders, 1, w.encode(request())),
  ]),
  c('5.1', 'over: WINDOW_UPDATE, RST_STREAM and PRIORITY', 'ping ack 12345678', (w) => [
    w.headers(1, request()),
    'end 1',
    windowUpdateFrame(1, 9),
    resetFrame(1, ErrorCode.cancel),
    frame(FrameType.priority, 0, 1, bytes(0, 0, 0, 0, 9)),
    pingFrame(text('12345678')),
  ]),
  c('5.1.1', 'a stream with an even number', lost(protocol), (w) => [w.headers(2, request())]),
  c('5.1.1', 'a stream with a lower number than one before', lost(protocol, 5), (w) => [
    w.headers(5, request()),
    w.headers(3, request()),
  ]),
  c('5.1.1', 'numbers that are left out', 'headers 9 200', (w) => [
    w.headers(5, request()),
    w.headers(9, request()),
  ]),
  c('5.1.2', 'one more stream than is allowed', reset(ErrorCode.refusedStream, 201), (w) =>
    Array.from({ length: 101 }, (_, i) => w.headers(2 * i + 1, request('/never'))),
  ),
  c('5.3.1', 'HEADERS that depend on themselves', lost(protocol), (w) => [
    headers(whole | Flag.priority, 1, Buffer.concat([bytes(0, 0, 0, 1, 9), w.encode(request())])),
  ]),
  c('5.3.1', 'PRIORITY that depends on itself', reset(protocol), (w) => [
    w.headers(1, request('/never')),
    frame(FrameType.priority, 0, 1, bytes(0, 0, 0, 1, 9)),
  ]),
  c('5.5', 'a frame of an unknown kind within a header block', lost(protocol), (w) => [
    headers(Flag.endStream, 1, w.encode(request())),
    frame(0x16 as FrameType, 0, 0, zeros(8)),
  ]),

  c('6.1', 'DATA of no stream', lost(protocol), () => [data(0, 'x')]),
  c('6.1', 'padding', 'headers 1 200', (w) => [
    w.headers(1, upload('/', ['content-length', '2']), false),
    frame(FrameType.data, Flag.endStream | Flag.padded, 1, text('\x03hi\0\0\0')),
  ]),
  c('6.1', 'padding that is longer than the frame', lost(protocol, 1), (w) => [
    w.headers(1, upload(), false),
    frame(FrameType.data, Flag.endStream | Flag.padded, 1, text('\x06hi')),
  ]),
  c('6.2', 'HEADERS of no stream', lost(protocol), (w) => [headers(whole, 0, w.encode(request()))]),
  c('6.2', 'padding and priority', 'headers 1 200', (w) => [
    headers(
      whole | Flag.padded | Flag.priority,
      1,
      Buffer.concat([bytes(2, 0, 0, 0, 0, 9), w.encode(request()), bytes(0, 0)]),
    ),
  ]),
  c('6.2', 'padding of HEADERS that is longer than the frame', lost(protocol), (w) => [
    headers(whole | Flag.padded, 1, Buffer.concat([bytes(200), w.encode(request())])),
  ]),
  c('6.3', 'PRIORITY of no stream', lost(protocol), () => [frame(FrameType.priority, 0, 0, zeros(5))]),
  c('6.3', 'PRIORITY of another length', reset(frameSize), (w) => [
    w.headers(1, upload('/never'), false),
    frame(FrameType.priority, 0, 1, zeros(4)),
  ]),
  c('6.3', 'PRIORITY of streams that do not exist', 'ping ack 12345678', () => [
    frame(FrameType.priority, 0, 99, bytes(0, 0, 0, 3, 9)),
    pingFrame(text('12345678')),
  ]),
  c('6.4', 'RST_STREAM of no stream', lost(protocol), () => [resetFrame(0, ErrorCode.cancel)]),
  c('6.4', 'RST_STREAM of another length', lost(frameSize, 1), (w) => [
    w.headers(1, upload('/never'), false),
    frame(FrameType.resetStream, 0, 1, zeros(3)),
  ]),
  c('6.5', 'an acknowledgement with content', lost(frameSize), () => [
    frame(FrameType.settings, Flag.ack, 0, zeros(6)),
  ]),
  c('6.5', 'SETTINGS of a stream', lost(protocol), () => [frame(FrameType.settings, 0, 1, zeros(6))]),
  c('6.5', 'SETTINGS of 3 octets', lost(frameSize), () => [frame(FrameType.settings, 0, 0, zeros(3))]),
  c('6.5.2', 'ENABLE_PUSH of 2', lost(protocol), () => [settingsFrame([[Setting.enablePush, 2]])]),
  c('6.5.2', 'INITIAL_WINDOW_SIZE of 2^31', lost(flowControl), () => [
    settingsFrame([[Setting.initialWindowSize, 2 ** 31]]),
  ]),
  c('6.5.2', 'MAX_FRAME_SIZE of 16383', lost(protocol), () => [
    settingsFrame([[Setting.maxFrameSize, 16_383]]),
  ]),
  c('6.5.2', 'MAX_FRAME_SIZE of 2^24', lost(protocol), () => [
    settingsFrame([[Setting.maxFrameSize, 2 ** 24]]),
  ]),
  c('6.5.2', 'an unknown setting', 'ping ack 12345678', () => [
    settingsFrame([[0xff, 1]]),
    pingFrame(text('12345678')),
  ]),
  c('6.5.3', 'the last of several values of one setting counts', 'data 1 1', (w) => [
    settingsFrame([
      [Setting.initialWindowSize, 100],
      [Setting.initialWindowSize, 1],
    ]),
    w.headers(1, request()),
  ]),
  c('6.5.3', 'SETTINGS', 'settings ack', () => [settingsFrame([[Setting.headerTableSize, 0]])]),
  c('6.6', 'PUSH_PROMISE', lost(protocol, 1), (w) => [
    w.headers(1, request('/never')),
    frame(FrameType.pushPromise, Flag.endHeaders, 1, Buffer.concat([bytes(0, 0, 0, 2), w.encode(request())])),
  ]),
  c('6.7', 'PING', 'ping ack abcdefgh', () => [pingFrame(text('abcdefgh'))]),
  c('6.7', 'an acknowledged PING is not answered', 'ping ack 12345678', () => [
    frame(FrameType.ping, Flag.ack, 0, text('abcdefgh')),
    pingFrame(text('12345678')),
  ]),
  c('6.7', 'PING of a stream', lost(protocol), () => [frame(FrameType.ping, 0, 1, zeros(8))]),
  c('6.7', 'PING of 6 octets', lost(frameSize), () => [frame(FrameType.ping, 0, 0, zeros(6))]),
  c('6.8', 'GOAWAY of a stream', lost(protocol), () => [frame(FrameType.goAway, 0, 1, zeros(8))]),
  c('6.8', 'requests go on after GOAWAY', 'headers 1 200', (w) => [
    goAwayFrame(0, ErrorCode.none),
    w.headers(1, request()),
  ]),
  c('6.9', 'WINDOW_UPDATE of 0', lost(protocol), () => [windowUpdateFrame(0, 0)]),
  c('6.9', 'WINDOW_UPDATE of 0 on a stream', reset(protocol), (w) => [
    w.headers(1, request('/never')),
    windowUpdateFrame(1, 0),
  ]),
  c('6.9', 'WINDOW_UPDATE of another length', lost(frameSize), () => [
    frame(FrameType.windowUpdate, 0, 0, zeros(3)),
  ]),
  c('6.9.1', 'a window of 1: one octet comes', 'data 1 1', (w) => [
    settingsFrame([[Setting.initialWindowSize, 1]]),
    w.headers(1, request()),
  ]),
  c('6.9.1', 'a window of 1: the rest comes as it is opened', 'end 1', (w) => [
    settingsFrame([[Setting.initialWindowSize, 1]]),
    w.headers(1, request()),
    'data 1 1',
    windowUpdateFrame(1, 2),
    'data 1 2',
    windowUpdateFrame(1, 2),
  ]),
  c('6.9.1', 'a window of the connection beyond 2^31-1', lost(flowControl), () => [
    windowUpdateFrame(0, mostWindow),
    windowUpdateFrame(0, mostWindow),
  ]),
  c('6.9.1', 'a window of a stream beyond 2^31-1', reset(flowControl), (w) => [
    w.headers(1, request('/never')),
    windowUpdateFrame(1, mostWindow),
  ]),
  c('6.9.1', 'more than the window of a stream', reset(flowControl), (w) => [
    w.headers(1, upload('/stuck'), false),
    ...Array.from({ length: 17 }, () => data(1, zeros(16_384), false)),
  ]),
  c('6.9.2', 'a setting opens the windows of streams', 'end 1', (w) => [
    settingsFrame([[Setting.initialWindowSize, 0]]),
    w.headers(1, request()),
    'headers 1 200',
    settingsFrame([[Setting.initialWindowSize, 10]]),
  ]),
  c('6.9.2', 'a window below 0 opens when it is above again', 'end 1', (w) => [
    settingsFrame([[Setting.initialWindowSize, 3]]),
    w.headers(1, request()),
    'data 1 3',
    settingsFrame([[Setting.initialWindowSize, 1]]),
    windowUpdateFrame(1, 2),
    windowUpdateFrame(1, 1),
    'data 1 1',
    windowUpdateFrame(1, 1),
  ]),
  c('6.9.2', 'a setting that overflows a window', lost(flowControl, 1), (w) => [
    w.headers(1, request('/never')),
    windowUpdateFrame(1, mostWindow - 65_535),
    settingsFrame([[Setting.initialWindowSize, 65_536]]),
  ]),
  c('6.10', 'several CONTINUATION', 'headers 1 200', (w) => {
    const block = w.encode(request());
    return [
      headers(Flag.endStream, 1, block.subarray(0, 3)),
      continuation(0, 1, block.subarray(3, 6)),
      continuation(Flag.endHeaders, 1, block.subarray(6)),
    ];
  }),
  c('6.10', 'CONTINUATION of no stream', lost(protocol), (w) => [
    headers(Flag.endStream, 1, w.encode(request())),
    continuation(Flag.endHeaders, 0, zeros(0)),
  ]),
  c('6.10', 'CONTINUATION after a whole block', lost(protocol, 1), (w) => [
    w.headers(1, request('/never')),
    continuation(Flag.endHeaders, 1, w.encode([['x', 'y']])),
  ]),
  c('6.10', 'DATA within a header block', lost(protocol), (w) => [
    headers(0, 1, w.encode(upload())),
    data(1, 'x'),
  ]),
  c('7', 'GOAWAY with an unknown code', 'ping ack 12345678', () => [
    goAwayFrame(0, 0xff as ErrorCode),
    pingFrame(text('12345678')),
  ]),
  c('7', 'RST_STREAM with an unknown code', 'ping ack 12345678', (w) => [
    w.headers(1, request('/never')),
    resetFrame(1, 0xff as ErrorCode),
    pingFrame(text('12345678')),
  ]),

  c('8.1', 'a second HEADERS that does not end the stream', reset(protocol), (w) => [
    w.headers(1, upload(), false),
    w.headers(1, [['x', 'y']], false),
  ]),
  c('8.1', 'trailers', 'headers 1 200', (w) => [
    w.headers(1, upload('/', ['content-length', '1']), false),
    data(1, 'x', false),
    w.headers(1, [['x-sum', 'y']]),
  ]),
  c('8.1', 'a pseudo-header field among trailers', reset(protocol), (w) => [
    w.headers(1, upload('/never'), false),
    data(1, 'x', false),
    w.headers(1, [[':method', 'GET']]),
  ]),
  malformed('8.2', 'an upper-case name', request('/', ['X-Test', 'ok'])),
  malformed('8.2.1', 'a name with a space', request('/', ['x test', 'ok'])),
  malformed('8.2.1', 'a name with a colon', request('/', ['x:test', 'ok'])),
  malformed('8.2.1', 'an empty name', request('/', ['', 'ok'])),
  malformed('8.2.1', 'a name that ends the line', request('/', ['x\r\nsmuggled', 'ok'])),
  malformed('8.2.1', 'a value that ends the line', request('/', ['x', 'a\r\nsmuggled: b'])),
  malformed('8.2.1', 'a value with LF', request('/', ['x', 'a\nb'])),
  malformed('8.2.1', 'a value with NUL', request('/', ['x', 'a\0b'])),
  malformed('8.2.1', 'a value that begins with space', request('/', ['x', ' a'])),
  malformed('8.2.1', 'a value that ends with space', request('/', ['x', 'a\t'])),
  ...['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'].map((name) =>
    malformed('8.2.2', `the field ${name}`, request('/', [name, 'x'])),
  ),
  malformed('8.2.2', 'TE other than trailers', request('/', ['te', 'trailers, deflate;q=0.5'])),
  malformed('8.3', 'an unknown pseudo-header field', [...request(), [':test', 'ok']]),
  malformed('8.3', 'a pseudo-header field of responses', [...request(), [':status', '200']]),
  malformed('8.3', 'a pseudo-header field after another field', [
    ...without(':path'),
    ['x', 'y'],
    [':path', '/'],
  ]),
  ...[':method', ':scheme', ':path'].map((name) => malformed('8.3.1', `no ${name}`, without(name))),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    malformed('8.3.1', `${name} twice`, [...request(), ...request().filter(([its]) => its === name)]),
  ),
  malformed('8.3.1', 'an empty :path', request('')),
  malformed('8.3.1', 'a :path without a slash', request('elsewhere')),
  malformed('8.3.1', 'a :path that ends the line', request('/ HTTP/1.1\r\nhost: b\r\n\r\nGET /smuggled')),
  malformed('8.3.1', 'an asterisk for GET', request('*')),
  malformed('8.3.1', 'a :method with a space', [[':method', 'GET /'], ...without(':method')]),
  malformed('8.3.1', 'a :scheme that is not of the web', [[':scheme', 'ftp'], ...without(':scheme')]),
  malformed('8.3.1', 'an :authority with user information', [
    ...without(':authority'),
    [':authority', 'me@shop.example'],
  ]),
  malformed('8.3.1', 'an :authority that ends the line', [
    ...without(':authority'),
    [':authority', 'a\r\nx: y'],
  ]),
  malformed('8.3.1', ':authority and host of different names', request('/', ['host', 'other.example'])),
  c('8.3.1', ':authority and host of one name', 'headers 1 200', (w) => [
    w.headers(1, request('/', ['host', 'SHOP.example'])),
  ]),
  c('8.3.1', 'host alone', 'headers 1 200', (w) => [
    w.headers(1, [...without(':authority'), ['host', 'shop.example']]),
  ]),
  c('8.3.1', 'no host at all', 'headers 1 400', (w) => [w.headers(1, without(':authority'))]),
  c('8.3.1', 'OPTIONS of the server', 'headers 1 200', (w) => [
    w.headers(1, [[':method', 'OPTIONS'], ...request('*').slice(1)]),
  ]),
  malformed('8.1.1', 'content-length of content that does not come', upload('/', ['content-length', '1'])),
  malformed('8.1.1', 'content-length twice', upload('/', ['content-length', '0'], ['content-length', '0'])),
  malformed('8.1.1', 'content-length that is no number', upload('/', ['content-length', '+0'])),
  c('8.1.1', 'more content than content-length says', reset(protocol), (w) => [
    w.headers(1, upload('/never', ['content-length', '1']), false),
    data(1, 'xy'),
  ]),
  c('8.1.1', 'less content than content-length says', reset(protocol), (w) => [
    w.headers(1, upload('/never', ['content-length', '3']), false),
    data(1, 'x', false),
    data(1, 'y'),
  ]),
  c('8.1.1', 'less content than content-length says, with trailers', reset(protocol), (w) => [
    w.headers(1, upload('/never', ['content-length', '3']), false),
    data(1, 'x', false),
    w.headers(1, [['x', 'y']]),
  ]),
  c('8.5', 'CONNECT', 'headers 1 501', (w) => [
    w.headers(1, [
      [':method', 'CONNECT'],
      [':authority', 'shop.example:443'],
    ]),
  ]),
  malformed('8.5', 'CONNECT with a path', [[':method', 'CONNECT'], ...request().slice(1)]),
  malformed('RFC 8441', ':protocol of a GET', [...request(), [':protocol', 'websocket']]),
  c('RFC 8441', 'another protocol than websocket', 'headers 1 501', (w) => [
    w.headers(1, [[':method', 'CONNECT'], [':protocol', 'connect-udp'], ...request().slice(1)]),
  ]),

  c('RFC 7541 2.3.3', 'an index that is in no table', lost(compression), () => [
    headers(whole, 1, bytes(0xff, 0x20)),
  ]),
  c('RFC 7541 2.3.3', 'a name with an index that is in no table', lost(compression), () => [
    headers(whole, 1, bytes(0x7f, 0x20, 1, 0x61)),
  ]),
  c('RFC 7541 4.2', 'a table size update after a field', lost(compression), (w) => [
    headers(whole, 1, Buffer.concat([w.encode(request()), bytes(0x20)])),
  ]),
  c('RFC 7541 5.2', 'padding of Huffman beyond 7 bits', lost(compression), () => [
    headers(whole, 1, bytes(0x40, 1, 0x61, 0x82, 0x1f, 0xff)),
  ]),
  c('RFC 7541 5.2', 'padding of Huffman with zeros', lost(compression), () => [
    headers(whole, 1, bytes(0x40, 1, 0x61, 0x81, 0x18)),
  ]),
  c('RFC 7541 5.2', 'the end of Huffman within a string', lost(compression), () => [
    headers(whole, 1, bytes(0x40, 1, 0x61, 0x84, 0xff, 0xff, 0xff, 0xff)),
  ]),
  c('RFC 7541 6.1', 'index 0', lost(compression), () => [headers(whole, 1, bytes(0x80))]),
  c('RFC 7541 6.3', 'a table beyond the one that we allow', lost(compression), () => [
    headers(whole, 1, bytes(0x3f, 0xe2, 0x1f)),
  ]),
  c('RFC 7541', 'the block of a refused stream is read nevertheless', 'headers 3 200', (w) => [
    w.headers(1, request('/', ['X', 'y'], ['x-kept', 'v'])),
    w.headers(3, request('/', ['x-kept', 'v'])),
  ]),
];
