import { describe, expect, test } from 'bun:test';
import { colours } from '../core/colour.ts';
import { formatAddress } from '../core/address.ts';
import { current, servingOf, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import type { Engine } from './engine.ts';

const rolling = (strategy: object, instances = 3): SpecInput => ({
  ...spec,
  environments: { layers: { web: { ...spec.environments.layers.web, command: ['serve'], instances } } },
  strategy: { ...spec.strategy, kind: 'rolling', ...strategy } as NonNullable<SpecInput['strategy']>,
});

/** What runs and what serves now: as the platform and the router have it, not the log. */
async function now(world: World): Promise<{ run: number; serve: number; dead: string[] }> {
  const up = new Set<string>();
  for (const { instances, isStopped } of world.running.environments.values())
    for (const { address, process } of isStopped ? [] : instances)
      if (process) up.add(formatAddress(address));
  const route = await world.router.read('shop');
  const serving = colours.flatMap((colour) => {
    const gets = route?.weights ? route.weights[colour] > 0 : route?.live === colour;
    return gets && route ? route[colour].instances.map(formatAddress) : [];
  });
  return { run: up.size, serve: serving.length, dead: serving.filter((address) => !up.has(address)) };
}

/** Sees around every call of the platform and of the router that the limits are kept, and that nobody is served by what does not run. */
const keeping =
  (world: World, most: number, least: number): Strike =>
  async (call) => {
    if (!/^(platform\.(start|stop)|router\.apply) after$/.test(call)) return;
    const { run, serve, dead } = await now(world);
    expect({ call, run, serve, dead, ok: run <= most && serve >= least && dead.length === 0 }).toEqual({
      ...{ call, run, serve, dead: [], ok: true },
    });
  };

const last = (service: Service) => service.deployments.at(-1);
/** The old side that is kept no longer is retired at once. */
const untilRetired = (world: World, engine: Engine): Promise<void> =>
  world.clock.run(
    () =>
      current(engine.service('shop')) === undefined &&
      colours.some((colour) => engine.service('shop').environments[colour].release === null),
  );

const limits = [
  { name: 'one more at a time', strategy: { surge: 1 }, most: 4, least: 3 },
  { name: 'one fewer at a time', strategy: { surge: 0, unavailable: 1 }, most: 3, least: 2 },
  { name: 'one more and one fewer', strategy: { surge: 1, unavailable: 1 }, most: 4, least: 2 },
];

describe.each(limits)('a roll with $name', ({ strategy, most, least }) => {
  test('takes the release live within its limits, and the way back is another roll, which says that it is not hot', async () => {
    const world = new World();
    const of = rolling(strategy);
    await world.deployed(await world.boot(), 'good', of);
    const engine = await world.boot(keeping(world, most, least));
    const service = await world.deployed(engine, 'good', of);
    expect(last(service)).toMatchObject({ status: 'succeeded', failure: null });
    expect(service.live).toBe('green');
    expect(servingOf(service, 'green')).toBe(3);
    await untilRetired(world, engine);
    expect(await now(world)).toEqual({ run: 3, serve: 3, dead: [] });
    expect(await engine.verdict('shop')).not.toBeNull();
    const back = engine.rollback('shop', 'ann');
    void back.catch(() => undefined);
    await world.clock.run(() => current(engine.service('shop')) !== undefined);
    const { plan, id } = current(engine.service('shop')) ?? expect.unreachable();
    expect(plan).toMatchObject({ kind: 'rollback', strategy: 'rolling', release: 1 });
    expect(plan.notes[0]).toStartWith('not hot: ');
    const returned = await world.settled(engine, id);
    expect((await back).to).toBe('blue');
    expect(last(returned)).toMatchObject({ status: 'succeeded' });
    expect(returned.live).toBe('blue');
    await untilRetired(world, engine);
    expect(await now(world)).toEqual({ run: 3, serve: 3, dead: [] });
  });

  test.each(['fails-canary', 'fails-bake'] as const)(
    'of a release that %s goes back within its limits',
    async (fate) => {
      const world = new World();
      const of = rolling(strategy);
      await world.deployed(await world.boot(), 'good', of);
      const engine = await world.boot(keeping(world, most, least));
      const service = await world.deployed(engine, fate, of);
      expect(last(service)?.status).toBe('undone');
      expect(service.live).toBe('blue');
      expect(await now(world)).toEqual({ run: 3, serve: 3, dead: [] });
      expect((await world.router.read('shop'))?.weights).toBeUndefined();
      expect(service.environments.blue.part).toBeNull();
    },
  );

  test.each(['good', 'fails-bake'] as const)(
    'of a release that is %s ends the same wherever the engine dies, within its limits',
    async (fate) => {
      for (let nth = 1; ; nth += 8) {
        const world = new World();
        const of = rolling(strategy);
        await world.deployed(await world.boot(), 'good', of);
        const died = await dyingAt(nth, world, of, fate, keeping(world, most, least));
        const service = (await world.boot()).service('shop');
        if (service.deployments.length === 1) continue; // it died before the deployment was on record
        const deployment = service.deployments[1];
        expect({ nth, status: deployment?.status }).toEqual({
          ...{ nth, status: fate === 'good' ? 'succeeded' : 'undone' },
        });
        expect(service.live).toBe(fate === 'good' ? 'green' : 'blue');
        const { serve, dead } = await now(world);
        expect({ nth, serve, dead }).toEqual({ nth, serve: 3, dead: [] });
        if (!died) {
          expect(nth).toBeGreaterThan(40);
          return;
        }
      }
    },
    60_000,
  );
});

/** An engine that dies at its nth call of the world, and the next one that goes on. Returns whether it died. */
async function dyingAt(
  nth: number,
  world: World,
  of: SpecInput,
  fate: Fate,
  keeps: Strike,
): Promise<boolean> {
  let calls = 0;
  let dead = false;
  let armed = false;
  const first = await world.boot(async (call) => {
    if (!armed) return;
    if (++calls >= nth) dead = true;
    if (dead) await new Promise<never>(() => undefined);
    await keeps(call);
  });
  armed = true;
  let id: number | undefined;
  void first.deploy('shop', order(fate, of), 'sim').then((deployment) => (id = deployment.id));
  const isOver = (engine: Engine): boolean =>
    engine.services()[0] !== undefined && current(engine.service('shop')) === undefined;
  await world.clock.run(() => dead || (id !== undefined && isOver(first)));
  if (!dead) return false;
  const next = await world.boot(keeps);
  await world.clock.run(() => isOver(next));
  return true;
}

test('an old instance is stopped when nothing is in flight there any more, and not before', async () => {
  const world = new World();
  const of = rolling({ surge: 1, drain: '10m' });
  await world.deployed(await world.boot(), 'good', of);
  const engine = await world.boot();
  const instance = engine.service('shop').environments.blue.placement?.instances[2];
  const address = formatAddress(instance?.address ?? expect.unreachable());
  world.router.busy('shop', 'blue', address, 2);
  const { id } = await engine.deploy('shop', order('good', of), 'test');
  await world.clock.run(
    () =>
      current(engine.service('shop'))?.steps.some(
        ({ planned, status }) => planned.kind === 'leave' && status === 'running',
      ) === true,
  );
  const later = world.clock.now() + 300_000;
  await world.clock.run(() => world.clock.now() > later);
  expect((await now(world)).run).toBe(4);
  expect((await world.router.read('shop'))?.blue.instances.map(formatAddress)).not.toContain(address);
  world.router.busy('shop', 'blue', address, 0);
  expect(last(await world.settled(engine, id))?.status).toBe('succeeded');
});

test('a router that does not tell what is in flight at one instance is refused at plan time', async () => {
  const world = new World({ instances: false });
  const of = rolling({ surge: 1 });
  const engine = await world.boot();
  await world.deployed(engine, 'good', of);
  const { message } = await refusal(engine.plan('shop', order('good', of)), 'router-cannot');
  expect(message).toContain('strategy.kind=rolling (it does not tell what is in flight at one instance)');
});

test('a surge that has room for all keeps the old instances, and the way back is a switch', async () => {
  const world = new World();
  const of = rolling({ surge: '100%' });
  const engine = await world.boot();
  await world.deployed(engine, 'good', of);
  await world.deployed(engine, 'good', of);
  const back = engine.rollback('shop', 'ann');
  await world.clock.run(() => engine.service('shop').live === 'blue');
  expect((await back).to).toBe('blue');
  expect(last(engine.service('shop'))?.plan.steps[0]?.kind).toBe('switch');
});
