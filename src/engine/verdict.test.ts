import { describe, expect, test } from 'bun:test';
import { awaitsDecision } from '../core/deployment.ts';
import { CutoverError } from '../core/errors.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import type { Engine } from './engine.ts';

const ruled = (rollback: SpecInput['rollback']): SpecInput => ({ ...spec, rollback });
const always = ruled({ unsafe: { always: true, reason: 'the table orders was split' } });

const isFrozen = (service: Service): boolean => {
  const deployment = current(service);
  return deployment !== undefined && awaitsDecision(deployment);
};

/** Two releases, of which the second has just got the traffic. */
async function twoReleases(of: SpecInput = spec): Promise<{ world: World; engine: Engine }> {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good');
  await world.deployed(engine, 'good', of);
  return { world, engine };
}

/** Deploys a release that does badly after its switch, and waits until it is frozen. */
async function frozen(of: SpecInput, fate: Fate = 'fails-bake'): Promise<{ world: World; engine: Engine }> {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good');
  await engine.deploy('shop', order(fate, of), 'test');
  await world.clock.run(() => isFrozen(engine.service('shop')));
  return { world, engine };
}

describe('the verdict', () => {
  test('there is none while there is nothing to go back to', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    expect(await engine.verdict('shop')).toBeNull();
  });

  test('is safe until the new side has answered a write, and then says how many', async () => {
    const { world, engine } = await twoReleases();
    expect(await engine.verdict('shop')).toEqual({ verdict: 'safe' });
    world.router.write('shop', 3);
    expect(await engine.verdict('shop')).toEqual({ verdict: 'lossy', writes: 3 });
  });

  test('counts on over a restart of the router, and says that there may have been more', async () => {
    const { world, engine } = await twoReleases();
    world.router.write('shop', 40);
    await world.clock.run(() => engine.service('shop').writes?.seen === 40);
    world.router.restart();
    expect(await engine.verdict('shop')).toEqual({ verdict: 'lossy', writes: 40, atLeast: true });
    world.router.write('shop', 2);
    expect(await engine.verdict('shop')).toEqual({ verdict: 'lossy', writes: 42, atLeast: true });
    await world.clock.run(() => engine.service('shop').writes?.before === 40);
    world.router.restart();
    expect(await engine.verdict('shop')).toMatchObject({ writes: 42, atLeast: true });
  });

  test('begins anew with each switch', async () => {
    const { world, engine } = await twoReleases();
    world.router.write('shop', 5);
    await engine.rollback('shop', 'test');
    expect(await engine.verdict('shop')).toEqual({ verdict: 'safe' });
  });

  test('is remembered by the next controller, which asks a router that counts from 0', async () => {
    const { world, engine } = await twoReleases();
    world.router.write('shop', 7);
    await engine.stop();
    world.router.restart();
    expect(await (await world.boot()).verdict('shop')).toMatchObject({ verdict: 'lossy', writes: 7 });
  });

  test('puts few lines into the log, however many writes there are', async () => {
    const { world, engine } = await twoReleases();
    const before = engine.service('shop').version;
    let written = 0;
    for (let look = 0; look < 400; look++) {
      world.router.write('shop', 50);
      written += 50;
      const until = world.clock.now() + 2000;
      let passed = false;
      void world.clock.sleep(2000).then(() => (passed = true));
      await world.clock.run(() => passed);
      expect(world.clock.now()).toBeGreaterThanOrEqual(until);
    }
    expect(await engine.verdict('shop')).toEqual({ verdict: 'lossy', writes: written });
    expect(engine.service('shop').version - before).toBeLessThan(80);
  });

  test('is unsafe from the switch on if the release says so, and why', async () => {
    const { engine } = await twoReleases(always);
    expect(await engine.verdict('shop')).toEqual({
      verdict: 'unsafe',
      why: 'the release says so from its switch on: the table orders was split',
    });
  });

  test('is unsafe after more writes than the release allows', async () => {
    const { world, engine } = await twoReleases(ruled({ unsafe: { writes: 10 } }));
    world.router.write('shop', 10);
    expect(await engine.verdict('shop')).toEqual({ verdict: 'lossy', writes: 10 });
    world.router.write('shop', 1);
    expect((await engine.verdict('shop'))?.verdict).toBe('unsafe');
  });

  test('is unsafe when the release has been live for too long', async () => {
    const { world, engine } = await twoReleases(ruled({ unsafe: { after: '10m' } }));
    expect(await engine.verdict('shop')).toEqual({ verdict: 'safe' });
    const due = world.clock.now() + 600_000;
    await world.clock.run(() => world.clock.now() >= due);
    expect((await engine.verdict('shop'))?.verdict).toBe('unsafe');
  });

  const commanded = ruled({ verdict: { command: ['verdict'] } });
  for (const [answer, expected] of [
    ['both releases use one database\nsafe', { verdict: 'safe' }],
    ['lossy: the search index', { verdict: 'lossy', writes: 4, why: 'the search index' }],
    ['unsafe: orders were migrated', { verdict: 'unsafe', why: 'orders were migrated' }],
    [
      'yes',
      {
        verdict: 'unsafe',
        why: 'its command was expected to print safe, lossy or unsafe at its end, found "yes"',
      },
    ],
    [null, { verdict: 'unsafe', why: 'its command failed: exit code 3' }],
  ] as const) {
    test(`is what the release’s own command says: ${answer ?? 'nothing, it fails'}`, async () => {
      const { world, engine } = await twoReleases(commanded);
      world.router.write('shop', 4);
      world.answer = answer;
      expect(await engine.verdict('shop', true)).toEqual(expected);
    });
  }
});

describe('a deployment that does badly after its switch', () => {
  test('goes back by itself if writes are lost, and its receipt says how many', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    const { id } = await engine.deploy('shop', order('fails-bake'), 'test');
    await world.clock.run(() => engine.service('shop').live === 'green');
    world.router.write('shop', 2);
    const service = await world.settled(engine, id);
    expect(service.live).toBe('blue');
    expect(service.deployments.at(-1)?.receipt?.wayBack?.verdict).toEqual({ verdict: 'lossy', writes: 2 });
  });

  test('freezes if going back is unsafe: the traffic stays, nothing is stopped, and no other deployment begins', async () => {
    const { world, engine } = await frozen(always);
    const service = engine.service('shop');
    expect(service.deployments.at(-1)).toMatchObject({
      status: 'frozen',
      endedAt: null,
      failure: { code: 'bake-failed' },
      verdict: { verdict: 'unsafe' },
    });
    expect((await world.router.read('shop'))?.live).toBe('green');
    expect(service.environments.blue.phase).toBe('verified');
    const { message } = await refusal(engine.deploy('shop', order('good'), 'ann'), 'deployment-running');
    expect(message).toContain('frozen');
  });

  test('freezes if writes would be lost and only a safe way back is wanted', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    await engine.deploy('shop', order('fails-bake', ruled({ automatic: 'safe' })), 'test');
    await world.clock.run(() => engine.service('shop').live === 'green');
    world.router.write('shop', 1);
    await world.clock.run(() => isFrozen(engine.service('shop')));
    expect(current(engine.service('shop'))?.verdict).toEqual({ verdict: 'lossy', writes: 1 });
  });

  test('goes back whatever is lost with automatic: always', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    const service = await world.deployed(engine, 'fails-bake', {
      ...always,
      rollback: { ...always.rollback, automatic: 'always' },
    });
    expect(service.deployments.at(-1)?.status).toBe('undone');
    expect(service.live).toBe('blue');
  });

  test('is taken back by a person who accepts the loss, who is on record with a reason', async () => {
    const { world, engine } = await frozen(always);
    await refusal(engine.rollback('shop', 'ann'), 'rollback-unsafe');
    const back = await engine.rollback('shop', 'ann', { acceptLoss: true, reason: 'orders are wrong' });
    expect(back).toMatchObject({ to: 'blue', verdict: { verdict: 'unsafe' } });
    const service = await world.settled(engine, 2);
    expect(service.live).toBe('blue');
    expect(service.deployments.at(-1)).toMatchObject({
      status: 'undone',
      decision: { decision: 'back', by: 'ann', reason: 'orders are wrong' },
    });
    expect(service.deployments.at(-1)?.receipt?.wayBack?.decision?.by).toBe('ann');
  });

  test('goes on with the new side if a person keeps it, and succeeds with that on record', async () => {
    const { world, engine } = await frozen(always);
    await engine.keep('shop', 'bob', 'the errors are known');
    const service = await world.settled(engine, 2);
    expect(service.live).toBe('green');
    expect(service.deployments.at(-1)).toMatchObject({
      status: 'succeeded',
      failure: { code: 'bake-failed' },
      decision: { decision: 'keep', by: 'bob', reason: 'the errors are known' },
    });
    expect(service.environments.blue.keptUntil).not.toBeNull();
    await refusal(engine.keep('shop', 'bob', null), 'not-frozen');
  });

  test('stays frozen over a restart of the controller', async () => {
    const { world, engine } = await frozen(always);
    await engine.stop();
    const next = await world.boot();
    expect(isFrozen(next.service('shop'))).toBe(true);
    await next.keep('shop', 'bob', null);
    expect((await world.settled(next, 2)).deployments.at(-1)?.status).toBe('succeeded');
  });

  test('an abort of one that is frozen is the same as a rollback', async () => {
    const { world, engine } = await frozen(always);
    await refusal(engine.abort('shop', 'ann'), 'rollback-unsafe');
    await engine.abort('shop', 'ann', { acceptLoss: true });
    expect((await world.settled(engine, 2)).live).toBe('blue');
  });
});

describe('a person’s order to go back', () => {
  test('is refused if it is unsafe, by rollback and by switch, unless the loss is accepted', async () => {
    const { world, engine } = await twoReleases(always);
    await refusal(engine.rollback('shop', 'ann'), 'rollback-unsafe');
    await refusal(engine.switchTo('shop', 'blue', 'ann'), 'rollback-unsafe');
    expect((await world.router.read('shop'))?.live).toBe('green');
    await engine.rollback('shop', 'ann', { acceptLoss: true, reason: 'asked by the shop' });
    const service = await world.settled(engine, 3);
    expect(service.deployments.at(-1)?.receipt?.wayBack).toMatchObject({
      verdict: { verdict: 'unsafe' },
      reason: 'asked by the shop',
    });
  });

  test('goes through if writes are lost, which is told with it', async () => {
    const { world, engine } = await twoReleases();
    world.router.write('shop', 9);
    expect((await engine.rollback('shop', 'ann')).verdict).toEqual({ verdict: 'lossy', writes: 9 });
  });

  test('before the switch costs nothing, whatever the release says', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', always);
    const { id } = await engine.deploy('shop', order('never-healthy', always), 'test');
    await engine.abort('shop', 'ann');
    expect((await world.settled(engine, id)).deployments.at(-1)?.status).toBe('undone');
  });
});

/** Dies at its call number `at`, and never comes back. */
const dyingAt = (at: number, died: () => void): Strike => {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls < at) return;
    if (calls === at) died();
    await new Promise<never>(() => undefined);
  };
};

/**
 * A bad release, frozen, and then what a person decides; the engine dies at its call `at` of the world, and another goes on. False if there were
 * not so many calls.
 */
async function decidedWithDeath(at: number, decision: 'back' | 'keep'): Promise<boolean> {
  const world = new World();
  const first = await world.boot();
  await world.deployed(first, 'good');
  await first.stop();
  let died = false;
  /** The engine that is at it has died. */
  let dead = false;
  let engine: Engine | null = null;
  const boot = async (strike?: Strike): Promise<void> => {
    engine = null;
    dead = false;
    void world.boot(strike).then((booted) => (engine = booted));
    await world.clock.run(() => engine !== null || dead);
  };
  const service = (): Service | undefined => engine?.service('shop');
  /** Says it to the engine, and to the next one if that dies and it did not come to be. */
  const persist = async (
    say: (engine: Engine) => Promise<unknown>,
    done: (service: Service) => boolean,
  ): Promise<void> => {
    const come = (): boolean => {
      const now = service();
      return now !== undefined && done(now);
    };
    const ordered = engine;
    if (ordered) void say(ordered).catch(expectRefused);
    await world.clock.run(() => dead || come());
    if (!dead) return;
    await boot();
    if (engine && !come()) await persist(say, done);
  };
  await boot(
    dyingAt(at, () => {
      died = true;
      dead = true;
    }),
  );
  if (died) await boot();
  const none = (): Promise<unknown> => Promise.resolve();
  await persist(
    (one) => one.deploy('shop', order('fails-bake', always), 'sim'),
    ({ deployments }) => deployments.length === 2,
  );
  await persist(none, isFrozen);
  expect((await world.router.read('shop'))?.live).toBe('green');
  await persist(
    (one) =>
      decision === 'back' ? one.rollback('shop', 'sim', { acceptLoss: true }) : one.keep('shop', 'sim', null),
    ({ deployments }) => (deployments[1]?.decision ?? null) !== null,
  );
  await persist(none, (now) => !current(now));
  expect(service()?.deployments[1]?.status).toBe(decision === 'back' ? 'undone' : 'succeeded');
  expect(service()?.live).toBe(decision === 'back' ? 'blue' : 'green');
  expect((await world.router.read('shop'))?.live).toBe(decision === 'back' ? 'blue' : 'green');
  return died;
}

/** An order to an engine that has died is never answered; any other answer is as it should be, or told. */
function expectRefused(error: unknown): void {
  if (!(error instanceof CutoverError) || error.code === 'internal') throw error;
}

for (const decision of ['back', 'keep'] as const) {
  test(`wherever the engine dies, a release that does badly is frozen and then does what a person decided: ${decision}`, async () => {
    let at = 1;
    while (await decidedWithDeath(at, decision)) at += 1;
    expect(at).toBeGreaterThan(60);
  }, 60_000);
}
