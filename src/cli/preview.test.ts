import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProxyFixture, routeTo, startOrigin, until } from '../../test/fixtures/proxy.ts';
import { AccessLog, routeAccessLog } from '../core/access-log.ts';
import type { PreviewWays } from '../core/preview-ways.ts';
import { browserCommands } from './browser.ts';
import { FakeController } from './testing/fake-controller.ts';
import { runCli } from './testing/run-cli.ts';
import { status } from './testing/views.ts';

setDefaultTimeout(30_000);

const ways: PreviewWays = {
  service: 'shop',
  live: { colour: 'blue', release: 7, url: 'https://shop.example/' },
  next: { colour: 'green', release: 8, kept: false },
  address: 'https://127.0.0.1:8081/',
  host: 'https://next.shop.example/',
  header: 'X-Preview',
  door: 'https://shop.example/.cutover/preview',
};
const pass = {
  token: '1.abc.0.x',
  expiresS: 2_000_000_000,
  release: null,
  door: '/.cutover/preview',
  cookie: 'c',
};
let fake: FakeController;
beforeAll(() => {
  fake = new FakeController(undefined, {
    'GET /v1/status': { json: status() },
    'GET /v1/services/shop/preview': { json: ways },
    'POST /v1/services/shop/pass': { json: pass },
  });
  mkdirSync(fake.home);
  fake.up();
});
afterAll(() => fake.end());
const cli = (words: string[], env: Record<string, string> = {}) =>
  runCli([...words, '--home', fake.home], { cwd: fake.home, env });

describe('cutover preview', () => {
  test('shows every way that is open, and what is there', async () => {
    const { exit, stdout } = await cli(['preview', 'shop']);
    expect(exit).toBe(0);
    expect(stdout).toBe(`shop: release 8 on green, which is next
  live     https://shop.example/
  address  https://127.0.0.1:8081/
  host     https://next.shop.example/
  header   curl -H 'X-Preview: SECRET' https://shop.example/
  link     cutover preview shop --cookie
`);
    expect(JSON.parse((await cli(['preview', 'shop', '--json'])).stdout)).toEqual(ways);
  });

  test('makes a link for as long as it is told, for the release that it is told', async () => {
    const { stdout } = await cli(['preview', 'shop', '--cookie', '--for', '30m', '--release', '8', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      link: { url: 'https://shop.example/.cutover/preview?token=1.abc.0.x', expiresS: pass.expiresS },
    });
    expect(fake.asked.at(-1)).toMatchObject({ method: 'POST', body: { forS: 1800, release: 8 } });
    await cli(['preview', 'shop', '--cookie']);
    expect(fake.asked.at(-1)).toMatchObject({ body: { forS: 28_800, release: null } });
    expect((await cli(['preview', 'shop', '--for', '1h'])).exit).toBe(2);
    expect((await cli(['preview', 'shop', '--cookie', '--for', '31d'])).exit).toBe(2);
  });
});

describe('cutover open', () => {
  test('hands the address to the browser as one argument, and prints it', async () => {
    // BROWSER is a list of words: no path in it has a blank.
    const folder = mkdtempSync(join(tmpdir(), 'cutover-browser-'));
    const [browser, told] = [join(folder, 'browser'), join(folder, 'opened')];
    writeFileSync(
      browser,
      `#!/bin/sh\nprintf '%s|' "$#" "$@" > '${told}.new' && mv '${told}.new' '${told}'\n`,
    );
    chmodSync(browser, 0o755);
    const { exit, stdout } = await cli(['open', 'shop', '--preview'], {
      BROWSER: `/nowhere/b:${browser} -n`,
    });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'https://127.0.0.1:8081/\n' });
    await until('it was opened', () => existsSync(told));
    expect(readFileSync(told, 'utf8')).toBe('2|-n|https://127.0.0.1:8081/|');
    rmSync(folder, { recursive: true });
  });

  test('prints the address where there is no browser, and a link with a token is given to no program', async () => {
    const plain = await cli(['open', 'shop', '--live'], { BROWSER: '', DISPLAY: '', WAYLAND_DISPLAY: '' });
    expect(plain).toMatchObject({ exit: 0, stdout: 'https://shop.example/\n' });
    fake.answers = {
      ...fake.answers,
      'GET /v1/services/shop/preview': { json: { ...ways, address: null, host: null } },
    };
    const told = join(fake.home, 'told');
    const { stdout, stderr } = await cli(['open', 'shop', '--preview'], {
      BROWSER: `/usr/bin/touch ${told}`,
    });
    expect(stdout).toBe('https://shop.example/.cutover/preview?token=1.abc.0.x\n');
    expect(stderr).toContain('it holds a token');
    expect(existsSync(told)).toBe(false);
  });

  test('no shell reads the address, and the system’s own program comes last', () => {
    const url = 'http://x/?a=$(b)&c';
    expect(browserCommands(url, 'linux', { BROWSER: 'firefox -P %s:links', DISPLAY: ':0' })).toEqual([
      ['firefox', '-P', url],
      ['links', url],
      ['xdg-open', url],
    ]);
    expect(browserCommands(url, 'darwin', {})).toEqual([['open', url]]);
    expect(browserCommands(url, 'linux', {})).toEqual([]);
  });
});

test('a link of a proxy that runs by itself lets a browser in, and its token is in no log', async () => {
  const [blue, green] = [startOrigin('blue'), startOrigin('green')];
  const proxy = await ProxyFixture.start(2);
  try {
    const log = join(proxy.home, 'access.log');
    const route = routeTo('shop', 1, 'blue', blue.address, green.address);
    await proxy.router.apply({
      ...route,
      accessLog: routeAccessLog(AccessLog.parse({ file: log, fields: ['path', 'query'] }), (path) => path),
      testers: {
        header: null,
        cookie: { name: 'see', door: '/.cutover/preview', home: '/', secure: false },
        seeKept: true,
      },
    });
    const { exit, stdout } = await runCli(['preview', '--cookie', '--json', '--admin', proxy.router.socket], {
      cwd: proxy.home,
    });
    expect(exit).toBe(0);
    const { link } = JSON.parse(stdout) as { link: { url: string } };
    const entered = await fetch(link.url, { redirect: 'manual' });
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
    const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
    const { listen } = (await proxy.router.read('shop'))!;
    const seen = await fetch(`http://127.0.0.1:${listen.port}/`, { headers: { cookie } });
    expect([seen.headers.get('cutover-side'), seen.headers.get('cache-control')]).toEqual([
      'green',
      'private, no-store',
    ]);
    await until('both are told', () => readFileSync(log, 'utf8').trim().split('\n').length >= 2);
    const lines = readFileSync(log, 'utf8');
    expect(lines).toContain('"path":"/.cutover/preview"');
    expect(lines).toContain('***');
    expect(lines).not.toContain(new URL(link.url).searchParams.get('token')!);
  } finally {
    await proxy.close();
    await Promise.all([blue.close(), green.close()]);
  }
});
