import { describe, expect, test } from 'bun:test';
import { approve, pause, promote, resume } from '../core/intervene.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { order, refusal, spec, World } from '../testing/engine-world.ts';
import type { Engine } from './engine.ts';

const gated = (...gates: NonNullable<SpecInput['gates']>): SpecInput => ({ ...spec, gates });

async function live(): Promise<{ world: World; engine: Engine }> {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good');
  return { world, engine };
}

const gateOf = (service: Service, which = 0) =>
  service.deployments.at(-1)?.steps.filter(({ planned }) => planned.kind === 'gate')[which];
const untilAtGate = (world: World, engine: Engine, which = 0): Promise<void> =>
  world.clock.run(() => gateOf(engine.service('shop'), which)?.status === 'running');
const yes =
  (by: string, more: { gate?: number; approved?: boolean; reason?: string } = {}) =>
  (service: Service) =>
    approve(service, { by, gate: null, approved: true, reason: null, ...more });

describe('a gate for people', () => {
  test('waits for days, across a restart of the controller, and opens when enough of those who may have approved', async () => {
    const { world, engine } = await live();
    const two = gated({ approval: { by: ['ann', 'bob', 'eve'], count: 2 }, reason: 'look at the figures' });
    const { id } = await engine.deploy('shop', order('good', two), 'test');
    await untilAtGate(world, engine);
    const begun = world.clock.now();
    await world.clock.run(() => world.clock.now() > begun + 80_000_000);
    await refusal(engine.intervene('shop', yes('mallory')), 'approval-refused');
    expect((await engine.intervene('shop', yes('ann'))).changed).toBe(true);
    expect((await engine.intervene('shop', yes('ann'))).changed).toBe(false);
    await engine.stop();
    const next = await world.boot();
    await world.clock.run(() => world.clock.now() > begun + 160_000_000);
    expect(gateOf(next.service('shop'))?.status).toBe('running');
    expect(next.service('shop').live).toBe('blue');
    await next.intervene('shop', yes('bob'));
    const service = await world.settled(next, id);
    expect(service.live).toBe('green');
    expect(gateOf(service)?.says).toBe('approved by ann, bob');
    const { gates } = service.deployments.at(-1)?.receipt ?? {};
    expect(gates).toMatchObject([
      {
        name: 'gate 1',
        before: 'switch',
        status: 'done',
        said: [
          { kind: 'approve', by: 'ann' },
          { kind: 'approve', by: 'bob' },
        ],
      },
    ]);
  });

  test('that is rejected has the deployment taken back, and says who and why', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', gated({ approval: {} })), 'test');
    await untilAtGate(world, engine);
    await engine.intervene('shop', yes('ann', { approved: false, reason: 'not today' }));
    const service = await world.settled(engine, id);
    expect(service.deployments.at(-1)).toMatchObject({ status: 'undone', failure: { code: 'gate-refused' } });
    expect(service.deployments.at(-1)?.failure?.message).toContain('rejected by ann: not today');
  });

  test('does not count whoever ordered the deployment, where four eyes are asked for', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', gated({ approval: { fourEyes: true } })), 'ann');
    await untilAtGate(world, engine);
    await refusal(engine.intervene('shop', yes('ann')), 'approval-refused');
    await engine.intervene('shop', yes('bob'));
    expect((await world.settled(engine, id)).live).toBe('green');
  });

  test('is opened ahead by its number, and refused where nothing waits for it', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy(
      'shop',
      order('good', gated({ approval: {}, before: 'ship' }, { approval: {} }, { command: ['ok'] })),
      'test',
    );
    await untilAtGate(world, engine);
    await engine.intervene('shop', yes('ann', { gate: 2 }));
    await refusal(engine.intervene('shop', yes('ann', { gate: 3 })), 'not-waiting');
    await refusal(engine.intervene('shop', yes('ann', { gate: 9 })), 'not-waiting');
    await engine.intervene('shop', yes('ann'));
    expect((await world.settled(engine, id)).live).toBe('green');
    await refusal(engine.intervene('shop', yes('ann')), 'nothing-running');
  });

  test('that nobody opens in time fails, or goes on, as the spec says; a pause is not counted', async () => {
    const { world, engine } = await live();
    const failed = await world.deployed(engine, 'good', gated({ approval: {}, timeout: '1h' }));
    expect(failed.deployments.at(-1)).toMatchObject({ status: 'undone', failure: { code: 'gate-timeout' } });
    const { id } = await engine.deploy(
      'shop',
      order('good', gated({ approval: {}, timeout: '1h', onTimeout: 'go-on' })),
      'test',
    );
    await untilAtGate(world, engine);
    const begun = world.clock.now();
    await engine.intervene('shop', (service) => pause(service, 'ann', null));
    await world.clock.run(() => world.clock.now() > begun + 10 * 3_600_000);
    expect(gateOf(engine.service('shop'))?.status).toBe('running');
    await engine.intervene('shop', (service) => resume(service, 'ann'));
    const service = await world.settled(engine, id);
    expect(service.live).toBe('green');
    expect(gateOf(service)?.says).toContain('not opened within 1h');
  });

  test('is passed by a promotion only if that is forced', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', gated({ approval: {} })), 'test');
    await untilAtGate(world, engine);
    await refusal(
      engine.intervene('shop', (service) => promote(service, 'ann', false)),
      'not-waiting',
    );
    await engine.intervene('shop', (service) => promote(service, 'ann', true));
    const service = await world.settled(engine, id);
    expect(gateOf(service)?.says).toBe('forced open by ann');
    expect(service.live).toBe('green');
  });

  test('stands in no way back', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', gated({ approval: {} })), 'test');
    await untilAtGate(world, engine);
    await engine.intervene('shop', yes('ann'));
    await world.settled(engine, id);
    const back = await engine.rollback('shop', 'test');
    expect(back.to).toBe('blue');
    await world.settled(engine, back.deployment);
  });
});

test('a gate with a window opens when the window does, and is asked after those that people open', async () => {
  const { world, engine } = await live();
  const now = new Date(world.clock.now());
  const tomorrow = new Date(now.getTime() + 86_400_000).toISOString().slice(0, 10);
  const today = now.toISOString().slice(0, 10);
  const windowed = gated({ window: { from: '03:00', to: '03:05', except: [today] } }, { approval: {} });
  expect(
    (await engine.plan('shop', order('good', windowed))).steps.flatMap((step) =>
      step.kind === 'gate' ? step.gate : [],
    ),
  ).toEqual([2, 1]);
  const { id } = await engine.deploy('shop', order('good', windowed), 'test');
  await untilAtGate(world, engine);
  await engine.intervene('shop', yes('ann'));
  await world.clock.run(() => engine.service('shop').live === 'green', 3 * 86_400_000);
  expect(new Date(world.clock.now()).toISOString().slice(0, 16)).toBe(`${tomorrow}T03:00`);
  await world.settled(engine, id);
});

describe('a gate with a command', () => {
  test('runs it in the folder of the spec until it exits 0, at its interval', async () => {
    const { world, engine } = await live();
    const at: number[] = [];
    world.commands.answer = () => {
      at.push(world.clock.now());
      return { ok: at.length === 4, exitCode: at.length === 4 ? 0 : 1 };
    };
    const { id } = await engine.deploy(
      'shop',
      order('good', gated({ command: ['may-i'], interval: '1m' })),
      'ann',
    );
    await world.settled(engine, id);
    expect(at.map((each) => each - (at[0] ?? 0))).toEqual([0, 60_000, 120_000, 180_000]);
    const ran = world.commands.ran.at(-1);
    expect(ran).toMatchObject({
      argv: ['may-i'],
      place: {
        directory: '/',
        variables: { CUTOVER_SERVICE: 'shop', CUTOVER_BEFORE: 'switch', CUTOVER_BY: 'ann' },
      },
    });
  });

  test('that exits with a code that means no has the deployment taken back, with what it printed', async () => {
    const { world, engine } = await live();
    world.commands.answer = () => ({ ok: false, exitCode: 3, output: ['the freeze is on'] });
    const service = await world.deployed(engine, 'good', gated({ command: ['may-i'], deny: [3] }));
    expect(service.deployments.at(-1)).toMatchObject({
      status: 'undone',
      failure: { code: 'gate-refused', detail: { output: ['the freeze is on'] } },
    });
  });
});

describe('a gate with a webhook', () => {
  const asking = gated({ webhook: { url: 'https://ops.example/may-i' }, interval: '30s' });
  const answering =
    (...bodies: string[]) =>
    () => ({ body: bodies.length > 1 ? (bodies.shift() ?? '') : (bodies[0] ?? '') });

  test('asks until it is approved; what is no answer is none', async () => {
    const { world, engine } = await live();
    world.webhooks.answer = answering(
      '',
      'yes',
      '{"decision":"pending"}',
      '{"decision":"approved","by":"ops"}',
    );
    const service = await world.deployed(engine, 'good', asking);
    expect(service.live).toBe('green');
    expect(gateOf(service)?.says).toBe('approved by gate 1 (ops)');
    const ids = world.webhooks.sent.map(({ message }) => message.id);
    expect(new Set(ids).size).toBe(4);
    expect(JSON.parse(world.webhooks.sent[0]?.message.body ?? '')).toMatchObject({
      type: 'gate',
      service: 'shop',
    });
  });

  test('is taken at its word when it denies, and one that fails is asked again', async () => {
    const { world, engine } = await live();
    let asked = 0;
    world.webhooks.answer = () =>
      ++asked < 3 ? { ok: false } : { body: '{"decision":"denied","reason":"a\\nfreeze"}' };
    const service = await world.deployed(engine, 'good', asking);
    expect(service.deployments.at(-1)?.failure?.message).toBe(
      'gate 1, before switch: denied by gate 1: a freeze',
    );
  });
});

test('while a gate waits in the middle of a canary, the new side is watched, and gives its part back if it does badly', async () => {
  const { world, engine } = await live();
  const both = {
    ...gated({ approval: {} }),
    strategy: { ...spec.strategy, kind: 'canary', steps: [{ weight: 20 }] },
  } as SpecInput;
  const service = await world.deployed(engine, 'fails-canary', both);
  expect(service.deployments.at(-1)).toMatchObject({ status: 'undone', failure: { code: 'canary-failed' } });
  expect((await world.router.read('shop'))?.weights).toBeUndefined();
  const { id } = await engine.deploy('shop', order('good', both), 'test');
  await untilAtGate(world, engine);
  await engine.intervene('shop', yes('ann'));
  expect((await world.settled(engine, id)).live).toBe('green');
  expect(current(engine.service('shop'))).toBeUndefined();
});
