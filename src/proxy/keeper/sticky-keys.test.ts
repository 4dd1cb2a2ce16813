import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RouteSticky } from '../../core/sticky.ts';
import type { Route } from '../../core/traffic.ts';
import {
  ProxyFixture,
  routeTo,
  runs,
  startOrigin,
  until,
  type Origin,
} from '../../../test/fixtures/proxy.ts';
import { StickyKeys } from './sticky-keys.ts';

// Starts processes; on a machine that is busy with others that takes its time.
setDefaultTimeout(30_000);

const sticky: RouteSticky = {
  by: 'cookie',
  scope: 'instance',
  cookie: { name: 'seat', maxAgeS: 0, sameSite: 'lax', secure: false, path: '/' },
  header: null,
};
let origins: Origin[];
let proxy: ProxyFixture;
beforeEach(async () => {
  origins = ['1', '2', '3'].map((name) => startOrigin(name));
  proxy = await ProxyFixture.start(2);
});
afterEach(async () => {
  await proxy.close();
  for (const origin of origins) await origin.close();
});

const keyFile = (): string => join(proxy.home, 'proxy/sticky.keys');
const keysIn = (text: string): string[] => text.match(/[0-9a-f]{64}/g) ?? [];

async function serve(epoch: number): Promise<Route> {
  const { address } = origins[0]!;
  const route = routeTo('shop', epoch, 'blue', address, address);
  const blue = { release: 1, instances: origins.map((origin) => origin.address) };
  const former = await proxy.router.read('shop');
  await proxy.router.apply({ ...route, blue, sticky, listen: former?.listen ?? route.listen });
  return (await proxy.router.read('shop'))!;
}
async function ask(
  { listen }: Route,
  cookie: string | null,
): Promise<{ home: string; cookie: string | null }> {
  const response = await fetch(`http://127.0.0.1:${listen.port}/`, {
    headers: { connection: 'close', ...(cookie !== null && { cookie }) },
  });
  return { home: await response.text(), cookie: response.headers.get('set-cookie')?.split(';')[0] ?? null };
}
/** Where a client with this cookie goes, whichever worker takes it, and whether it is given another one. */
async function askOften(
  route: Route,
  cookie: string,
): Promise<{ homes: string[]; cookies: (string | null)[] }> {
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(route, cookie)));
  return {
    homes: [...new Set(answers.map(({ home }) => home))],
    cookies: [...new Set(answers.map((answer) => answer.cookie))],
  };
}

test('there is no key until a route needs one; then only its owner may read it, and nobody hears of it', async () => {
  await proxy.router.apply(routeTo('blog', 1, 'blue', origins[0]!.address, origins[1]!.address));
  expect(existsSync(keyFile())).toBe(false);
  const route = await serve(1);
  expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
  const [key = ''] = keysIn(readFileSync(keyFile(), 'utf8'));
  expect(key).toHaveLength(64);
  const { cookie } = await ask(route, null);
  expect(cookie).toStartWith('seat=');
  const metrics = await fetch('http://proxy/v1/metrics', { unix: proxy.router.socket });
  const told = [
    JSON.stringify([await proxy.router.status(), await proxy.router.read('shop'), cookie]),
    await metrics.text(),
    ...[proxy.keeperPid, ...(await proxy.workerPids())].flatMap((pid) => [
      readFileSync(`/proc/${pid}/cmdline`, 'latin1'),
      readFileSync(`/proc/${pid}/environ`, 'latin1'),
    ]),
    ...readdirSync(join(proxy.home, 'proxy'), { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'sticky.keys')
      .map(({ name }) => readFileSync(join(proxy.home, 'proxy', name), 'latin1')),
  ];
  for (const text of told) expect(text).not.toContain(key);
});

test('a cookie holds for every worker, and through a restart, a killed worker and a killed keeper', async () => {
  const route = await serve(1);
  const { home, cookie } = await ask(route, null);
  const atHome = { homes: [home], cookies: [null] };
  expect(await askOften(route, cookie!)).toEqual(atHome);
  const pids = await proxy.workerPids();
  process.kill(pids[0]!, 'SIGKILL');
  await until('another is in its place', async () => {
    const { workers } = await proxy.router.status();
    return workers.every(({ pid, ready }) => ready && pid !== null && pid !== pids[0]);
  });
  expect(await askOften(route, cookie!)).toEqual(atHome);
  await proxy.killKeeper();
  await proxy.startKeeper();
  expect(await askOften(route, cookie!)).toEqual(atHome);
  await proxy.stop();
  for (const pid of pids) expect(await runs(pid)).toBe(false);
  await proxy.startKeeper();
  expect(await askOften(route, cookie!)).toEqual(atHome);
});

test('a key that is replaced is taken once more, its cookies are renewed, and nobody moves', async () => {
  const route = await serve(1);
  const rotate = (): Promise<Response> =>
    fetch('http://proxy/v1/sticky/rotate', { unix: proxy.router.socket, method: 'POST' });
  let [{ home, cookie }, asking] = [await ask(route, null), true];
  const first = cookie!;
  // A client that goes on meanwhile never moves.
  const homes = new Set<string>();
  const traffic = (async () => {
    while (asking) {
      const answer = await ask(route, cookie);
      homes.add(answer.home);
      cookie = answer.cookie ?? cookie;
    }
  })();
  const [before = ''] = keysIn(readFileSync(keyFile(), 'utf8'));
  expect(await (await rotate()).json()).toEqual({ rotated: true });
  expect(keysIn(readFileSync(keyFile(), 'utf8'))[1]).toBe(before);
  const renewed = await askOften(route, first);
  expect([renewed.homes, renewed.cookies.length]).toEqual([[home], 1]);
  expect(await askOften(route, renewed.cookies[0]!)).toEqual({ homes: [home], cookies: [null] });
  await rotate();
  asking = false;
  await traffic;
  expect([...homes]).toEqual([home]);
  expect((await askOften(route, first)).cookies).not.toContain(null);
  expect(keysIn(readFileSync(keyFile(), 'utf8'))).not.toContain(before);
});

test('a file of keys that is damaged is set aside, told without its text, and another one made', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cutover keys '));
  try {
    const path = join(directory, 'sticky.keys');
    const secret = 'f'.repeat(64);
    const lines: string[] = [];
    for (const damage of [`{"format":1,"keys":["${secret}"`, '', `{"format":1,"keys":["${secret}0"]}`]) {
      writeFileSync(path, damage);
      const keys = new StickyKeys(directory, (line) => lines.push(line));
      expect(keys.keys).toEqual([]);
      expect(keys.need()).toBe(true);
      expect(keys.need()).toBe(false);
      expect(new StickyKeys(directory, () => undefined).keys).toEqual(keys.keys);
      expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(damage);
    }
    expect(lines).toHaveLength(3);
    expect(lines.join()).not.toContain(secret);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
