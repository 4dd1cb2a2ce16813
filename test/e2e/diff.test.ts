import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfCommand } from '../../src/cli/self.ts';
import { runCli, type Ran } from '../../src/cli/testing/run-cli.ts';
import { formatAddress, type Address } from '../../src/core/address.ts';
import { DiffReport, summarize } from '../../src/core/mirror/diff-report.ts';
import { EmbeddedRouter } from '../../src/routers/embedded/embedded-router.ts';
import { House, until } from './house.ts';

setDefaultTimeout(120_000);

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cutover diff '));
  closing.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A release whose orders have this total. */
function releaseWith(parent: string, name: string, total: number): string {
  const directory = join(parent, name);
  mkdirSync(directory);
  writeFileSync(
    join(directory, 'server.js'),
    `require('node:http').createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ path: request.url, total: ${total} }));
}).listen(Number(process.env.PORT), process.env.HOST ?? '127.0.0.1');\n`,
  );
  return directory;
}

const told = ({ exit, stderr }: Ran): object => ({ exit, stderr });
const quiet = { exit: 0, stderr: '' };

test('cutover diff shows what the mirror of a deployment found: as text, as JSON and as a page for its reader alone', async () => {
  const directory = scratch();
  const house = await House.open();
  closing.push(() => house.close());
  expect((await house.deployed(releaseWith(directory, 'v1', 10))).status).toBe('succeeded');
  const cli = (...words: string[]): Promise<Ran> =>
    runCli([...words, '--home', house.home], { cwd: directory });
  const none = await cli('diff', 'shop');
  expect(none.exit).not.toBe(0);
  expect(none.stderr).toContain('service shop: expected a report of a mirror, found none');

  const { id } = await house.deploy(releaseWith(directory, 'v2', 11), (spec) => ({
    ...spec,
    mirror: { share: '100%', for: '100ms', leastRequests: 20, limit: { differences: '0%' } },
  }));
  let asked = 0;
  const ended = await until('the mirror refuses the release', async () => {
    const response = await fetch(`http://127.0.0.1:${house.listen.port}/orders/${asked++}`);
    expect(await response.json()).toMatchObject({ total: 10 });
    const view = await house.deployment(id);
    return view.endedAt === null ? undefined : view;
  });
  expect(ended).toMatchObject({ status: 'undone', failure: { code: 'diff-failed' } });

  const text = await cli('diff', 'shop');
  expect(told(text)).toEqual(quiet);
  expect(text.stdout).toContain('shop: blue (release 1) against green (release 2)');
  expect(text.stdout).toMatch(/✗ \$\.total changed +\d+/);
  expect(text.stdout).toContain('      blue: 10\n      green: 11\n');
  expect((await cli('diff', 'shop', String(id))).stdout).toMatch(
    /GET \/orders\/\{n\}  \d+ compared, \d+ differ/,
  );

  const json = await cli('diff', 'shop', '--json');
  expect(told(json)).toEqual(quiet);
  const report = DiffReport.parse(JSON.parse(json.stdout));
  const { compared, differing, causes } = summarize(report);
  expect(compared).toBeGreaterThanOrEqual(20);
  expect(differing).toBe(compared);
  expect(causes).toEqual([{ route: 'GET /orders/{n}', kind: 'changed', at: '$.total', count: compared }]);
  expect(report.routes[0]?.causes[0]?.examples[0]).toMatchObject({ live: '10', idle: '11' });

  const page = await cli('diff', 'shop', '--html', 'diff.html');
  expect({ ...told(page), stdout: page.stdout }).toEqual({ ...quiet, stdout: 'diff.html: written\n' });
  const written = join(directory, 'diff.html');
  expect(statSync(written).mode & 0o077).toBe(0);
  const html = readFileSync(written, 'utf8');
  expect(html).toContain('<title>shop: blue (release 1) against green (release 2)</title>');
  expect(html).toContain('GET /orders/{n}');
  expect(html).toContain('$.total');
  expect(html).not.toContain('src=');

  const both = await cli('diff', 'shop', '--html', 'other.html', '--json');
  expect(both.exit).not.toBe(0);
  expect(both.stderr + both.stdout).toContain('--html writes a page, and --json prints JSON');
  const nowhere = await cli('diff', 'shop', '--html', 'no/such/place.html');
  expect(nowhere.stderr).toContain('--html no/such/place.html: expected to write the page, found');
  const wrong = await cli('diff', 'shop', '1');
  expect(wrong.stderr).toContain('expected a report of a mirror of deployment 1, found none');
});

function answering(total: number): Address {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json({ total }) });
  closing.push(() => server.stop(true));
  return { host: '127.0.0.1', port: server.port ?? 0 };
}

test('cutover proxy mirror has a proxy that runs by itself copy requests, shows what they found, and ends it', async () => {
  const directory = scratch();
  const socket = join(directory, 'admin.sock');
  const sides = ['--blue', formatAddress(answering(1)), '--green', formatAddress(answering(2))];
  const where = ['--listen', '127.0.0.1:0', '--home', join(directory, 'home'), '--admin', socket];
  const child = Bun.spawn([...selfCommand(), 'proxy', ...where, ...sides, '--workers', '1'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closing.push(async () => {
    child.kill('SIGTERM');
    await child.exited;
  });
  // It says where it answers.
  for await (const _ of child.stdout) break;
  const router = new EmbeddedRouter(directory, socket);
  const mirror = (...words: string[]): Promise<Ran> =>
    runCli(['proxy', 'mirror', ...words, '--admin', socket], { cwd: directory });
  const before = await mirror();
  expect(before.exit).not.toBe(0);
  expect(before.stderr).toContain('service main: expected a mirror, found none yet');

  const on = await mirror('100%', '--methods', 'GET', '--strip', 'cookie');
  expect(told(on)).toEqual(quiet);
  expect(on.stdout).toContain('main copies 100 % of GET to green; epoch 2');
  const route = await router.read('main');
  expect(route?.mirror).toMatchObject({ share: 1, to: 'green', methods: ['GET'], strip: ['cookie'] });
  const { port = 0 } = route?.listen ?? {};
  for (let n = 0; n < 10; n++)
    expect(await (await fetch(`http://127.0.0.1:${port}/sum`)).json()).toEqual({ total: 1 });
  await until('all were compared', async () => {
    const report = await router.mirrored('main', null);
    return (report !== null && summarize(report).compared === 10) || undefined;
  });

  const shown = await mirror();
  expect(told(shown)).toEqual(quiet);
  expect(shown.stdout).toContain('main: blue');
  expect(shown.stdout).toContain('GET /sum  10 compared, 10 differ');
  const json = await mirror('--json');
  expect(summarize(DiffReport.parse(JSON.parse(json.stdout)))).toMatchObject({ compared: 10, differing: 10 });
  expect((await mirror('--html', 'alone.html')).stdout).toBe('alone.html: written\n');
  expect(readFileSync(join(directory, 'alone.html'), 'utf8')).toContain('GET /sum');

  const off = await mirror('off');
  expect(off.stdout).toContain('main copies nothing; epoch 3');
  expect((await router.read('main'))?.mirror).toBeUndefined();
  expect((await mirror()).stdout).toContain('10 compared, 10 differ');

  for (const [words, says] of [
    [['5'], 'expected a share above 0, such as 5%, found 5'],
    [['5%', '--methods', 'POST'], '--methods'],
    [['5%', '--html', 'x.html'], '--html is for showing the report'],
    [['off', '--strip', 'cookie'], 'cutover proxy mirror off: --strip is for a mirror'],
  ] as const) {
    const refused = await mirror(...words);
    expect(refused.exit).not.toBe(0);
    expect(refused.stderr).toContain(says);
  }
  expect((await router.read('main'))?.mirror).toBeUndefined();
});
