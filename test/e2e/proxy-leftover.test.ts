import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfCommand } from '../../src/cli/self.ts';
import { runCli } from '../../src/cli/testing/run-cli.ts';
import { formatAddress } from '../../src/core/address.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';
import { startOrigin, until, type Origin } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

let folder: string;
let origins: Origin[];
let proxy: Bun.Subprocess<'ignore', 'pipe', 'inherit'>;
let router: EmbeddedRouter;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover leftover '));
  origins = [startOrigin('blue'), startOrigin('green')];
  const [blue = '', green = ''] = origins.map(({ address }) => formatAddress(address));
  const socket = join(folder, 'admin.sock');
  const words = ['--listen', '127.0.0.1:0', '--blue', blue, '--green', green, '--workers', '2'];
  proxy = Bun.spawn([...selfCommand(), 'proxy', ...words, '--admin', socket], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  router = new EmbeddedRouter('/', socket);
  const said = await proxy.stdout.getReader().read();
  expect(new TextDecoder().decode(said.value)).toContain('ready:');
});
afterEach(async () => {
  proxy.kill('SIGTERM');
  await proxy.exited;
  for (const origin of origins) await origin.close();
  rmSync(folder, { recursive: true, force: true });
});

const words = (...more: string[]): string[] => ['proxy', 'switch', ...more, '--admin', router.socket];
const cli = (...more: string[]) => runCli(words(...more), { cwd: folder });

/** WebSockets to who is live, and the codes by which they were closed. */
async function open(howMany: number) {
  const { port } = (await router.read('main'))!.listen;
  const codes: number[] = [];
  const sockets = await Promise.all(
    Array.from({ length: howMany }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
      socket.addEventListener('close', ({ code }) => codes.push(code));
      const opened = Promise.withResolvers<void>();
      socket.addEventListener('open', () => opened.resolve());
      socket.addEventListener('error', () => opened.reject(new Error('it did not open')));
      await opened.promise;
      return socket;
    }),
  );
  return { sockets, codes };
}

test('a switch with a drain says who is left, closes them and says how many of what', async () => {
  const { codes } = await open(3);
  const ran = await cli('green', '--drain', '1500ms', '--close-over', '100ms');
  expect(ran.exit).toBe(0);
  expect(ran.stdout).toContain('live: main on green');
  expect(ran.stdout).toMatch(/^free: blue after .*; ended: 3 websockets$/m);
  expect(ran.stderr).toMatch(/^3 in flight on blue, for at most [\d.]+m?s$/m);
  expect(ran.stderr).toContain('ends 3 in flight on blue, over 100ms');
  await until('all have heard of it', () => codes.length === 3);
  expect(codes).toEqual([1012, 1012, 1012]);
  const empty = await cli('blue', '--drain', '30s', '--json');
  expect([empty.exit, empty.stderr]).toEqual([0, '']);
  expect(JSON.parse(empty.stdout)).toMatchObject({
    live: 'blue',
    drain: { colour: 'green', left: 0, cut: { websockets: 0 }, interrupted: false },
  });
});

test('what is to be kept goes on, and the counts say so', async () => {
  const { sockets, codes } = await open(2);
  const ran = await cli('green', '--drain', '0', '--leftover', 'keep', '--json');
  expect(ran.exit).toBe(0);
  expect(JSON.parse(ran.stdout)).toMatchObject({
    service: 'main',
    live: 'green',
    drain: { colour: 'blue', left: 2, cut: { websockets: 0 }, interrupted: false },
  });
  const echo = Promise.withResolvers<unknown>();
  sockets[0]!.addEventListener('message', ({ data }) => echo.resolve(data));
  sockets[0]!.send('still here');
  expect(await echo.promise).toBe('still here');
  expect(codes).toEqual([]);
  for (const socket of sockets) socket.terminate();
});

test('a wait that is interrupted, or overtaken by a switch back, leaves all in flight and says what is in force', async () => {
  const { sockets, codes } = await open(1);
  const waiting = async (to: string) => {
    const child = Bun.spawn([...selfCommand(), ...words(to, '--drain', '10m')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let notes = '';
    const reader = child.stderr.getReader();
    const rest = async (enough: () => boolean): Promise<void> => {
      for (;;) {
        if (enough()) return;
        const { value, done } = await reader.read();
        if (done) return;
        notes += new TextDecoder().decode(value);
      }
    };
    await rest(() => notes.includes('1 in flight on blue'));
    return {
      child,
      end: async (): Promise<string> => {
        await rest(() => false);
        return notes;
      },
    };
  };
  const first = await waiting('green');
  first.child.kill('SIGINT');
  expect(await first.end()).toContain(
    'interrupted: the switch to green is in force; 1 in flight on blue goes on',
  );
  expect(await first.child.exited).toBe(130);
  expect((await router.read('main'))?.live).toBe('green');
  await router.switchTo('main', 'blue');
  const second = await waiting('green');
  await router.switchTo('main', 'blue');
  expect(await second.end()).toContain('expected no traffic on blue until it is free');
  expect(await second.child.exited).toBe(5);
  expect(codes).toEqual([]);
  for (const socket of sockets) socket.terminate();
});

test('words that are wrong are refused before anything is switched', async () => {
  for (const [wrong, says] of [
    [['--drain', 'soon'], 'expected a duration'],
    [['--drain', '1s', '--leftover', 'maybe'], 'close, keep'],
    [['--leftover', 'keep'], 'expected --drain beside it'],
    [['--close-over', '1s'], 'expected --drain beside it'],
  ] as const) {
    const ran = await cli('green', ...wrong);
    expect([wrong, ran.exit, ran.stderr]).toEqual([wrong, 2, expect.stringContaining(says) as string]);
  }
  const stray = await runCli(['proxy', 'status', '--drain', '1s', '--admin', router.socket], { cwd: folder });
  expect([stray.exit, stray.stderr]).toEqual([
    2,
    expect.stringContaining('--drain is for a switch') as string,
  ]);
  expect((await router.read('main'))?.live).toBe('blue');
});

test('a switch to a side without instances says how it gets one', async () => {
  const route = (await router.read('main'))!;
  await router.apply({ ...route, epoch: route.epoch + 1, green: { release: null, instances: [] } });
  const ran = await cli('green', '--drain', '1s');
  expect(ran).toMatchObject({ exit: 5, stdout: '' });
  expect(ran.stderr).toContain('start the proxy again with --green HOST:PORT');
});
