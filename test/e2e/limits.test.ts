import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfCommand } from '../../src/cli/self.ts';
import { runCli } from '../../src/cli/testing/run-cli.ts';
import { type Address, formatAddress } from '../../src/core/address.ts';
import { connectWire, get, ok, Origin, post, type Wire } from '../../src/proxy/worker/rig.fixture.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';

setDefaultTimeout(30_000);

let origin: Origin;
let folder: string;
let child: Bun.Subprocess<'ignore', 'pipe', 'pipe'> | undefined;
const wires: Wire[] = [];

/** Says nothing on /silent, half of a response on /half, and the head that came elsewhere, when the whole request is there. */
async function answer(wire: Wire): Promise<void> {
  for (;;) {
    await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
    if (!wire.text.includes('\r\n\r\n')) return;
    const head = wire.text.slice(0, wire.text.indexOf('\r\n\r\n') + 4);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const whole = (): boolean => wire.received.length >= head.length + length;
    if (!whole()) await wire.until(() => wire.closed || whole(), 'body').catch(() => undefined);
    if (!whole()) return;
    wire.received = wire.received.subarray(head.length + length);
    if (head.startsWith('GET /silent')) continue;
    wire.send(head.startsWith('GET /half') ? ok('x'.repeat(100)).slice(0, -50) : ok(head));
  }
}

beforeAll(() => {
  origin = new Origin(answer);
});
afterAll(() => origin.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover limits '));
});
afterEach(async () => {
  for (const wire of wires.splice(0)) if (!wire.closed) wire.abort();
  child?.kill('SIGTERM');
  await child?.exited;
  child = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const admin = (): string => join(folder, 'admin.sock');

/** `cutover proxy` in a process of its own, with one worker; returns where it listens. */
const proxy = (...words: string[]): Promise<Address> => proxyUnder([], ...words);
/** The same, started by another program (`prefix`). */
async function proxyUnder(prefix: readonly string[], ...words: string[]): Promise<Address> {
  const blue = words.includes('--blue') ? [] : ['--blue', formatAddress(origin.address)];
  child = Bun.spawn(
    [
      ...prefix,
      ...selfCommand(),
      ...['proxy', '--listen', '127.0.0.1:0', '--workers', '1', '--admin', admin()],
      ...[...blue, ...words],
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for await (const _ of child.stdout) {
    const route = await new EmbeddedRouter('/', admin()).read('main');
    if (route) return route.listen;
  }
  throw new Error(`it did not start: ${await child.stderr.text()}`);
}
const limited = (...limits: string[]): Promise<Address> =>
  proxy(...limits.flatMap((limit) => ['--limit', limit]));

async function connect(address: Address): Promise<Wire> {
  const wire = await connectWire(address);
  wires.push(wire);
  return wire;
}
async function refused(): Promise<Record<string, number>> {
  return (await new EmbeddedRouter('/', admin()).counters('main')).refused;
}

describe('a request beyond a limit is answered, and its connection closed:', () => {
  const long = 'x'.repeat(2000);
  test.each([
    ['400', 'a request that could be read in two ways', [], 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['408', 'headTime', ['headTime=300ms'], 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['408', 'bodyIdle', ['bodyIdle=300ms'], post('abc').slice(0, -1)],
    ['413', 'body, announced', ['body=10'], post('x'.repeat(11))],
    [
      '413',
      'body, in chunks',
      ['body=10'],
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n' + 'x'.repeat(32),
    ],
    ['414', 'target', ['target=100'], get(`/${long}`)],
    ['431', 'head', ['head=1024'], get('/', `X: ${long}`)],
    ['431', 'headers', ['headers=8'], get('/', ...Array.from({ length: 8 }, (_, n) => `X${n}: 1`))],
    ['501', 'CONNECT, which is not offered', [], 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
    ['505', 'a version that is not spoken', [], 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ])('%s for %s', async (status, _, limits, request) => {
    const address = await limited(...limits);
    const wire = await connect(address);
    wire.send(request);
    const answered = await wire.response();
    expect(answered.status).toBe(Number(status));
    expect(answered.head.toLowerCase()).toContain('connection: close');
    await wire.gone();
    expect(await refused()).toEqual({ [status]: 1 });
    // Others are served as before.
    expect((await (await connect(address)).send(get('/', 'Connection: close')).response()).status).toBe(200);
  });

  test('408 for rate, though something comes all the time', async () => {
    const wire = await connect(await limited('bodyIdle=400ms', 'rate=1000'));
    wire.send(post('x'.repeat(5000)).slice(0, -5000));
    const drip = setInterval(() => wire.send('x'), 50);
    try {
      expect((await wire.response()).status).toBe(408);
    } finally {
      clearInterval(drip);
    }
  });
});

describe('a request that an instance does not answer in time is answered:', () => {
  test.each([
    ['response', ['response=300ms']],
    ['total', ['total=300ms']],
  ])('504 for %s', async (_, limits) => {
    const wire = await connect(await limited(...limits));
    expect((await wire.send(get('/silent')).response()).status).toBe(504);
    expect((await wire.send(get()).response()).status).toBe(200);
  });
  test('502 where no instance takes a connection', async () => {
    const closed = new Origin(() => undefined);
    closed.close();
    const wire = await connect(await proxy('--blue', formatAddress(closed.address)));
    expect((await wire.send(get()).response()).status).toBe(502);
  });
  test.each([
    ['queue', ['perInstance=1', 'queue=0']],
    ['queueWait', ['perInstance=1', 'queueWait=300ms']],
  ])('503 for %s, where the only instance is full', async (_, limits) => {
    const address = await limited(...limits);
    (await connect(address)).send(get('/silent'));
    const wire = await connect(address);
    for (let status = 0; status !== 503; status = (await wire.send(get()).response()).status)
      expect([0, 200]).toContain(status);
    expect((await new EmbeddedRouter('/', admin()).counters('main')).blue.failed).toMatchObject({
      'instances-full': 1,
    });
  });
  test('with a reset for responseIdle, when its response has begun', async () => {
    const wire = await connect(await limited('responseIdle=300ms'));
    wire.send(get('/half'));
    await wire.until(() => wire.closed, 'reset');
    expect(wire.reset).toBe(true);
    expect(wire.text).toStartWith('HTTP/1.1 200');
  });
});

describe('a connection', () => {
  test('is closed without a word after idle', async () => {
    const wire = await connect(await limited('idle=300ms'));
    await wire.gone();
    expect([wire.text, wire.reset]).toEqual(['', false]);
  });
  test('more of one address than clientConnections is closed', async () => {
    const address = await limited('clientConnections=1');
    const first = await connect(address);
    expect((await first.send(get()).response()).status).toBe(200);
    // The reset may be there before the client has been told that it is connected.
    await connect(address).then(
      (wire) => wire.gone(),
      (error: unknown) => expect(error).toMatchObject({ code: 'ECONNRESET' }),
    );
    expect(await refused()).toEqual({ connections: 1 });
    expect((await first.send(get()).response()).status).toBe(200);
  });
  test('beyond what descriptors allow is told so, and the others are served', async () => {
    // (256 - 64) / 2
    const cap = 96;
    const address = await proxyUnder(['prlimit', '--nofile=256:256']);
    const kept: Wire[] = [];
    for (let n = 0; n < cap; n++) {
      kept.push(await connect(address));
      expect((await kept[n]!.send(get()).response()).status).toBe(200);
    }
    const next = await connect(address);
    expect((await next.send(get()).response()).status).toBe(503);
    await next.gone();
    // Far more than there are descriptors for; whoever is reset at once counts as told.
    await Promise.allSettled(Array.from({ length: 400 }, () => connect(address)));
    const told = async (): Promise<number> => (await refused())[503] ?? 0;
    expect(await told()).toBeGreaterThan(1);
    for (const wire of wires.filter((each) => !kept.includes(each))) if (!wire.closed) wire.abort();
    // Those that have been idle for the longest give way, so that new clients find room.
    await kept[0]!.gone();
    expect((await (await connect(address)).send(get()).response()).status).toBe(200);
    const status = await new EmbeddedRouter('/', admin()).status();
    expect(status.workers).toMatchObject([{ ready: true, restarts: 0 }]);
  });
  test('begins with a PROXY header where that is required', async () => {
    const address = await proxy('--proxy-protocol', '--trust', '127.0.0.0/8,192.0.2.0/24');
    const wire = await connect(address);
    wire.send('PROXY TCP4 192.0.2.9 127.0.0.1 1000 80\r\n').send(get('/', 'X-Forwarded-For: 203.0.113.7'));
    expect((await wire.response()).body).toContain('X-Forwarded-For: 203.0.113.7, 192.0.2.9\r\n');
    await (await connect(address)).send(get()).gone();
    expect(await refused()).toEqual({ 'proxy-header': 1 });
  });
});

test.each([
  [['--limit', 'bodies=1'], '--limit: expected NAME=VALUE, found bodies=1'],
  [['--limit', 'body=1', '--limit', 'body=2'], '--limit: body is named twice'],
  [['--limit', 'headTime=5'], '--limit headTime: expected a duration such as 500ms, 10s, 5m or 1h, found 5'],
  [
    ['--trust', '10.0.0.1/8'],
    '--trust: expected an address or a network such as 10.0.0.0/8, found 10.0.0.1/8',
  ],
])('%p is told to be wrong', async (words, message) => {
  const run = await runCli(['proxy', '--listen', '127.0.0.1:0', '--blue', '127.0.0.1:1', ...words], {
    cwd: folder,
  });
  expect(run.exit).toBe(2);
  expect(run.stderr).toContain(message);
});
