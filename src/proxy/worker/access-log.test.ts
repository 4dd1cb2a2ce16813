import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { AccessLog, accessLogFields, routeAccessLog, type RouteAccessLog } from '../../core/access-log.ts';
import { Http2Wire, request as http2Request } from './http2-wire.fixture.ts';
import { answering, get, ok, Origin, post, Rig } from './rig.fixture.ts';

const Line = z.strictObject({
  time: z.iso.datetime(),
  service: z.string().nullable(),
  environment: z.enum(['blue', 'green']).nullable(),
  release: z.int().nullable(),
  instance: z.string().nullable(),
  client: z.string(),
  method: z.string().nullable(),
  host: z.string().nullable(),
  path: z.string().nullable(),
  query: z.string().nullable().optional(),
  protocol: z.string().nullable(),
  tls: z.string().nullable(),
  status: z.int().nullable(),
  cause: z.string().nullable(),
  detail: z.string().nullable(),
  durationMs: z.number().min(0),
  headMs: z.number().min(0),
  heldMs: z.number().min(0).nullable(),
  connectMs: z.number().min(0).nullable(),
  firstByteMs: z.number().min(0).nullable(),
  bytesIn: z.int().min(0),
  bytesOut: z.int().min(0),
  attempts: z.int().min(0),
  held: z.boolean(),
  mode: z.string(),
  upgraded: z.boolean(),
  requestId: z.string().nullable(),
  traceId: z.string().nullable(),
  userAgent: z.string().nullable(),
  referer: z.string().nullable(),
  request: z.record(z.string(), z.string().nullable()).optional(),
  response: z.record(z.string(), z.string().nullable()).optional(),
});
type Line = z.infer<typeof Line>;

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'access log '));
  file = join(directory, 'access.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const logTo = (more: z.input<typeof AccessLog> = {}): RouteAccessLog =>
  routeAccessLog(AccessLog.parse({ file, ...more }), (path) => path);

/** The lines of the log when there are so many, each whole. */
async function linesOf(rig: Rig, count: number): Promise<string[]> {
  await rig.when(
    () => existsSync(file) && readFileSync(file, 'utf8').split('\n').length > count,
    `${count} lines: ${existsSync(file) ? readFileSync(file, 'utf8') : 'no file'}`,
  );
  const text = readFileSync(file, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  const lines = text.slice(0, -1).split('\n');
  expect(lines).toHaveLength(count);
  return lines;
}
const told = async (rig: Rig, count: number): Promise<Line[]> =>
  (await linesOf(rig, count)).map((line) => Line.parse(JSON.parse(line)));

test('a request has one line, which says who asked what, who answered, and how long it took', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('hello')));
  rig.route({ blue: [origin.address], release: 7, accessLog: logTo() });
  const wire = await rig.connect();
  const request = get('/tea?cup=1', 'User-Agent: kettle/1', 'Referer: http://a.example/x?token=1');
  await wire.send(request).response();
  await wire.send(post('abc')).response();
  const [first, second] = await told(rig, 2);
  expect(first).toMatchObject({
    service: 'shop',
    environment: 'blue',
    release: 7,
    instance: `127.0.0.1:${origin.address.port}`,
    client: '127.0.0.1',
    method: 'GET',
    host: 'shop.example',
    path: '/tea',
    protocol: 'HTTP/1.1',
    tls: null,
    status: 200,
    cause: null,
    bytesIn: request.length,
    bytesOut: ok('hello').length,
    attempts: 1,
    held: false,
    heldMs: null,
    mode: 'open',
    upgraded: false,
    userAgent: 'kettle/1',
    referer: 'http://a.example/x',
  });
  expect(first).not.toHaveProperty('query');
  expect(first!.connectMs).not.toBeNull();
  expect(first!.firstByteMs).not.toBeNull();
  expect(first!.durationMs).toBeGreaterThanOrEqual(first!.firstByteMs!);
  // The second one went over the connection of the first.
  expect(second).toMatchObject({
    method: 'POST',
    path: '/write',
    connectMs: null,
    bytesIn: post('abc').length,
  });
  expect(statSync(file).mode & 0o007).toBe(0);
  expect(rig.plane.counters().get('shop')?.told).toMatchObject({ lines: 2, linesDropped: 0 });
});

test('a line says what the spec asks for, in its order, and never a secret', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('x', 'Content-Type: text/tea', 'Set-Cookie: s=1')));
  rig.route({
    blue: [origin.address],
    accessLog: logTo({
      fields: ['status', 'query', 'path'],
      requestHeaders: ['Cookie', 'Accept', 'X-Secret', 'absent'],
      responseHeaders: ['content-type', 'set-cookie'],
      redact: { query: ['Token'], headers: ['X-Secret'] },
    }),
  });
  const wire = await rig.connect();
  const fields = ['Cookie: c=1', 'Accept: a', 'accept: b', 'X-Secret: s'];
  await wire.send(get('/a?x=1&TOKEN=abc&to%6ben=def&y', ...fields)).response();
  expect(await linesOf(rig, 1)).toEqual([
    '{"status":200,"query":"x=1&TOKEN=***&to%6ben=***&y","path":"/a",' +
      '"request":{"cookie":"***","accept":"a, b","x-secret":"***","absent":null},' +
      '"response":{"content-type":"text/tea","set-cookie":"***"}}',
  ]);
});

const strange: [string, string, string][] = [
  ['quotes and backslashes', 'a"b\\c', '"a\\"b\\\\c"'],
  ['UTF-8', Buffer.from('tée').toString('latin1'), '"tée"'],
  ['what is no UTF-8', '\xff\xc3', '"\ufffd\ufffd"'],
  ['a control of a terminal (C1)', '\xc2\x9b31m', '"\\u009b31m"'],
  ['another direction of writing', Buffer.from('a\u202eb').toString('latin1'), '"a\\u202eb"'],
  ['a line of another script', Buffer.from('a\u2028b').toString('latin1'), '"a\\u2028b"'],
  ['a tab', 'a\tb', '"a\\tb"'],
];
for (const [what, sent, written] of strange)
  test(`text of strangers stays text: ${what}`, async () => {
    await using rig = await Rig.with(answering(ok('x')));
    rig.route({ blue: [rig.origins[0]!.address], accessLog: logTo({ fields: ['userAgent'] }) });
    await (await rig.connect()).send(get('/', `User-Agent: ${sent}`)).response();
    expect(await linesOf(rig, 1)).toEqual([`{"userAgent":${written}}`]);
  });

test('what is refused is told too, by its reason', async () => {
  await using rig = await Rig.start({ headMs: 100 });
  rig.route({ accessLog: logTo(), limits: { body: 10, headTime: 100 } });
  const refused: [string, number][] = [
    ['GET / HTTP/1.1\r\n\r\n', 400],
    [get(`/${'a'.repeat(9000)}`), 414],
    [get('/', `A: ${'b'.repeat(40_000)}`), 431],
    ['GET /late HTTP/1.1\r\nHost: x', 408],
    [post('more than ten bytes'), 413],
    ['\x16\x03\x01\x00"\n', 400],
  ];
  for (const [sent, status] of refused) {
    const wire = await rig.connect();
    expect((await wire.send(sent).response()).status).toBe(status);
  }
  const lines = await told(rig, refused.length);
  expect(lines.map(({ status, cause }) => [status, cause])).toEqual(
    refused.map(([, status]) => [status, 'refused']),
  );
  expect(lines.map(({ environment, instance }) => [environment, instance])).toEqual(
    refused.map(() => [null, null]),
  );
  expect(lines[0]).toMatchObject({ method: 'GET', path: '/', host: null, detail: 'Host missing' });
  expect(lines[3]).toMatchObject({ path: '/late', detail: 'the head took too long' });
  expect(lines[3]!.headMs).toBeGreaterThanOrEqual(90);
  expect(lines[4]).toMatchObject({ detail: 'body too long' });
  expect(lines[5]).toMatchObject({ method: null, path: null });
});

test('what fails says why, and is written whatever the sample; what ends well is not', async () => {
  await using rig = await Rig.start();
  const nobody = new Origin(() => {});
  nobody.close();
  const accessLog = logTo({ sample: 0 });
  const client = await rig.connect();
  const good = rig.origin(answering(ok('x')));
  rig.route({ blue: [good.address], accessLog });
  await client.send(get('/good')).response();
  rig.route({ blue: [nobody.address], accessLog, epoch: 2, release: 2 });
  expect((await client.send(get('/nobody')).response()).status).toBe(502);
  rig.route({ accessLog, epoch: 3 });
  expect((await client.send(get('/none')).response()).status).toBe(503);
  const broken = rig.origin(async (wire) => {
    await wire.has('\r\n\r\n');
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    await wire.until(() => wire.flushed, 'sent');
    wire.close();
  });
  rig.route({ blue: [broken.address], accessLog, epoch: 4, release: 4 });
  client.send(get('/broken'));
  await client.gone();
  const failing = rig.origin(answering('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n'));
  rig.route({ blue: [failing.address], accessLog, epoch: 5, release: 5 });
  await (await rig.connect()).send(get('/failing')).response();
  const lines = await told(rig, 4);
  expect(lines.map(({ path, status, cause }) => [path, status, cause])).toEqual([
    ['/nobody', 502, 'connect-failed'],
    ['/none', 503, 'no-instance'],
    ['/broken', 200, 'upstream-truncated'],
    ['/failing', 500, null],
  ]);
  expect(lines.map(({ release }) => release)).toEqual([2, 1, 4, 5]);
});

test('a client that leaves, and one that is held, are told of', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(async (wire) => {
    await wire.has('/leaves');
    await wire.gone();
    wire.close();
  });
  const accessLog = logTo();
  rig.route({ blue: [origin.address], accessLog });
  const leaves = await rig.connect();
  leaves.send(get('/leaves'));
  await rig.when(() => rig.side().inFlight === 1, 'asked');
  leaves.abort();
  expect(await told(rig, 1)).toMatchObject([{ path: '/leaves', status: null, cause: 'client-closed' }]);

  const other = rig.origin(answering(ok('x')));
  rig.plane.hold();
  const held = await rig.connect();
  held.send(get('/held'));
  await rig.when(() => rig.plane.waiting === 1, 'held');
  rig.route({ blue: [other.address], accessLog, epoch: 2, release: 2 });
  rig.plane.release();
  await held.response();
  const [, line] = await told(rig, 2);
  expect(line).toMatchObject({ path: '/held', status: 200, held: true });
  expect(line!.heldMs).not.toBeNull();
});

test('a WebSocket has its line at its end, with all bytes of both directions', async () => {
  const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\n';
  await using rig = await Rig.start();
  const origin = rig.origin(async (wire) => {
    await wire.has('\r\n\r\n');
    wire.take();
    wire.send(upgraded);
    await wire.has('ping');
    wire.send('pong');
    await wire.gone();
    wire.close();
  });
  rig.route({ blue: [origin.address], accessLog: logTo() });
  const wire = await rig.connect();
  const request = get('/ws', 'Connection: upgrade', 'Upgrade: tea');
  wire.send(request);
  await wire.has('\r\n\r\n');
  wire.send('ping');
  await wire.has('pong');
  expect(rig.plane.counters().get('shop')?.told.lines).toBe(0);
  wire.close();
  expect(await told(rig, 1)).toMatchObject([
    {
      status: 101,
      cause: null,
      upgraded: true,
      bytesIn: request.length + 4,
      bytesOut: upgraded.length + 4,
    },
  ]);
});

test('the last line of a worker that ends is written: that of the tunnel for which it waited', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(async (wire) => {
    await wire.has('\r\n\r\n');
    wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\n');
    await wire.gone();
    wire.close();
  });
  rig.route({ blue: [origin.address], accessLog: logTo() });
  const wire = await rig.connect();
  wire.send(get('/ws', 'Connection: upgrade', 'Upgrade: tea'));
  await wire.has('\r\n\r\n');
  const drained = rig.plane.drain(10_000);
  wire.abort();
  await drained;
  // Not a moment later: the process would end now.
  expect(Line.parse(JSON.parse(readFileSync(file, 'utf8')))).toMatchObject({ status: 101, path: '/ws' });
});

test('a request over HTTP/2 is told of as one', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('tea')));
  rig.route({ blue: [origin.address], accessLog: logTo() });
  const wire = await Http2Wire.open(rig);
  wire.ask(1, http2Request('/h2?x=1', ['user-agent', 'kettle']));
  expect((await wire.response(1)).status).toBe('200');
  const [line] = await told(rig, 1);
  expect(line).toMatchObject({
    protocol: 'HTTP/2.0',
    method: 'GET',
    path: '/h2',
    status: 200,
    cause: null,
    environment: 'blue',
    userAgent: 'kettle',
  });
  expect(line!.host).not.toBeNull();
});

test('a connection of a service that is switched as TCP has a line, without a request', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(async (wire) => {
    await wire.has('hi');
    wire.send('ho');
    await wire.gone();
    wire.close();
  });
  rig.route({ blue: [origin.address], protocol: 'tcp', accessLog: logTo() });
  const wire = await rig.connect();
  wire.send('hi');
  await wire.has('ho');
  wire.close();
  expect(await told(rig, 1)).toMatchObject([
    { method: null, path: null, status: null, bytesIn: 2, bytesOut: 2, environment: 'blue', cause: null },
  ]);
});

test('the formats of web servers say it in one line that cannot be forged', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('x')));
  const accessLog = logTo({ format: 'combined', redact: { query: ['k'] } });
  rig.route({ blue: [origin.address], accessLog });
  const wire = await rig.connect();
  await wire.send(get('/a?k=1&b', 'User-Agent: a"b\\c\xe9', 'Referer: http://x.example/?k=9')).response();
  const [line = ''] = await linesOf(rig, 1);
  expect(line).toMatch(
    /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/a\?k=\*\*\*&b HTTP\/1\.1" 200 \d+ "http:\/\/x\.example\/\?k=\*\*\*" "a\\x22b\\x5cc\\xef\\xbf\\xbd"$/,
  );
});

test('no line is longer than what is written at once, whatever a client sends', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('x')));
  const names = Array.from({ length: 9 }, (_, n) => `x-${n}`);
  rig.route({
    blue: [origin.address],
    limits: { head: 262_144 },
    accessLog: logTo({ fields: [...accessLogFields], requestHeaders: names }),
  });
  const wire = await rig.connect();
  // Each of these bytes is three in the line.
  const fields = names.map((name) => `${name}: ${'\xff'.repeat(7000)}`);
  await wire.send(get(`/${'"'.repeat(8000)}`, ...fields)).response();
  const [line = ''] = await linesOf(rig, 1);
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(65_536);
  expect(Line.parse(JSON.parse(line)).request?.['x-8']).toEndWith('…');
});

test('a file that was renamed gets no more lines; a new one does', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('x')));
  rig.route({ blue: [origin.address], accessLog: logTo({ fields: ['path'] }) });
  const wire = await rig.connect();
  await wire.send(get('/before')).response();
  await linesOf(rig, 1);
  renameSync(file, `${file}.1`);
  await rig.when(() => {
    wire.send(get('/after'));
    return existsSync(file) && statSync(file).size > 0;
  }, 'a new file');
  expect(readFileSync(`${file}.1`, 'utf8')).toStartWith('{"path":"/before"}\n');
  expect(readFileSync(file, 'utf8')).toStartWith('{"path":"/after"}\n');
});
