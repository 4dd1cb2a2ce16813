import { afterAll, beforeAll, expect, test } from 'bun:test';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { RouteUpstream, RouteUpstreamTls } from '../../core/upstream.ts';
import { TestCertificates } from '../tls/certificates.fixture.ts';
import { answering, get, ok, type Origin, post, Rig, type Wire } from './rig.fixture.ts';

let files: TestCertificates;
beforeAll(async () => {
  files = new TestCertificates();
  await files.make('authority');
  await files.make('stranger');
  await files.sign('instance', 'authority', 'DNS:instance.example', 'IP:127.0.0.1');
  await files.sign('named', 'authority', 'DNS:instance.example');
  await files.sign('proxy', 'authority');
});
afterAll(() => files[Symbol.dispose]());

const text = (name: string): string => readFileSync(files.path(name), 'utf8');
const served = (name: string, more: object = {}) => ({
  cert: text(`${name}.crt`),
  key: text(`${name}.key`),
  ...more,
});
const over = (tls: Partial<RouteUpstreamTls> = {}): RouteUpstream => ({
  protocol: 'http1',
  tls: { ca: files.path('authority.crt'), serverName: null, cert: null, key: null, verify: true, ...tls },
});
/** A rig whose live side is these origins, reached so. */
const reach = (rig: Rig, upstream: RouteUpstream, ...origins: readonly Origin[]): void =>
  rig.route({ blue: origins.map(({ address }) => address), upstream });
const wantsClients = () => ({ ca: text('authority.crt'), requestCert: true, rejectUnauthorized: true });

test('requests reach an instance over TLS, by one connection that is kept', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('over TLS')), served('instance'));
  reach(rig, over(), origin);
  const wire = await rig.connect();
  for (let n = 0; n < 3; n++) expect((await wire.send(get()).response()).body).toBe('over TLS');
  expect((await wire.send(post('x'.repeat(40_000))).response()).body).toBe('over TLS');
  expect(origin.wires.length).toBe(1);
  expect(rig.failures()).toBe(0);
  expect(rig.warnings).toEqual([]);
});

test('a long body and a long response pass whole, at the pace of who reads', async () => {
  await using rig = await Rig.start();
  const body = 'abcdefghij'.repeat(300_000);
  const origin = rig.origin(async (wire: Wire) => {
    await wire.until(() => wire.text.endsWith('0\r\n\r\n'), 'whole body');
    wire.send(ok(body));
  }, served('instance'));
  reach(rig, over(), origin);
  const wire = await rig.connect();
  const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
  wire.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let n = 0; n < 300; n++) wire.send(chunk);
  wire.send('0\r\n\r\n');
  expect((await wire.response()).body).toBe(body);
  expect(origin.wires[0]!.count).toBeGreaterThan(3_000_000);
});

test('the name to ask for and to find in the certificate can be given', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('named')), served('named'));
  reach(rig, over({ serverName: 'instance.example' }), origin);
  const wire = await rig.connect();
  expect((await wire.send(get()).response()).body).toBe('named');
});

for (const [what, tls, warning, name] of [
  [
    'of an authority that is not trusted',
    { ca: 'stranger.crt' },
    'its certificate is not trusted',
    'instance',
  ],
  [
    'for another host',
    { serverName: 'other.example' },
    'its certificate is not for other.example',
    'instance',
  ],
  ['for no address', {}, 'its certificate is not for 127.0.0.1', 'named'],
  [
    'of an authority that the system does not know',
    { ca: null },
    'its certificate is not trusted',
    'instance',
  ],
] as const) {
  const options = (): Partial<RouteUpstreamTls> =>
    'ca' in tls && tls.ca !== null ? { ca: files.path(tls.ca) } : tls;

  test(`an instance with a certificate ${what} gets no byte of a request, and it is told why`, async () => {
    await using rig = await Rig.start();
    const origin = rig.origin(answering(ok('no')), served(name));
    reach(rig, over(options()), origin);
    const wire = await rig.connect();
    expect((await wire.send(get()).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'connect-failed': 1 });
    expect(origin.wires.reduce((sum, { count }) => sum + count, 0)).toBe(0);
    expect(rig.warnings).toHaveLength(1);
    expect(rig.warnings[0]).toContain(warning);
    // Told once, until it is something else.
    expect((await wire.send(get()).response()).status).toBe(502);
    expect(rig.warnings).toHaveLength(1);
  });

  test(`without verification one with a certificate ${what} is taken`, async () => {
    await using rig = await Rig.start();
    reach(rig, over({ ...options(), verify: false }), rig.origin(answering(ok('yes')), served(name)));
    expect((await (await rig.connect()).send(get()).response()).body).toBe('yes');
  });
}

test('what one instance did not get because its handshake failed goes to another, whatever the method', async () => {
  await using rig = await Rig.start();
  const bad = rig.origin(answering(ok('bad')), served('stranger'));
  const good = rig.origin(answering(ok('good')), served('instance'));
  reach(rig, over(), bad, good);
  for (let n = 0; n < 4; n++) {
    const wire = await rig.connect();
    expect((await wire.send(post('hello')).response()).body).toBe('good');
  }
  expect(rig.failures()).toBe(0);
  expect(rig.side().retried).toBeGreaterThan(0);
});

test('an instance that speaks no TLS, or says nothing, is one that takes no connection', async () => {
  await using rig = await Rig.start({ connectMs: 200 });
  const plain = rig.origin((wire) => void wire.send('HTTP/1.1 400 Bad Request\r\n\r\n').close());
  const silent = rig.origin(() => undefined);
  const good = rig.origin(answering(ok('good')), served('instance'));
  reach(rig, over(), plain);
  expect((await (await rig.connect()).send(get()).response()).status).toBe(502);
  expect(rig.warnings[0]).toContain('no TLS');
  reach(rig, over(), silent);
  expect((await (await rig.connect()).send(get()).response()).status).toBe(504);
  await silent.wires[0]!.gone();
  reach(rig, over(), silent, good);
  for (let n = 0; n < 2; n++)
    expect((await (await rig.connect()).send(post('a')).response()).body).toBe('good');
  expect(rig.side().failed).toEqual({ 'connect-failed': 2 });
});

test('an instance that wants a certificate of its clients gets ours', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(answering(ok('known')), served('instance', wantsClients()));
  const own = { cert: files.path('proxy.crt'), key: files.path('proxy.key') };
  reach(rig, over(own), origin);
  const wire = await rig.connect();
  expect((await wire.send(get()).response()).body).toBe('known');
  expect((await wire.send(post('x')).response()).body).toBe('known');
});

test('one that refuses our certificate took no connection, though TLS 1.3 tells it late', async () => {
  await using rig = await Rig.start();
  const strict = rig.origin(answering(ok('strict')), served('instance', wantsClients()));
  reach(rig, over(), strict);
  expect((await (await rig.connect()).send(post('x')).response()).status).toBe(502);
  expect(rig.side().failed).toEqual({ 'connect-failed': 1 });
  expect(rig.warnings[0]).toContain('CERTIFICATE_REQUIRED');
  const easy = rig.origin(answering(ok('easy')), served('instance'));
  reach(rig, over(), strict, easy);
  for (let n = 0; n < 4; n++) {
    const wire = await rig.connect();
    expect((await wire.send(post('hello')).response()).body).toBe('easy');
  }
  expect(rig.failures()).toBe(1);
});

test('files are read again when they change, and one that is broken does not take the place of a good one', async () => {
  await using rig = await Rig.start({ upstreamIdle: 0 });
  copyFileSync(files.path('stranger.crt'), files.path('trusted.crt'));
  reach(rig, over({ ca: files.path('trusted.crt') }), rig.origin(answering(ok('in')), served('instance')));
  const status = async (): Promise<number> =>
    (await (await rig.connect()).send(get('/', 'Connection: close')).response()).status;
  const becomes = async (wanted: number): Promise<void> => {
    const until = performance.now() + 4000;
    while ((await status()) !== wanted)
      if (performance.now() > until) throw new Error(`expected status ${wanted}`);
  };
  expect(await status()).toBe(502);
  copyFileSync(files.path('authority.crt'), files.path('trusted.crt'));
  await becomes(200);
  writeFileSync(files.path('trusted.crt'), 'rubbish');
  const until = performance.now() + 1200;
  while (performance.now() < until) expect(await status()).toBe(200);
});

test('a WebSocket reaches its instance over TLS, and each direction ends by itself', async () => {
  await using rig = await Rig.start();
  const origin = rig.origin(async (wire) => {
    await wire.has('\r\n\r\n');
    wire.take();
    wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
    await wire.has('ping');
    wire.send('pong');
    await wire.gone();
    wire.send('bye').close();
  }, served('instance'));
  reach(rig, over(), origin);
  const wire = await rig.connect();
  wire.send(get('/', 'Connection: upgrade', 'Upgrade: websocket'));
  await wire.has('101 Switching');
  wire.send('ping');
  await wire.has('pong');
  wire.shutdown();
  await wire.has('bye');
});

test('other settings take other connections', async () => {
  await using rig = await Rig.start();
  const plain = rig.origin(answering(ok('plain')));
  const secure = rig.origin(answering(ok('secure')), served('instance'));
  reach(rig, over(), secure);
  const wire = await rig.connect();
  expect((await wire.send(get()).response()).body).toBe('secure');
  reach(rig, over({ ca: files.path('stranger.crt') }), secure);
  expect((await wire.send(get()).response()).status).toBe(502);
  rig.route({ blue: [plain.address] });
  expect((await wire.send(get()).response()).body).toBe('plain');
  await secure.wires[0]!.gone();
});

test('HTTP/2 over TLS is agreed on, or there is no connection', async () => {
  await using rig = await Rig.start();
  const program = `
    const [cert, key] = process.argv.slice(-2).map((path) => require('node:fs').readFileSync(path));
    const server = require('node:http2').createSecureServer({ cert, key });
    server.on('stream', (stream, { ':scheme': scheme }) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': scheme }));
      stream.end('over h2');
    });
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));
  `;
  const paths = [files.path('instance.crt'), files.path('instance.key')];
  const child = Bun.spawn([process.execPath, '-e', program, ...paths], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let port = 0;
    for await (const line of child.stdout) {
      port = Number(new TextDecoder().decode(line));
      break;
    }
    const h2: RouteUpstream = { ...over(), protocol: 'h2' };
    rig.route({ blue: [{ host: '127.0.0.1', port }], upstream: h2 });
    const wire = await rig.connect();
    wire.send(post('hello'));
    await wire.has('over h2\r\n0\r\nx-after: https\r\n\r\n');
    const old = rig.origin(answering(ok('old')), served('instance'));
    reach(rig, h2, old);
    expect((await (await rig.connect()).send(post('x')).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'connect-failed': 1 });
    expect(rig.warnings.at(-1)).toContain('it does not speak HTTP/2 over TLS');
  } finally {
    child.kill();
    await child.exited;
  }
});
