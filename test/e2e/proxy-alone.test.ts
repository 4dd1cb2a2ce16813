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
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { formatAddress, type Address } from '../../src/core/address.ts';
import { runCli } from '../../src/cli/testing/run-cli.ts';
import { selfCommand } from '../../src/cli/self.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';
import { startLoad, type LoadResult } from '../fixtures/http-load.ts';
import { curl, TestCertificates } from '../../src/proxy/tls/certificates.fixture.ts';
import { runs, startOrigin, until, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

let blue: Origin;
let green: Origin;
let folder: string;
let alone: Alone | undefined;

beforeAll(() => {
  blue = startOrigin('blue');
  green = startOrigin('green');
});
afterAll(async () => {
  await blue.close();
  await green.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover alone '));
});
afterEach(async () => {
  await alone?.close();
  alone = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** `cutover proxy` in a process of its own. */
class Alone {
  readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
  readonly router: EmbeddedRouter;
  private constructor(
    readonly socket: string,
    words: readonly string[],
  ) {
    this.router = new EmbeddedRouter('/', socket);
    this.child = Bun.spawn([...selfCommand(), 'proxy', ...words, '--admin', socket], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
  static async start(...words: string[]): Promise<Alone> {
    alone = new Alone(join(folder, 'admin.sock'), words);
    for await (const _ of alone.child.stdout) return alone;
    throw new Error(`it did not start: ${await alone.child.stderr.text()}`);
  }
  async listen(): Promise<Address> {
    const route = await this.router.read('main');
    if (!route) throw new Error('there is no route');
    return route.listen;
  }
  async get(): Promise<string> {
    const response = await fetch(`http://${formatAddress(await this.listen())}/`, {
      headers: { connection: 'close' },
    });
    return response.text();
  }
  cli(...words: string[]) {
    return runCli(['proxy', ...words, '--admin', this.socket], { cwd: folder });
  }
  async close(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    await this.child.exited;
  }
}

const both = (): string[] => ['--blue', formatAddress(blue.address), '--green', formatAddress(green.address)];
const anyPort = ['--listen', '127.0.0.1:0'];

const children = (pid: number): { pid: number; state: string }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(parent) === pid ? [{ pid: Number(name), state }] : [];
      } catch {
        return [];
      }
    });

describe('the proxy by itself', () => {
  test('says where it answers, serves blue, and is switched and looked at by its socket', async () => {
    const proxy = await Alone.start(...anyPort, ...both(), '--workers', '1');
    expect(await proxy.get()).toBe('blue');
    const switched = await proxy.cli('switch', 'green');
    expect(switched).toMatchObject({ exit: 0, stderr: '' });
    expect(switched.stdout).toContain('live: main on green');
    expect(await proxy.get()).toBe('green');
    expect(await proxy.cli('switch', 'green')).toMatchObject({ exit: 5 });
    const status = await proxy.cli('status', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      alone: true,
      services: [{ route: { live: 'green', epoch: 2 }, counters: { green: { requests: 1 } } }],
    });
    expect((await proxy.cli('status')).stdout).toContain(`live    green  ${formatAddress(green.address)}`);
    expect(await proxy.cli('switch')).toMatchObject({ exit: 2 });
  });

  test('holds requests, sends them to who is live when it lets them go, and closes with a page of the user', async () => {
    const proxy = await Alone.start(...anyPort, ...both(), '--workers', '2');
    expect(await proxy.cli('mode', 'held')).toMatchObject({ exit: 0, stderr: '' });
    const asked = Promise.all([proxy.get(), proxy.get(), proxy.get()]);
    expect((await proxy.cli('status')).stdout).toContain('held');
    expect(await proxy.cli('switch', 'green')).toMatchObject({ exit: 0 });
    expect((await proxy.cli('mode', 'open', '--json')).exit).toBe(0);
    expect(await asked).toEqual(['green', 'green', 'green']);
    writeFileSync(join(folder, 'page.html'), '<p>back at noon</p>');
    await proxy.cli('mode', 'closed', '--page', 'page.html');
    const closed = await fetch(`http://${formatAddress(await proxy.listen())}/`, {
      headers: { accept: 'text/html' },
    });
    expect([closed.status, await closed.text()]).toEqual([503, '<p>back at noon</p>']);
    expect(await proxy.cli('mode', 'ajar')).toMatchObject({ exit: 2 });
    expect(await proxy.cli('mode', 'closed', '--page', 'none.html')).toMatchObject({ exit: 2 });
  });

  test('keeps clients at their instance, divides the traffic, and answers with pages of the user, if it is told to', async () => {
    writeFileSync(join(folder, 'sorry.html'), '<p>{status}</p>');
    const words = ['--sticky', 'cookie', '--side-header', 'X-Side', '--error-page', '5xx=sorry.html'];
    const proxy = await Alone.start(...anyPort, ...both(), ...words, '--workers', '2');
    const url = `http://${formatAddress(await proxy.listen())}/`;
    const divided = await proxy.cli('weights', 'green=1', 'blue=1');
    expect(divided).toMatchObject({ exit: 0, stderr: '' });
    expect(divided.stdout).toContain('50 % on blue, 50 % on green');
    const first = await fetch(url, { headers: { 'x-side': 'green' } });
    expect(await first.text()).toBe('green');
    const [cookie = ''] = first.headers.get('set-cookie')?.split(';') ?? [];
    expect(cookie).toStartWith('cutover-main=');
    for (let n = 0; n < 8; n++) {
      const again = await fetch(url, { headers: { cookie, connection: 'close' } });
      expect([await again.text(), again.headers.get('set-cookie')]).toEqual(['green', null]);
    }
    expect(await proxy.cli('weights', 'blue=0')).toMatchObject({ exit: 2 });
    expect((await proxy.cli('status')).stdout).toContain('50 %');
    expect(await proxy.cli('switch', 'blue')).toMatchObject({ exit: 0 });
    expect(await (await fetch(url, { headers: { cookie } })).text()).toBe('blue');
    const { live, weights } = (await proxy.router.read('main'))!;
    expect([live, weights]).toEqual(['blue', undefined]);
    await proxy.close();

    const nobody = await Alone.start(...anyPort, '--blue', '127.0.0.1:1', ...words, '--workers', '1');
    const sorry = await fetch(`http://${formatAddress(await nobody.listen())}/`);
    expect([sorry.status, await sorry.text()]).toEqual([502, '<p>502</p>']);
    await nobody.close();

    const ran = await runCli(
      ['proxy', ...anyPort, ...both(), '--admin', join(folder, 'x'), '--error-page', '503=none.html'],
      { cwd: folder },
    );
    expect(ran).toMatchObject({ exit: 8 });
    expect(ran.stderr).toContain('none.html');
  });

  test('ends in order at SIGTERM and leaves nothing: no process, no socket, no directory', async () => {
    const child = Bun.spawn([...selfCommand(), 'proxy', ...anyPort, ...both(), '--json', '--workers', '1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks = child.stdout.getReader();
    const said = new TextDecoder().decode((await chunks.read()).value);
    const { socket, pid } = JSON.parse(said) as { socket: string; pid: number };
    expect(pid).toBe(child.pid);
    const workers = children(child.pid).map((each) => each.pid);
    expect(workers.length).toBeGreaterThan(0);
    child.kill('SIGTERM');
    expect(await child.exited).toBe(0);
    expect((await Promise.all(workers.map(runs))).some(Boolean)).toBe(false);
    expect(existsSync(dirname(dirname(socket)))).toBe(false);
    expect(await child.stderr.text()).toBe('');
  });

  test('keeps in a home who was live, and takes new instances from the command line', async () => {
    const home = ['--home', join(folder, 'home')];
    let proxy = await Alone.start(...anyPort, ...both(), ...home, '--workers', '1');
    await proxy.cli('switch', 'green');
    await proxy.close();
    proxy = await Alone.start(...anyPort, ...both(), ...home, '--workers', '1');
    expect(await proxy.get()).toBe('green');
    await proxy.close();
    proxy = await Alone.start(...anyPort, '--blue', formatAddress(blue.address), ...home, '--workers', '1');
    expect(await proxy.get()).toBe('blue');
    expect(await proxy.cli('switch', 'green')).toMatchObject({ exit: 5 });
  });

  test('says what is wrong with how it is started, and leaves nothing', async () => {
    const taken = formatAddress(blue.address);
    const at = (address: string) => ['--listen', address];
    const cases: [words: string[], exit: number, says: string][] = [
      [anyPort, 2, 'expected an instance on blue or on green'],
      [both(), 2, '--listen ADDR'],
      [[...at('nowhere'), ...both()], 2, 'found nowhere'],
      [[...anyPort, '--blue', 'x'], 2, '--blue: expected HOST:PORT'],
      [[...anyPort, '--blue', '127.0.0.1:0'], 2, '--blue: expected HOST:PORT'],
      [[...anyPort, '--blue', taken, '--live', 'green'], 2, 'expected an instance on green'],
      [[...at(taken), '--green', formatAddress(green.address)], 8, `${taken} is taken`],
      [[...at('192.0.2.1:0'), ...both()], 8, '192.0.2.1:0 cannot be listened on'],
      [[...anyPort, ...both(), '--admin', join(folder, 'no', 'such.sock')], 8, 'expected its directory'],
      [['status', '--admin', join(folder, 'none.sock')], 3, 'does not answer'],
      [['status', ...anyPort], 2, '--listen is for starting'],
    ];
    for (const [words, exit, says] of cases) {
      const ran = await runCli(['proxy', ...words], { cwd: folder });
      expect([words, ran.exit, ran.stderr]).toEqual([words, exit, expect.stringContaining(says) as string]);
    }
    writeFileSync(join(folder, 'file'), 'mine');
    const ran = await runCli(['proxy', ...anyPort, ...both(), '--admin', join(folder, 'file')], {
      cwd: folder,
    });
    expect(ran).toMatchObject({ exit: 8 });
    expect(readdirSync(folder)).toEqual(['file']);
  });

  test('answers the examples of its page', async () => {
    const page = readFileSync(join(import.meta.dir, '../../docs/proxy.md'), 'utf8');
    const examples = [...page.matchAll(/^curl .*$/gm)].map(([line]) => line);
    expect(examples.length).toBeGreaterThan(7);
    const proxy = await Alone.start(...anyPort, ...both(), '--workers', '1');
    for (const example of examples) {
      const before = (await proxy.router.status()).bootId;
      const ran = Bun.spawn(['bash', '-c', example.replace('curl', 'curl -sS --fail-with-body')], {
        env: { ...process.env, ADMIN: proxy.socket },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [stdout, stderr, exit] = await Promise.all([ran.stdout.text(), ran.stderr.text(), ran.exited]);
      expect([example, stdout, stderr, exit]).toEqual([
        example,
        expect.stringMatching(/^\{/) as string,
        '',
        0,
      ]);
      if (example.includes('/v1/upgrade'))
        await until('the new keeper answers', async () => {
          const status = await proxy.router.status().catch(() => null);
          return status !== null && status.bootId !== before;
        });
    }
    expect(await proxy.child.exited).toBe(0);
  });
});

describe('an upgrade', () => {
  test('refuses what cannot say its version, and goes on', async () => {
    const program = join(folder, 'cutover');
    // In quotes: the checkout may be in a path with a space.
    const words = selfCommand()
      .map((word) => `'${word}'`)
      .join(' ');
    const script = (more: string) =>
      writeFileSync(program, `#!/bin/sh\n${more}exec ${words} "$@"\n`, { mode: 0o755 });
    script('');
    const { runKeeper } = await import('../../src/proxy/main.ts');
    const ready = Promise.withResolvers<string>();
    const ended = runKeeper({
      home: join(folder, 'home'),
      workers: 1,
      issuerCommand: [...selfCommand(), 'proxy-issuer'],
      workerCommand: [...selfCommand(), 'proxy-worker'],
      successor: { command: ['/nowhere/at/all'], versionCommand: [program, '--version'] },
      log: () => undefined,
      onReady: ({ socket }) => ready.resolve(socket),
    });
    const router = new EmbeddedRouter('/', await ready.promise);
    script('exit 3\n');
    const { bootId } = await router.status();
    const refused = await router.upgrade().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'upgrade-refused' });
    expect((await router.status()).bootId).toBe(bootId);
    // One that the system cannot start at all: the program that runs leads its workers again.
    script('');
    await router.upgrade();
    await until('it leads again', async () => {
      const status = await router.status().catch(() => null);
      return status !== null && status.bootId !== bootId && status.workers.every((worker) => worker.ready);
    });
    expect((await router.status()).pid).toBe(process.pid);
    await router.stop({ drainMs: 0, keepWorkers: false });
    await ended;
  });

  test('20 of them under load refuse and reset nothing, keep the pid and the switch, and leave no process', async () => {
    const proxy = await Alone.start(...anyPort, ...both(), '--workers', '2');
    await proxy.cli('switch', 'green');
    const listen = await proxy.listen();
    const load = startLoad(listen, 16);
    const answers = (): number => count(load.result);
    for (let time = 0; time < 20; time++) {
      const before = answers();
      const ran = await proxy.cli('upgrade');
      expect(ran).toMatchObject({ exit: 0, stderr: '' });
      expect(ran.stdout).toContain('upgraded:');
      await until('requests go on', () => answers() > before + 100);
    }
    const { answered, failed } = await load.stop();
    expect(failed).toEqual([]);
    expect([...answered.keys()]).toEqual(['green']);
    const status = await proxy.router.status();
    expect(status.pid).toBe(proxy.child.pid);
    expect(await proxy.listen()).toEqual(listen);
    await until('former workers are gone, also from the table of processes', () =>
      Promise.resolve(children(proxy.child.pid).length === 2),
    );
    await proxy.close();
    expect(proxy.child.exitCode).toBe(0);
  }, 180_000);
});

const count = ({ answered }: LoadResult): number =>
  [...answered.values()].reduce((sum, each) => sum + each, 0);

test('a proxy with a certificate serves https, and needs its key as well', async () => {
  using files = new TestCertificates();
  const { cert, key } = await files.make('shop', 'shop.example');
  const words = ['--listen', '127.0.0.1:0', '--blue', formatAddress(blue.address), '--tls-cert', cert];
  const half = await runCli(['proxy', ...words], { cwd: folder });
  expect(half.exit).toBe(2);
  const { router } = await Alone.start(...words, '--tls-key', key);
  const { port } = (await router.read('main'))!.listen;
  const trust = ['--cacert', cert, '--resolve', `shop.example:${port}:127.0.0.1`];
  expect((await curl(...trust, `https://shop.example:${port}/`)).text).toBe('blue');
});

test('with --upstream-ca and a certificate of its own it speaks TLS to instances that want one', async () => {
  using files = new TestCertificates();
  await files.make('authority');
  await files.sign('instance', 'authority', 'DNS:instances.shop.internal');
  await files.sign('proxy', 'authority');
  const text = (name: string): string => readFileSync(files.path(name), 'utf8');
  using server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: {
      ...{ cert: text('instance.crt'), key: text('instance.key'), ca: text('authority.crt') },
      ...{ requestCert: true, rejectUnauthorized: true },
    },
    fetch: () => new Response('secured'),
  });
  const words = [
    ...anyPort,
    '--blue',
    `127.0.0.1:${server.port}`,
    '--upstream-ca',
    files.path('authority.crt'),
  ];
  const half = await runCli(['proxy', ...words, '--upstream-cert', files.path('proxy.crt')], { cwd: folder });
  expect(half.exit).toBe(2);
  expect(half.stderr).toContain('--upstream-key');
  const own = ['--upstream-cert', files.path('proxy.crt'), '--upstream-key', files.path('proxy.key')];
  const broken = await runCli(['proxy', ...words, ...own.slice(0, 3), files.path('absent')], { cwd: folder });
  expect(broken.exit).not.toBe(0);
  expect(broken.stderr).toContain('expected a certificate that can be used');
  const proxy = await Alone.start(...words, ...own, '--upstream-name', 'instances.shop.internal');
  expect(await proxy.get()).toBe('secured');
  expect((await proxy.router.counters('main')).blue.failed).toEqual({});
});

test('with --send-proxy instances are told of the client before all else, also of one that speaks HTTP/2', async () => {
  const seen: string[] = [];
  using server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data: (socket, bytes) => {
        seen.push(bytes.toString('latin1'));
        if (bytes.includes('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntold');
      },
    },
  });
  const words = ['--listen', '0.0.0.0:0', '--blue', `127.0.0.1:${server.port}`, '--send-proxy'];
  const shared = await runCli(['proxy', ...words, 'v1', '--upstream-protocol', 'h2'], { cwd: folder });
  expect(shared.exit).toBe(2);
  expect(shared.stderr).toContain('expected no --send-proxy with --upstream-protocol h2');
  const { router } = await Alone.start(...words, 'v1');
  const { port } = (await router.read('main'))!.listen;
  for (const protocol of ['--http1.1', '--http2-prior-knowledge']) {
    seen.length = 0;
    expect((await curl(protocol, `http://127.0.0.1:${port}/`)).text).toBe('told');
    const [header = '', request = ''] = seen.join('').split(/(?<=^PROXY [^\r]*\r\n)/);
    expect(header).toMatch(new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 [1-9]\\d* ${port}\r\n$`));
    expect(request).toStartWith('GET / HTTP/1.1\r\n');
  }
});
