import { describe, expect, test } from 'bun:test';
import type { Caching } from '../core/caching.ts';
import { spec as usual, World, order } from '../testing/engine-world.ts';

const { warmUp: _none, ...spec } = usual;
const caching: Caching = {
  usualMs: 3_600_000,
  shortMs: 30_000,
  marginMs: 10_000,
  observed: false,
  quietMs: 0,
  lateAtMostMs: 0,
};
const minute: Caching = { ...caching, usualMs: 60_000 };
const observed: Caching = { ...caching, observed: true, quietMs: 20_000, lateAtMostMs: 120_000 };

/** With release 1 live on blue. */
async function begun(of: Caching): Promise<{ world: World; engine: Awaited<ReturnType<World['boot']>> }> {
  const world = new World({ caching: of });
  const engine = await world.boot();
  const { deployments } = await world.deployed(engine, 'good', spec);
  // Nobody was sent anywhere before.
  expect(deployments[0]?.steps.map(({ planned }) => planned.kind)).not.toContain('expire');
  return { world, engine };
}

describe('a router whose clients keep for a while where they were sent', () => {
  test('has its waits in the plan, with their times', async () => {
    const { engine } = await begun(caching);
    const { steps, notes } = await engine.plan('shop', order('good', spec));
    expect(steps.map(({ kind }) => kind).join(' ')).toBe(
      'shorten ship prepare start health verify expire switch linger drain bake lengthen keep',
    );
    expect(notes).toEqual([
      'clients keep where they were sent for 1h: the switch is at the earliest 1h10s after the beginning',
      'clients who asked before the switch go to blue for up to 40s after it',
    ]);
  });

  test('is switched when what was told before is over; the old side serves late clients; then all is as usual', async () => {
    const { world, engine } = await begun(caching);
    const { deployments } = await world.deployed(engine, 'good', spec);
    const second = deployments[1];
    expect(second?.status).toBe('succeeded');
    const at = (kind: string) => second?.steps.find(({ planned }) => planned.kind === kind);
    const switched = second?.switches[0]?.at ?? 0;
    expect(switched - (at('shorten')?.endedAt ?? 0)).toBeWithin(3_610_000, 3_612_000);
    expect((at('linger')?.endedAt ?? 0) - switched).toBeWithin(40_000, 41_000);
    expect(at('linger')?.says).toBe('blue has served late clients for as long as they may have come');
    expect(second?.receipt?.lateClients).toMatchObject({ colour: 'blue', late: null, left: true });
    expect(world.router.keeping.get('shop')).toBe('usual');
  });

  test('goes back at once, and the side that was left serves late clients for the usual time', async () => {
    const { world, engine } = await begun(caching);
    await world.deployed(engine, 'good', spec);
    const before = world.clock.now();
    const { deployment } = await engine.rollback('shop', 'test');
    expect(world.clock.now() - before).toBeLessThan(1000);
    expect(world.router.keeping.get('shop')).toBe('short');
    const { deployments } = await world.settled(engine, deployment);
    const back = deployments[2];
    expect(back?.plan.notes).toEqual([
      'clients who asked before the switch go to green for up to 1h10s after it',
    ]);
    const linger = back?.steps.find(({ planned }) => planned.kind === 'linger');
    expect((linger?.endedAt ?? 0) - (back?.switches[0]?.at ?? 0)).toBeWithin(3_610_000, 3_611_000);
    expect(world.router.keeping.get('shop')).toBe('usual');
  });

  test('that is observed is waited for until nobody has come for a while, and the receipt tells of those who did', async () => {
    const { world, engine } = await begun(observed);
    const { id } = await engine.deploy('shop', order('good', spec), 'test');
    const late = () =>
      engine.service('shop').deployments[1]?.steps.find(({ planned }) => planned.kind === 'linger');
    await world.clock.run(() => late()?.status === 'running');
    const switched = engine.service('shop').deployments[1]?.switches[0]?.at ?? 0;
    // One of the last to hear of it, 35 s after the switch and 5 s before its time.
    await world.clock.run(() => world.clock.now() >= switched + 35_000);
    world.router.late('shop', 'blue', 3);
    const { deployments } = await world.settled(engine, id);
    expect(deployments[1]?.status).toBe('succeeded');
    const { lateClients } = deployments[1]?.receipt ?? {};
    expect(lateClients).toMatchObject({ colour: 'blue', late: 3, left: true });
    expect((lateClients?.lastAt ?? 0) - switched).toBeWithin(35_000, 36_000);
    expect(lateClients?.ms).toBeWithin(55_000, 57_000);
  });

  test('that does badly while late clients are served is taken back, and its own late clients are served before it is stopped', async () => {
    const { world, engine } = await begun(caching);
    const { deployments, live } = await world.deployed(engine, 'fails-bake', {
      ...spec,
      rollback: { automatic: 'always' },
    });
    expect(live).toBe('blue');
    const second = deployments[1];
    expect(second?.status).toBe('undone');
    const [, back] = second?.switches ?? [];
    expect(second?.receipt?.lateClients).toMatchObject({ colour: 'green', late: null });
    expect((second?.endedAt ?? 0) - (back?.at ?? 0)).toBeWithin(40_000, 42_000);
    expect(world.router.keeping.get('shop')).toBe('usual');
  });

  test('is not waited for longer, and never shorter, wherever the controller dies', async () => {
    for (let strikeAt = 1; ; strikeAt += 29) {
      const { world } = await begun(minute);
      let [calls, dead, armed] = [0, false, false];
      const dying = await world.boot(() => {
        if (armed && ++calls >= strikeAt) dead = true;
        return dead ? new Promise<never>(() => undefined) : Promise.resolve();
      });
      armed = true;
      void dying.deploy('shop', order('good', spec), 'test').catch(() => undefined);
      await world.clock.run(() => dead || dying.service('shop').deployments[1]?.status === 'succeeded');
      if (!dead) return expect(strikeAt).toBeGreaterThan(30);
      const engine = await world.boot();
      if (engine.service('shop').deployments.length < 2) continue;
      const { deployments } = await world.settled(engine, 2);
      const second = deployments[1];
      expect(second?.status).toBe('succeeded');
      const told = second?.steps.find(({ planned }) => planned.kind === 'shorten')?.endedAt ?? 0;
      expect((second?.switches.at(-1)?.at ?? 0) - told).toBeWithin(70_000, 73_000);
      expect(world.router.keeping.get('shop')).toBe('usual');
    }
  }, 60_000);
});
