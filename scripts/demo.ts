import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { socketPath } from '../src/config/home.ts';
import type { Address } from '../src/core/address.ts';
import type { Receipt } from '../src/core/receipt.ts';
import type { SpecInput } from '../src/core/spec.ts';
import type { DeploymentView, SwitchedView } from '../src/server/api.ts';
import { startLoad, type Load } from '../src/testing/load/load.ts';

/*
 * The main job, on real processes, with the command line that users have: the example shop is deployed, put under load, taken to
 * its next release, rolled back and deployed again; then the receipts. It stays up until Ctrl-C. With --once it stops by itself and
 * exits 0 only if nothing was lost; with --json its last line is the receipts as one JSON object.
 */

const help = `Usage: npm run demo [-- --once] [--json]

  --once   stop at the end, clean up, and exit 0 only if nothing was lost
  --json   print the receipts as one JSON object on the last line; all else goes to the standard error output
`;

const { values } = parseArgs({
  options: { once: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const root = join(import.meta.dir, '..');
const shop = join(root, 'examples/shop');
const home = mkdtempSync(join(tmpdir(), 'cutover-demo-'));
const specFile = join(home, 'cutover.json.yaml');
const requestsBetween = 3000;
const interrupted = Promise.withResolvers<never>();
// Whoever races it hears of it; where nobody does, the wait below is enough.
interrupted.promise.catch(() => undefined);

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const title = (text: string): void => say(`\n▸ ${text}`);

/** The preferred address, or one that is free if it is taken. */
async function free(host: string, preferred: number): Promise<Address> {
  for (const port of [preferred, 0]) {
    const server = createServer();
    const bound = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, host, () => resolve(true));
    });
    if (!bound) continue;
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    if (address !== null && typeof address !== 'string') return { host, port: address.port };
  }
  throw new Error(`no port is free on ${host}`);
}

/** Runs the command line as a user would, and shows the command. Throws if it fails. */
async function cutover(...args: string[]): Promise<void> {
  say(`$ cutover ${args.join(' ')}`);
  const child = Bun.spawn([process.execPath, join(root, 'src/cli/main.ts'), ...args], {
    cwd: shop,
    env: { ...process.env, CUTOVER_HOME: home },
    // With --json the standard output is for the receipts alone.
    stdio: ['ignore', values.json ? 2 : 'inherit', 'inherit'],
  });
  const code = await child.exited;
  if (code !== 0) throw new Error(`cutover ${args.join(' ')} ended with exit code ${code}`);
}

async function ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const response = await fetch(`http://controller/v1/services/shop/${path}`, {
    unix: socketPath(home, 'controller.sock'),
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  // Our own controller's answer.
  return (await response.json()) as T;
}

/** Resolves when the load has had so many more answers. */
async function answered(load: Load, more: number): Promise<void> {
  const due = load.snapshot().requests + more;
  while (load.snapshot().requests < due) await Promise.race([Bun.sleep(20), interrupted.promise]);
}

async function receiptOf(id: number): Promise<Receipt> {
  for (;;) {
    const { receipt } = await ask<DeploymentView>('GET', `deployments/${id}`);
    if (receipt) return receipt;
    await Promise.race([Bun.sleep(20), interrupted.promise]);
  }
}

/** What the last line says, once it is known. */
let last: string | null = null;

async function story(): Promise<boolean> {
  const listen = await free('127.0.0.1', 8080);
  const preview = await free('127.0.0.1', 8081);
  // The example's spec; only what must not collide with others on this machine is changed.
  const spec = parse(readFileSync(join(shop, 'cutover.yaml'), 'utf8')) as SpecInput;
  spec.router.listen = `${listen.host}:${listen.port}`;
  spec.router.preview = `${preview.host}:${preview.port}`;
  spec.environments.variables = { ...spec.environments.variables, SHOP_DATA: join(home, 'shop-data') };
  writeFileSync(specFile, JSON.stringify(spec, null, 2));
  const withSpec = ['--spec', specFile];

  title('Start the controller and the proxy');
  await cutover('up');
  title('Deploy release 1 of the shop');
  await cutover('deploy', join(shop, 'release-1'), '--version', 'release-1', ...withSpec);

  title('Put it under load: 32 connections, pages, orders, uploads, streams and WebSockets');
  const load = startLoad({ target: listen, connections: 32, seed: 1 });
  await answered(load, requestsBetween);
  title('Deploy release 2 while the load goes on');
  await cutover('deploy', join(shop, 'release-2'), '--version', 'release-2', ...withSpec);
  await answered(load, requestsBetween);

  title('Roll back: release 1 is still hot');
  const rolledBack = await ask<SwitchedView>('POST', 'rollback', { by: 'demo' });
  say(`release 1 has the traffic again, ${rolledBack.tookMs.toFixed(1)} ms after it was asked for`);
  await receiptOf(rolledBack.deployment);
  await answered(load, requestsBetween);

  title('Deploy release 2 again');
  await cutover('deploy', '--release', '2', ...withSpec);
  await answered(load, requestsBetween);
  const seen = await load.stop();

  title('The receipts');
  const deployments = await ask<DeploymentView[]>('GET', 'deployments');
  const receipts = deployments
    .flatMap(({ receipt }) => receipt ?? [])
    .sort((a, b) => a.deployment - b.deployment);
  for (const { deployment } of receipts.slice(1)) await cutover('receipt', String(deployment), ...withSpec);
  const second = receipts[1];
  const totals = {
    requests: seen.requests,
    failed: seen.failed + receipts.reduce((sum, { failed }) => sum + failed, 0),
    held: receipts.reduce((sum, { held }) => sum + held, 0),
    switchMs: second?.switch?.switchMs ?? null,
    rollbackMs: rolledBack.tookMs,
    p99BeforeMs: second?.latency?.before.p99Ms ?? null,
    p99DuringMs: second?.latency?.during.p99Ms ?? null,
  };
  say(
    `\nThe load saw ${seen.requests} requests answered, ${seen.failed} failed${seen.failed > 0 ? `: ${JSON.stringify(seen.byReason)}` : ''}.`,
  );
  last = JSON.stringify({ ...totals, receipts });
  if (values.json && !values.once) process.stdout.write(`${last}\n`);

  const lost = totals.failed > 0 || seen.requests === 0;
  if (!values.once) {
    say(`
The shop is at      http://${listen.host}:${listen.port}/
the other side at   http://${preview.host}:${preview.port}/
Watch it with       bin/cutover --home ${home} status --watch
Go back with        bin/cutover --home ${home} rollback
Ctrl-C stops everything and cleans up.`);
    await interrupted.promise;
  }
  return !lost;
}

let good = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => interrupted.reject(new Error('interrupted')));
}
try {
  good = await Promise.race([story(), interrupted.promise]);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  good = message === 'interrupted' && !values.once;
  if (message !== 'interrupted') say(`\nThe demo did not go through: ${message}`);
}
title('Stop everything and clean up');
try {
  await cutover('down', '--purge');
} catch (error) {
  good = false;
  say(`${error instanceof Error ? error.message : String(error)}; what is left is in ${home}`);
}
// The very last line, so that it is found also where both outputs go to one place.
if (values.json && values.once && last !== null) process.stdout.write(`${last}\n`);
process.exitCode = good ? 0 : 1;
