import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPage } from '../config/page-file.ts';
import { systemClock } from '../clocks/system.ts';
import type { EventRecord } from '../core/event.ts';
import { firstBreak } from '../core/receipt-chain.ts';
import type { Receipt } from '../core/receipt.ts';
import { targetName } from '../core/spec/notify.ts';
import { Engine } from '../engine/engine.ts';
import { sha256 } from '../engine/sha256.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../platforms/memory/platform.ts';
import { MemoryRouter } from '../routers/memory/memory-router.ts';
import { memoryStore } from '../stores/memory/store.ts';
import { parseExposition } from '../testing/exposition-parser.ts';
import { MemoryCommands } from '../testing/memory-commands.ts';
import { MemoryGauge } from '../testing/memory-gauge.ts';
import { MemoryNotifier } from '../testing/memory-notifier.ts';
import { MemoryWebhooks } from '../testing/memory-webhooks.ts';
import type {
  CountersView,
  DeploymentView,
  LogsView,
  ModeSetView,
  PlanView,
  ServiceView,
  StatusView,
} from './api.ts';
import { serve, type Server } from './server.ts';

const spec = {
  service: 'shop',
  router: { listen: '127.0.0.1:8080' },
  environments: { layers: { web: { command: ['serve'] } } },
  strategy: { drain: '0', bake: '0' },
};
const order = { spec, base: '/', source: { kind: 'directory', path: '/app' }, version: 'v1' };

let directory: string;
let socket: string;
let engine: Engine;
let server: Server;
let stops: unknown[];
let platform: MemoryPlatform;
let notified: MemoryNotifier;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cutover server '));
  socket = join(directory, 'api.sock');
  const store = memoryStore();
  const lease = await store.acquireLease('controller', 'test', 1e9, systemClock.now());
  if (!lease) throw new Error('no lease');
  platform = createMemoryPlatform({ clock: systemClock });
  const router = new MemoryRouter();
  notified = new MemoryNotifier();
  engine = new Engine({
    store,
    clock: systemClock,
    // Instances are healthy, and no command succeeds.
    checker: {
      run: ({ command }) => Promise.resolve({ ok: !command, detail: 'looked', ms: 0 }),
      round: ({ requests }) => Promise.resolve({ requests, failed: 0, firstMs: 1, p50Ms: 1, why: [] }),
    },
    commands: new MemoryCommands(),
    webhooks: new MemoryWebhooks(),
    gauge: new MemoryGauge(),
    notifier: (target) => notified.to(targetName(target)),
    platform: () => platform,
    router: () => router,
    lease: () => lease,
    readPage,
  });
  stops = [];
  const identity = { pid: process.pid, version: '0.0.0', startedAt: 0, home: directory };
  server = serve(socket, {
    engine,
    clock: systemClock,
    identity,
    lease: () => lease,
    proxy: () => Promise.resolve(null),
    stop: (request) => stops.push(request),
  });
});
afterEach(async () => {
  await engine.stop();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`http://controller${path}`, {
    unix: socket,
    method,
    ...(body === undefined ? {} : { body: text }),
  });
  return { status: response.status, body: await response.json() };
}

async function deployed(): Promise<DeploymentView> {
  const { status, body } = await ask('POST', '/v1/services/shop/deployments', { by: 'ann', order });
  expect(status).toBe(202);
  const { id } = body as DeploymentView;
  await engine.ended('shop', id);
  return (await ask('GET', `/v1/services/shop/deployments/${id}`)).body as DeploymentView;
}

test('the socket is its owner’s alone', () => {
  expect(statSync(socket).mode & 0o777).toBe(0o600);
});

test('a plan changes nothing, and is the list that a deployment walks', async () => {
  const { status, body } = await ask('POST', '/v1/services/shop/plan', { by: 'ann', order });
  expect(status).toBe(200);
  expect(((await ask('GET', '/v1/status')).body as StatusView).services).toEqual([]);
  const { steps } = await deployed();
  expect(steps.map(({ kind }) => kind)).toEqual((body as PlanView).plan.steps.map(({ kind }) => kind));
  expect(((await ask('GET', '/v1/services/shop')).body as ServiceView).live).toBe('blue');
});

describe('what is wrong is answered with a code, and nothing happens', () => {
  const cases: [what: string, method: string, path: string, body: unknown, status: number, code: string][] = [
    ['no such route', 'GET', '/v1/nothing', undefined, 400, 'request-invalid'],
    ['another method', 'POST', '/v1/status', {}, 400, 'request-invalid'],
    ['no JSON', 'POST', '/v1/services/shop/plan', '{', 400, 'request-invalid'],
    ['nobody who asks', 'POST', '/v1/services/shop/rollback', {}, 400, 'request-invalid'],
    ['a field too many', 'POST', '/v1/services/shop/abort', { by: 'x', force: true }, 400, 'request-invalid'],
    [
      'a mode that is none',
      'POST',
      '/v1/services/shop/mode',
      { by: 'x', mode: 'shut' },
      400,
      'request-invalid',
    ],
    [
      'a mode of nobody',
      'POST',
      '/v1/services/nobody/mode',
      { by: 'x', mode: 'open' },
      404,
      'service-unknown',
    ],
    ['neither order nor release', 'POST', '/v1/services/shop/plan', { by: 'x' }, 400, 'request-invalid'],
    [
      'a wrong spec',
      'POST',
      '/v1/services/shop/plan',
      { by: 'x', order: { ...order, spec: {} } },
      400,
      'request-invalid',
    ],
    [
      'the spec of another service',
      'POST',
      '/v1/services/other/plan',
      { by: 'x', order },
      400,
      'request-invalid',
    ],
    ['an unknown service', 'GET', '/v1/services/nobody', undefined, 404, 'service-unknown'],
    ['a name that is none', 'GET', '/v1/services/..%2F..', undefined, 400, 'request-invalid'],
    [
      'an unknown release',
      'POST',
      '/v1/services/shop/deployments',
      { by: 'x', release: 7 },
      404,
      'release-unknown',
    ],
  ];
  for (const [what, method, path, body, status, code] of cases) {
    test(what, async () => {
      const answer = await ask(method, path, body);
      expect(answer.body).toMatchObject({ error: { code } });
      expect(answer.status).toBe(status);
      expect(engine.services()).toEqual([]);
    });
  }

  test('a body that is too large', async () => {
    const response = await fetch('http://controller/v1/services/shop/plan', {
      unix: socket,
      method: 'POST',
      body: 'x'.repeat(2_000_000),
    });
    expect(response.status).toBe(413);
  });
});

test('logs are followed by their cursor, also of an environment whose release was taken back', async () => {
  await deployed();
  const logs = async (query: string): Promise<LogsView> =>
    (await ask('GET', `/v1/services/shop/logs?${query}`)).body as LogsView;
  const first = await logs('lines=10');
  expect(first).toMatchObject({ environment: 'blue', release: 1, more: false });
  expect(first.lines.map(({ text }) => text)).toEqual(['[cutover] release 1 starts']);
  expect(await logs(`after=${first.next}`)).toEqual({ ...first, lines: [] });
  platform.crash({ service: 'shop', colour: 'blue' }, 'web', 0, 'exit code 3');
  const after = await logs(`environment=blue&after=${first.next}`);
  expect(after.lines.map(({ text }) => text)).toEqual(['[cutover] ended: exit code 3']);
  const { body } = await ask('POST', '/v1/services/shop/deployments', {
    by: 'ann',
    order: { ...order, version: 'v2', spec: { ...spec, checks: [{ command: ['false'] }] } },
  });
  await engine.ended('shop', (body as DeploymentView).id);
  expect(((await ask('GET', '/v1/services/shop')).body as ServiceView).environments.green.release).toBeNull();
  const failed = await logs('environment=green');
  expect(failed).toMatchObject({ environment: 'green', release: 2 });
  expect(failed.lines.map(({ text }) => text)).toEqual(['[cutover] release 2 starts']);
  const refused = await ask('GET', '/v1/services/shop/logs?after=../x');
  expect(refused).toMatchObject({ status: 400, body: { error: { code: 'request-invalid' } } });
});

test('a follower gets every record once and in order, wherever it begins', async () => {
  await deployed();
  const all = await engine.records('shop', 0);
  const response = await fetch('http://controller/v1/services/shop/events?after=3', { unix: socket });
  const seen: number[] = [];
  let text = '';
  const second = ask('POST', '/v1/services/shop/deployments', { by: 'bob', order });
  const decoder = new TextDecoder();
  const body: ReadableStream<Uint8Array<ArrayBuffer>> | null = response.body;
  if (!body) throw new Error('no body');
  const reader = body.getReader();
  for (let ended = 0; ended < 2;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the events ended');
    text += decoder.decode(value, { stream: true });
    const messages = text.split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const data = /^event: record\ndata: (.*)$/.exec(message)?.[1];
      if (data === undefined) continue;
      const { version, event } = JSON.parse(data) as EventRecord;
      seen.push(version);
      if (event.type === 'receipt-recorded') ended += 1;
    }
  }
  await reader.cancel();
  expect((await second).status).toBe(202);
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => index + 4));
  expect(seen.length).toBeGreaterThan(all.length);
});

test('all receipts are the chain of them, oldest first, and each says when its steps ran', async () => {
  await deployed();
  await deployed();
  const { body } = await ask('GET', '/v1/services/shop/receipts');
  const receipts = body as Receipt[];
  expect(receipts.map(({ deployment, previous }) => [deployment, previous])).toEqual([
    [1, null],
    [2, receipts[0]?.hash ?? ''],
  ]);
  expect(firstBreak(body as Record<string, unknown>[], sha256)).toBeNull();
  expect(receipts[1]?.timeline?.until.length).toBeGreaterThan(0);
  expect(receipts[1]?.steps.every(({ startedAt }) => startedAt !== null)).toBe(true);
});

test('a mode is in force when it is answered, with who set it, and setting it again changes nothing', async () => {
  await deployed();
  const mode = { by: 'ann', mode: 'read-only', queue: 3, reason: 'stocktaking' };
  const { status, body } = await ask('POST', '/v1/services/shop/mode', mode);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    service: 'shop',
    changed: true,
    mode: { mode: 'read-only', queue: 3, writes: 'hold' },
  });
  const { epoch, mode: shown } = (await ask('GET', '/v1/services/shop')).body as ServiceView;
  expect((body as ModeSetView).epoch).toBe(epoch);
  expect(shown).toMatchObject({ mode: 'read-only', by: 'ann', reason: 'stocktaking' });
  expect((await engine.routerOf('shop').read('shop'))?.mode).toMatchObject({ mode: 'read-only', queue: 3 });
  expect((await ask('POST', '/v1/services/shop/mode', mode)).body).toMatchObject({ changed: false, epoch });
  await ask('POST', '/v1/services/shop/mode', { by: 'bob', mode: 'open' });
  expect((await ask('GET', '/v1/services/shop/modes')).body).toMatchObject([
    { mode: 'open', by: 'bob', reason: null },
    { mode: 'read-only', by: 'ann' },
  ]);
});

test('to stop is asked for, not done, by the route', async () => {
  const { status } = await ask('POST', '/v1/stop', { by: 'ann', instances: false, proxy: true });
  expect(status).toBe(202);
  expect(stops).toEqual([{ by: 'ann', instances: false, proxy: true }]);
});

test('counters are the router’s, with the side that is live', async () => {
  expect((await ask('GET', '/v1/services/shop/counters')).status).toBe(404);
  await deployed();
  const { status, body } = await ask('GET', '/v1/services/shop/counters');
  expect(status).toBe(200);
  const { live, weights, paused, counters } = body as CountersView;
  expect({ live, weights, paused }).toEqual({ live: 'blue', weights: null, paused: null });
  expect(counters).toMatchObject({ blue: { requests: 0 }, green: { requests: 0 }, refused: {} });
});

test('metrics say what the log says, in a form that a strict parser reads', async () => {
  await deployed();
  const response = await fetch('http://controller/v1/metrics', { unix: socket });
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const families = parseExposition(await response.text());
  const value = (name: string, labels: Record<string, string>): number | undefined =>
    families
      .flatMap(({ samples }) => samples)
      .find((sample) => sample.name === `cutover_controller_${name}` && Bun.deepEquals(sample.labels, labels))
      ?.value;
  expect(value('deployments_total', { service: 'shop', kind: 'deploy', outcome: 'succeeded' })).toBe(1);
  expect(value('deployments_total', { service: 'shop', kind: 'deploy', outcome: 'frozen' })).toBe(0);
  expect(value('live', { service: 'shop', environment: 'blue' })).toBe(1);
  expect(value('live', { service: 'shop', environment: 'green' })).toBe(0);
  expect(value('live_release', { service: 'shop' })).toBe(1);
  expect(value('epoch', { service: 'shop' })).toBe(1);
  expect(value('step_duration_seconds_count', { service: 'shop', step: 'switch' })).toBe(1);
  expect(value('lease_fence', {})).toBe(1);
  expect(value('info', { version: '0.0.0' })).toBe(1);
});
