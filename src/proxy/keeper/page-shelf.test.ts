import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Route } from '../../core/traffic.ts';
import { ProxyFixture, routeTo, until } from '../../../test/fixtures/proxy.ts';

// Starts processes; on a machine that is busy with others that takes its time.
setDefaultTimeout(30_000);

let folder: string;
let proxy: ProxyFixture;
let epoch = 0;
let listen: Route['listen'] = { host: '127.0.0.1', port: 0 };
const nowhere = { host: '127.0.0.1', port: 1 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover shelf '));
  proxy = await ProxyFixture.start(2);
});
afterAll(async () => {
  await proxy.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await apply({});
});

async function apply(errorPages: Record<string, string>): Promise<void> {
  const route = { ...routeTo('shop', ++epoch, 'blue', nowhere, nowhere), listen, errorPages };
  await proxy.router.apply(route);
  listen = (await proxy.router.read('shop'))!.listen;
}
/** Some connections, so that each worker is asked. */
async function answers(): Promise<string[]> {
  const texts = new Set<string>();
  for (let n = 0; n < 12; n++) {
    const response = await fetch(`http://127.0.0.1:${listen.port}/`, { headers: { connection: 'close' } });
    texts.add(await response.text());
  }
  return [...texts];
}
const page = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test('a page is read when its route is put in force, and again with each change', async () => {
  const path = page('a.html', 'first');
  await apply({ 502: path });
  expect(await answers()).toEqual(['first']);
  page('a.html', 'second');
  expect(await answers()).toEqual(['first']);
  await apply({ 502: path });
  expect(await answers()).toEqual(['second']);
});

test('a route with a page that cannot be read is refused, and the one in force stays', async () => {
  await apply({ 502: page('b.html', 'good') });
  const refused = await apply({ 502: join(folder, 'none.html') }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'page-invalid' });
  expect(String(refused)).toContain('none.html');
  expect(await answers()).toEqual(['good']);
});

test('a page that was moved neither stops a switch nor is lost with the keeper; status tells of it', async () => {
  const path = page('c.html', 'kept');
  await apply({ 502: path });
  rmSync(path);
  await apply({ 502: path });
  expect(await answers()).toEqual(['kept']);
  expect((await proxy.router.status()).warnings.join()).toContain('c.html');
  await apply({});
  expect(await answers()).toEqual(['502 Bad Gateway\n']);
  expect((await proxy.router.status()).warnings).toEqual([]);
  expect(statSync(join(proxy.home, 'proxy/pages.json')).mode & 0o777).toBe(0o600);
  await proxy.stop();
  await proxy.startKeeper();
  await apply({ 502: path });
  expect(await answers()).toEqual(['kept']);
});

test('a worker that takes the place of another has the pages too', async () => {
  await apply({ 502: page('d.html', 'for all') });
  const pids = await proxy.workerPids();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until('others are in their places', async () => {
    const { workers } = await proxy.router.status();
    return workers.every(({ pid, ready }) => ready && pid !== null && !pids.includes(pid));
  });
  expect(await answers()).toEqual(['for all']);
});
