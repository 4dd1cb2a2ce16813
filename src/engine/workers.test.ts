import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { CutoverError } from '../core/errors.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { Random } from '../testing/load/random.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import type { Engine } from './engine.ts';

const withWorker: SpecInput = {
  ...spec,
  environments: {
    layers: {
      ...spec.environments.layers,
      worker: { command: ['work'], instances: 2, active: { file: true, within: '500ms' } },
    },
  },
};

/** Environments that worked together with another: there must never be one. */
function watched(world: World): string[] {
  const breaches: string[] = [];
  world.running.onWork = (service) => {
    const working = world.running.working(service);
    if (working.length > 1) breaches.push(working.join(' and '));
  };
  return breaches;
}

describe('workers', () => {
  test('work only where the traffic is, and are handed over with the switch', async () => {
    const world = new World();
    const breaches = watched(world);
    const engine = await world.boot();
    await world.deployed(engine, 'good', withWorker);
    expect(world.running.working('shop')).toEqual(['shop/blue']);
    const service = await world.deployed(engine, 'good', withWorker);
    expect(world.running.working('shop')).toEqual(['shop/green']);
    expect(service.lease.holder).toBe('green');
    expect(service.deployments[1]?.steps.map(({ planned }) => planned.kind)).toContain('passivate');
    // It takes the time that the workers take.
    const back = engine.rollback('shop', 'test');
    await world.clock.run(() => engine.service('shop').deployments.length === 3);
    await world.settled(engine, 3);
    await back;
    expect(world.running.working('shop')).toEqual(['shop/blue']);
    expect(breaches).toEqual([]);
  });

  test('of a release that does badly give the work back', async () => {
    const world = new World();
    const breaches = watched(world);
    const engine = await world.boot();
    await world.deployed(engine, 'good', withWorker);
    await world.deployed(engine, 'fails-bake', withWorker);
    expect(world.running.working('shop')).toEqual(['shop/blue']);
    expect(breaches).toEqual([]);
  });

  test('of the first release go on although it does badly: nobody else could', async () => {
    const world = new World();
    const engine = await world.boot();
    const service = await world.deployed(engine, 'fails-bake', withWorker);
    expect(service.deployments[0]?.status).toBe('frozen');
    expect(world.running.working('shop')).toEqual(['shop/blue']);
  });

  test('that do not answer are ended before others begin, and the step says so', async () => {
    const world = new World();
    const breaches = watched(world);
    const engine = await world.boot();
    await world.deployed(engine, 'good', withWorker);
    world.running.lingers = () => null;
    const service = await world.deployed(engine, 'good', withWorker);
    const step = service.deployments[1]?.steps.find(({ planned }) => planned.kind === 'passivate');
    expect(step?.says).toContain('2 of them ended');
    expect(world.running.working('shop')).toEqual(['shop/green']);
    expect(breaches).toEqual([]);
  });

  test('are let go by a release that has none, and taken up by one that has', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', withWorker);
    expect((await world.deployed(engine, 'good', spec)).lease.holder).toBeNull();
    expect(world.running.working('shop')).toEqual([]);
    await world.deployed(engine, 'good', withWorker);
    expect(world.running.working('shop')).toEqual(['shop/blue']);
  });

  test('a stale order has no effect', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', withWorker);
    await world.deployed(engine, 'good', withWorker);
    const lease = engine.platformOf('shop').lease;
    if (!lease) throw new Error('the memory platform can tell workers');
    await refusal(lease({ service: 'shop', colour: 'blue' }, { state: 'active', epoch: 1 }), 'stale-epoch');
    expect(world.running.working('shop')).toEqual(['shop/green']);
  });
});

function expectTold(error: unknown): void {
  if (!(error instanceof CutoverError) || error.code === 'internal') throw error;
}

/** Orders at random, workers that are late, silent or crash, an engine that dies at random. Returns what worked together. */
async function schedule(seed: number, isHasty = false): Promise<string[]> {
  const random = new Random(seed);
  const world = new World();
  const breaches = watched(world);
  world.running.isHasty = isHasty;
  world.running.lingers = () => random.pick([0, 30, 200, 700, null]);
  const fates: Fate[] = ['good', 'good', 'never-healthy', 'fails-verify', 'fails-bake'];
  let deaths = 0;
  let dead = false;
  const mortal = (): Strike => {
    let gone = false;
    return async (call) => {
      const odds = call.startsWith('platform.lease') ? 6 : 50;
      if (!gone && deaths < 4 && random.next() < 1 / odds) {
        gone = true;
        dead = true;
        deaths += 1;
      }
      if (gone) await new Promise<never>(() => undefined);
    };
  };
  const bootAlive = async (): Promise<Engine> => {
    for (;;) {
      dead = false;
      let booted: Engine | undefined;
      void world.boot(mortal()).then((value) => (booted = value));
      await world.clock.run(() => dead || booted !== undefined);
      if (booted && !dead) return booted;
    }
  };
  let engine = await bootAlive();
  for (let act = 0; act < 5; act++) {
    const say = random.next();
    const asked =
      say < 0.75
        ? engine.deploy('shop', order(random.pick(fates), withWorker), 'sim')
        : say < 0.9
          ? engine.rollback('shop', 'sim')
          : engine.abort('shop', 'sim');
    let answered = false;
    void asked.catch(expectTold).finally(() => (answered = true));
    await world.clock.run(() => dead || answered);
    for (;;) {
      if (dead) engine = await bootAlive();
      const known = (): Service | undefined => engine.services()[0];
      const quiet = (): boolean => {
        const service = known();
        return service === undefined || !current(service);
      };
      await world.clock.run(() => dead || quiet());
      if (!dead) break;
    }
    if (isHasty) continue;
    const service = engine.services()[0];
    if (!service || service.live === null) continue;
    const due = `shop/${service.live}`;
    // What is live works, as soon as what was told has come about.
    await world.clock.run(() => dead || world.running.working('shop').join() === due);
    if (dead) engine = await bootAlive();
  }
  return breaches;
}

test('whatever is ordered, however workers behave and wherever the engine dies, two environments never work at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000_000 }), async (seed) => {
      expect(await schedule(seed)).toEqual([]);
    }),
    { numRuns: 80, endOnFailure: true },
  );
}, 120_000);

test('a platform that does not wait until workers have stopped is found out', async () => {
  let found = 0;
  for (let seed = 1; seed <= 20; seed++) found += (await schedule(seed, true)).length;
  expect(found).toBeGreaterThan(0);
}, 60_000);
