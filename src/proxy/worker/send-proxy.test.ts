import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { RouteUpstream } from '../../core/upstream.ts';
import { statusRange } from '../../core/instance-policy.ts';
import { httpCheck } from '../../checks/http.ts';
import { tcpCheck } from '../../checks/tcp.ts';
import { loadCheck } from '../../checks/load.ts';
import { systemClock } from '../../clocks/system.ts';
import { Check } from '../../core/spec/check.ts';
import { probeInstance } from '../keeper/instance-probe.ts';
import { type Ends, parseProxyHeader, type ProxyHeader } from '../proxy-protocol/header.ts';
import { TestCertificates } from '../tls/certificates.fixture.ts';
import { dialerFor } from '../upstream/dialer.ts';
import { answering, get, ok, post, Rig, type Wire } from './rig.fixture.ts';

let files: TestCertificates;
beforeAll(async () => {
  files = new TestCertificates();
  await files.make('authority');
  await files.sign('instance', 'authority', 'IP:127.0.0.1');
});
afterAll(() => files[Symbol.dispose]());

const v1: RouteUpstream = { protocol: 'http1', tls: null, sendProxy: 'v1' };
const v2: RouteUpstream = { protocol: 'http1', tls: null, sendProxy: 'v2' };

/** Takes the header off what has come; what is none fails the test. */
async function headerOf(wire: Wire): Promise<Extract<ProxyHeader, { kind: 'whole' }>> {
  const read = (): ProxyHeader => parseProxyHeader(wire.received, wire.received.length);
  await wire.until(() => read().kind !== 'partial', 'PROXY header');
  const header = read();
  if (header.kind !== 'whole') throw new Error(`no PROXY header: ${JSON.stringify(wire.text)}`);
  wire.received = wire.received.subarray(header.length);
  return header;
}
/** An instance that requires a header, tells what it said, and answers so. */
const requiring = (told: (Ends | null)[], script: (wire: Wire) => Promise<void>) => {
  return async (wire: Wire): Promise<void> => {
    told.push((await headerOf(wire)).ends);
    await script(wire);
  };
};
const answers = answering(ok('well'));

/** Takes the PROXY header in front of an instance that speaks TLS, and passes on the rest. */
async function greetedDoor(port: number): Promise<{ port: number; headers: string[]; close(): void }> {
  const headers: string[] = [];
  const server = createServer((socket) => {
    let read = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      read = Buffer.concat([read, chunk]);
      const header = parseProxyHeader(read, read.length);
      if (header.kind === 'partial') return;
      socket.off('data', take);
      headers.push(header.kind === 'whole' ? (header.ends?.source.ip ?? 'itself') : header.why);
      const inner = connect(port, '127.0.0.1');
      inner.on('error', () => socket.destroy());
      socket.on('error', () => inner.destroy());
      if (header.kind === 'whole') inner.write(read.subarray(header.length));
      socket.pipe(inner).pipe(socket);
    };
    socket.on('data', take);
    socket.on('error', () => socket.destroy());
  });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.listen(0, '127.0.0.1', () => resolve(undefined));
  await promise;
  const place = server.address();
  if (place === null || typeof place === 'string') throw new Error('no port');
  return { port: place.port, headers, close: () => server.close() };
}

describe('an instance that is told of clients by a PROXY header', () => {
  test.each([
    ['v1', v1],
    ['v2', v2],
  ] as const)(
    'gets it in version %s, once for each connection of a client, which is kept',
    async (_, upstream) => {
      await using rig = await Rig.start();
      const told: (Ends | null)[] = [];
      const origin = rig.origin(requiring(told, answers));
      rig.route({ blue: [origin.address], upstream });
      const wire = await rig.connect();
      for (let n = 0; n < 3; n++) expect((await wire.send(get()).response()).body).toBe('well');
      expect((await wire.send(post('x'.repeat(50_000))).response()).status).toBe(200);
      expect(told).toEqual([
        {
          source: { ip: '127.0.0.1', port: wire.socket.localPort },
          destination: { ip: rig.address.host, port: rig.address.port },
        },
      ]);
      expect(rig.failures()).toBe(0);
    },
  );

  test('never sees two clients on a connection, one after the other or at once', async () => {
    await using rig = await Rig.start();
    const told: (Ends | null)[] = [];
    const origin = rig.origin(
      requiring(
        told,
        answering((head) => ok(/^GET \/(\d+)/.exec(head)?.[1] ?? '')),
      ),
    );
    rig.route({ blue: [origin.address], upstream: v1 });
    const clients = [await rig.connect(), await rig.connect(), await rig.connect()];
    for (let round = 0; round < 3; round++)
      for (const client of clients)
        expect((await client.send(get(`/${client.socket.localPort}`)).response()).status).toBe(200);
    expect(told.map((ends) => ends?.source.port)).toEqual(clients.map(({ socket }) => socket.localPort));
  });

  test('is told of the client that a trusted peer names, anew for each', async () => {
    await using rig = await Rig.start();
    const told: (Ends | null)[] = [];
    const origin = rig.origin(requiring(told, answers));
    const entrance = { proxyProtocol: false, trust: ['127.0.0.1'] };
    rig.route({ blue: [origin.address], upstream: v2, entrance });
    const wire = await rig.connect();
    for (const client of ['203.0.113.7', '203.0.113.8', '203.0.113.7'])
      expect((await wire.send(get('/', `X-Forwarded-For: ${client}`)).response()).status).toBe(200);
    expect(told.map((ends) => ends?.source)).toEqual([
      { ip: '203.0.113.7', port: 0 },
      { ip: '203.0.113.8', port: 0 },
    ]);
  });

  test('is told what a PROXY header at the door has said', async () => {
    await using rig = await Rig.start();
    const told: (Ends | null)[] = [];
    const origin = rig.origin(requiring(told, answers));
    rig.route({ blue: [origin.address], upstream: v2, entrance: { proxyProtocol: true, trust: [] } });
    const wire = await rig.connect();
    wire.send('PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n');
    expect((await wire.send(get()).response()).status).toBe(200);
    expect(told).toEqual([
      { source: { ip: '2001:db8::7', port: 4711 }, destination: { ip: '2001:db8::1', port: 443 } },
    ]);
  });

  test('gets it after another has refused the connection', async () => {
    await using rig = await Rig.start();
    const told: (Ends | null)[] = [];
    const gone = rig.origin(answers);
    gone.close();
    const origin = rig.origin(requiring(told, answers));
    rig.route({ blue: [gone.address, origin.address], upstream: v1 });
    for (let n = 0; n < 4; n++) {
      const wire = await rig.connect();
      expect((await wire.send(post('body')).response()).status).toBe(200);
    }
    expect(told).toHaveLength(4);
    expect(rig.side().retried).toBeGreaterThan(0);
  });

  test('loses its connection to a client that asks for no more', async () => {
    await using rig = await Rig.start();
    const origin = rig.origin(requiring([], answers));
    rig.route({ blue: [origin.address], upstream: v1 });
    const wire = await rig.connect();
    expect((await wire.send(get('/', 'Connection: close')).response()).status).toBe(200);
    await origin.wires[0]!.gone();
  });

  test('gets it before what a client of a TCP service sends', async () => {
    await using rig = await Rig.start();
    const told: (Ends | null)[] = [];
    const origin = rig.origin(
      requiring(told, async (wire) => {
        await wire.has('hello');
        wire.send('220 ready');
      }),
    );
    rig.route({ blue: [origin.address], upstream: v1, protocol: 'tcp' });
    const wire = await rig.connect();
    await wire.send('hello').has('220 ready');
    expect(told).toMatchObject([{ source: { ip: '127.0.0.1', port: wire.socket.localPort } }]);
  });

  test('over TLS, gets it before the handshake; checks of all kinds tell of no client', async () => {
    await using rig = await Rig.start();
    const read = (name: string): string => readFileSync(files.path(name), 'utf8');
    const served = { cert: read('instance.crt'), key: read('instance.key') };
    const origin = rig.origin(answers, served);
    const door = await greetedDoor(origin.address.port);
    const address = { host: '127.0.0.1', port: door.port };
    const tls = {
      ca: files.path('authority.crt'),
      serverName: null,
      cert: null,
      key: null,
      verify: true,
    };
    try {
      for (const sendProxy of ['v1', 'v2'] as const) {
        door.headers.length = 0;
        const upstream: RouteUpstream = { protocol: 'http1', tls, sendProxy };
        rig.route({ blue: [address], upstream });
        const wire = await rig.connect();
        for (let n = 0; n < 3; n++) expect((await wire.send(get()).response()).body).toBe('well');
        expect(door.headers).toEqual(['127.0.0.1']);
        door.headers.length = 0;
        await checkAll(address, upstream);
        expect(new Set(door.headers)).toEqual(new Set(['itself']));
        expect(door.headers.length).toBeGreaterThanOrEqual(4);
      }
    } finally {
      door.close();
    }
  });

  test.each([
    ['v1', v1],
    ['v2', v2],
  ] as const)('is checked by connections that speak for themselves, in version %s', async (_, upstream) => {
    await using rig = await Rig.start();
    const told: (Ends | null)[] = [];
    // A check by TCP leaves without a word after the header.
    const origin = rig.origin(requiring(told, answers));
    await checkAll(origin.address, upstream);
    await origin.wires.at(-1)!.until(() => told.length >= 4, 'headers of all checks');
    expect(new Set(told)).toEqual(new Set([null]));
  });
});

/** The checks of a deployment and of the keeper, each of which must find the instance well. */
async function checkAll(address: { host: string; port: number }, upstream: RouteUpstream): Promise<void> {
  const target = { address, upstream, variables: {}, directory: '/' };
  const { http } = Check.parse({ http: { path: '/', contains: 'well' } });
  const { load } = Check.parse({ load: { rate: 100, duration: '100ms' } });
  if (http === undefined || load === undefined) throw new Error('no probes');
  expect(await httpCheck(systemClock, http, target, 2000)).toMatchObject({ ok: true });
  expect(await tcpCheck(systemClock, target, 2000)).toMatchObject({ ok: true });
  expect(await loadCheck(systemClock, load, target, 2000)).toMatchObject({ ok: true });
  const asked = { method: 'GET', path: '/', headers: {}, ...statusRange('2xx') };
  const probe = { http: asked, intervalMs: 10, timeoutMs: 2000, healthy: 1, unhealthy: 1 } as const;
  const dialer = dialerFor(upstream, () => performance.now());
  expect(await probeInstance(address, probe, dialer)).toBe(true);
}
