import { afterEach, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { FakeController, type Answers } from './testing/fake-controller.ts';
import { cliOnTerminal, runCli } from './testing/run-cli.ts';
import { deployment, service } from './testing/views.ts';
import type { Verdict } from '../core/verdict.ts';

const fakes: FakeController[] = [];
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.end();
});

const switched = {
  deployment: 3,
  from: 'green',
  to: 'blue',
  epoch: 6,
  release: 1,
  version: 'v1',
  switchMs: 2,
  holdMs: 1,
  held: 0,
  tookMs: 3,
};

function controller(verdict: Verdict | null, more: Answers = {}): FakeController {
  const fake = new FakeController(undefined, {
    'GET /v1/services/shop': { json: service({ verdict }) },
    'POST /v1/services/shop/rollback': { json: { ...switched, verdict } },
    'POST /v1/services/shop/switch': { json: { ...switched, verdict } },
    ...more,
  });
  fakes.push(fake);
  mkdirSync(fake.home);
  return fake.up();
}

const at = (fake: FakeController): { cwd: string; env: Record<string, string> } => ({
  cwd: fake.folder,
  env: { CUTOVER_HOME: fake.home },
});
const orders = (fake: FakeController): unknown[] =>
  fake.asked.filter(({ method }) => method === 'POST').map(({ body }) => body);

const lossy: Verdict = { verdict: 'lossy', writes: 12 };
const unsafe: Verdict = { verdict: 'unsafe', why: 'orders were split' };

for (const [words, verdict] of [
  [['rollback', 'shop'], lossy],
  [['rollback', 'shop'], unsafe],
  [['switch', 'blue', 'shop'], unsafe],
] as const) {
  test(`on a terminal, ${words.join(' ')} shows what is ${verdict.verdict} and asks; no changes nothing`, async () => {
    const fake = controller(verdict);
    const { child, until, text } = cliOnTerminal(words, at(fake));
    await until((shown) => shown.includes('[y/N]'));
    expect(text()).toContain(verdict.verdict === 'lossy' ? '12 writes were answered' : 'orders were split');
    child.terminal?.write('n\r');
    expect(await child.exited).toBe(6);
    expect(orders(fake)).toEqual([]);
  });
}

test('on a terminal, a yes goes back, and accepts the loss of what is unsafe', async () => {
  const fake = controller(unsafe);
  const { child, until } = cliOnTerminal(['rollback', 'shop', '--by', 'ann'], at(fake));
  await until((shown) => shown.includes('[y/N]'));
  child.terminal?.write('yes\r');
  expect(await child.exited).toBe(0);
  expect(orders(fake)).toEqual([{ by: 'ann', acceptLoss: true }]);
});

test('on a terminal, Ctrl-C at the question is a no', async () => {
  const fake = controller(unsafe);
  const { child, until } = cliOnTerminal(['rollback', 'shop'], at(fake));
  await until((shown) => shown.includes('[y/N]'));
  child.terminal?.write('\x03');
  expect(await child.exited).not.toBe(0);
  expect(orders(fake)).toEqual([]);
});

test('--yes asks nothing of what is lossy, and still asks about what is unsafe', async () => {
  const calm = controller(lossy);
  const first = cliOnTerminal(['rollback', 'shop', '--yes', '--by', 'ann'], at(calm));
  expect(await first.child.exited).toBe(0);
  expect(orders(calm)).toEqual([{ by: 'ann' }]);
  const stern = controller(unsafe);
  const second = cliOnTerminal(['rollback', 'shop', '--yes'], at(stern));
  await second.until((shown) => shown.includes('[y/N]'));
  second.child.terminal?.write('\r');
  expect(await second.child.exited).toBe(6);
});

test('a safe way back is not asked about', async () => {
  const fake = controller({ verdict: 'safe' });
  const { child } = cliOnTerminal(['rollback', 'shop', '--by', 'ann'], at(fake));
  expect(await child.exited).toBe(0);
  expect(orders(fake)).toEqual([{ by: 'ann' }]);
});

test('without a terminal nothing is asked, and what the person said goes along', async () => {
  const fake = controller(unsafe);
  const words = ['rollback', 'shop', '--by', 'ann', '--accept-loss', '--reason', 'wrong orders'];
  expect((await runCli(words, at(fake))).exit).toBe(0);
  expect((await runCli(['rollback', 'shop', '--by', 'bob'], at(fake))).exit).toBe(0);
  expect(orders(fake)).toEqual([{ by: 'ann', reason: 'wrong orders', acceptLoss: true }, { by: 'bob' }]);
});

test('without a terminal, what is unsafe ends with 7 and says how to accept it', async () => {
  const fake = controller(unsafe, {
    'POST /v1/services/shop/rollback': {
      error: {
        code: 'rollback-unsafe',
        message: 'going back is unsafe',
        next: 'cutover rollback --accept-loss',
      },
    },
  });
  const { exit, stderr } = await runCli(['rollback', 'shop'], at(fake));
  expect(exit).toBe(7);
  expect(stderr).toContain('--accept-loss');
});

test('an abort before the switch asks nothing', async () => {
  const fake = controller(unsafe, {
    'GET /v1/services/shop': { json: service({ verdict: unsafe, deployment: deployment() }) },
    'POST /v1/services/shop/abort': { json: deployment({ status: 'turning-back' }), status: 202 },
  });
  const { child } = cliOnTerminal(['abort', 'shop', '--detach', '--by', 'ann'], at(fake));
  expect(await child.exited).toBe(0);
  expect(orders(fake)).toEqual([{ by: 'ann' }]);
});

test('a deployment that is frozen ends what follows it with 7, and says both ways out', async () => {
  const frozen = deployment({
    status: 'frozen',
    frozenAt: 1,
    verdict: unsafe,
    failure: { code: 'bake-failed', message: 'web[0] unhealthy' },
  });
  const fake = controller(unsafe, {
    'GET /v1/services/shop/deployments': { json: [frozen] },
    'GET /v1/services/shop/deployments/2': { json: frozen },
    'GET /v1/status': {
      json: {
        controller: { pid: 1, version: '0', startedAt: 1, home: '/' },
        proxy: null,
        services: [service({ verdict: unsafe, deployment: frozen })],
      },
    },
    'POST /v1/services/shop/keep': [
      { json: frozen, status: 202 },
      {
        json: {
          ...frozen,
          status: 'succeeded',
          endedAt: 2,
          decision: { decision: 'keep', by: 'ann', reason: 'known', at: 2 },
        },
        status: 202,
      },
    ],
  });
  const shown = await runCli(['show', '2', '--service', 'shop'], at(fake));
  expect(shown.stdout).toContain('a person decides');
  expect((await runCli(['status'], at(fake))).stdout).toContain('a person decides');
  const followed = await runCli(['keep', 'shop', '--by', 'ann'], at(fake));
  expect(followed.exit).toBe(7);
  expect(followed.stderr).toContain('cutover keep goes on with the new side');
  const kept = await runCli(['keep', 'shop', '--by', 'ann', '--reason', 'known', '--detach'], at(fake));
  expect(kept.exit).toBe(0);
  expect(orders(fake)).toEqual([{ by: 'ann' }, { by: 'ann', reason: 'known' }]);
});
