import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { colours } from '../core/colour.ts';
import { underWay } from '../core/deployment.ts';
import { isWholeFleet } from '../core/fleet.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import { Random } from '../testing/load/random.ts';
import type { Engine } from './engine.ts';

const fleet = (strategy: object = {}): SpecInput => ({
  ...spec,
  strategy: { ...spec.strategy, kind: 'split-fleet', ...strategy } as NonNullable<SpecInput['strategy']>,
});

/** A world in which release 1 serves on both. */
async function whole(of = fleet()): Promise<{ world: World; engine: Engine }> {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good', of);
  return { world, engine };
}
const releases = ({ environments }: Service): (number | null)[] => [
  environments.blue.release,
  environments.green.release,
];
const last = (service: Service) => service.deployments.at(-1) ?? expect.unreachable();

/** Who gets requests of users, with a running release, by the router. */
async function serving(world: World): Promise<string[]> {
  const route = await world.router.read('shop');
  if (!route) return [];
  const { weights } = route;
  const in_ = colours.filter((colour) => (weights ? weights[colour] > 0 : route.live === colour));
  return in_.map((colour) => `${colour} ${route[colour].release}`);
}

describe('a split fleet', () => {
  test('has its first release, and every next one, on both; one of them serves at every moment', async () => {
    const { world, engine } = await whole();
    expect(await serving(world)).toEqual(['blue 1', 'green 1']);
    const seen = new Set<string>();
    const { id } = await engine.deploy('shop', order('good', fleet()), 'test');
    await world.clock.run(() => {
      void serving(world).then((now) => seen.add(now.join(', ')));
      return !underWay(engine.service('shop').deployments[id - 1] ?? expect.unreachable());
    });
    expect([...seen].slice(-4)).toEqual(['blue 1', 'blue 1, green 2', 'green 2', 'blue 2, green 2']);
    const service = engine.service('shop');
    expect(last(service).status).toBe('succeeded');
    expect([service.live, isWholeFleet(service), releases(service)]).toEqual(['green', true, [2, 2]]);
    // Both get users, so none of them is idle or kept.
    const share = { blue: 0, green: 0 };
    for (let n = 0; n < 100; n++) share[world.router.request('shop') ?? expect.unreachable()]++;
    expect(share).toEqual({ blue: 50, green: 50 });
  });

  test.each([['fails-verify'], ['never-healthy'], ['fails-canary']] as [Fate][])(
    'that %s in the first half has the release before on both again',
    async (fate) => {
      const { world, engine } = await whole();
      const service = await world.deployed(engine, fate, fleet());
      expect([last(service).status, last(service).switches]).toEqual(['undone', []]);
      expect([isWholeFleet(service), releases(service)]).toEqual([true, [1, 1]]);
      expect(await serving(world)).toEqual(['blue 1', 'green 1']);
    },
  );

  test('that fails in the second half takes the first half back too', async () => {
    const { world, engine } = await whole();
    const service = await world.deployed(engine, 'fails-bake', fleet());
    expect(last(service)).toMatchObject({ status: 'undone', failure: { code: 'never-healthy' } });
    expect(last(service).switches.map(({ to }) => to)).toEqual(['green', 'blue']);
    expect([isWholeFleet(service), releases(service)]).toEqual([true, [1, 1]]);
    expect(await serving(world)).toEqual(['blue 1', 'green 1']);
  });

  test('that fails in the second half holds if its spec says so, and a person has it tried again, or taken back', async () => {
    for (const decision of ['keep', 'back'] as const) {
      const { world, engine } = await whole();
      const held = await world.deployed(engine, 'good', fleet({ onSecondFailure: 'hold' }));
      expect(last(held).status).toBe('succeeded');
      const { id } = await engine.deploy(
        'shop',
        order('fails-bake', fleet({ onSecondFailure: 'hold' })),
        'test',
      );
      const frozen = (): boolean => last(engine.service('shop')).frozenAt !== null;
      await world.clock.run(frozen);
      expect(await serving(world)).toHaveLength(1);
      const { frozenAt } = last(engine.service('shop'));
      if (decision === 'keep') {
        await engine.keep('shop', 'ann', null);
        await world.clock.run(() => (last(engine.service('shop')).frozenAt ?? 0) > (frozenAt ?? 0));
        // It was tried again, and did not do better.
        expect(last(engine.service('shop')).steps.filter(({ attempts }) => attempts > 1)).toHaveLength(1);
        continue;
      }
      await engine.abort('shop', 'ann');
      const service = await world.settled(engine, id);
      expect([last(service).status, isWholeFleet(service), releases(service)]).toEqual([
        'undone',
        true,
        [2, 2],
      ]);
    }
  });

  test('goes back to the release before on both; the order is done when all users have it', async () => {
    const { world, engine } = await whole();
    await world.deployed(engine, 'good', fleet());
    world.router.write('shop', 3);
    expect(await engine.verdict('shop', true)).toMatchObject({ verdict: 'lossy', writes: 3, atLeast: true });
    const going = engine.rollback('shop', 'ann');
    await world.clock.run(() => engine.service('shop').live === 'blue');
    const { deployment, to } = await going;
    expect([to, await serving(world)]).toEqual(['blue', ['blue 1']]);
    const service = await world.settled(engine, deployment);
    expect([last(service).status, isWholeFleet(service), releases(service)]).toEqual([
      'succeeded',
      true,
      [1, 1],
    ]);
  });

  test('needs a router that can have both serve, and says so at plan time', async () => {
    const world = new World({ weights: false });
    const engine = await world.boot();
    const error = await refusal(engine.plan('shop', order('good', fleet())), 'router-cannot');
    expect(error.message).toContain('strategy.kind=split-fleet');
    const both = await new World({ weights: false, bothServe: true }).boot();
    expect((await both.plan('shop', order('good', fleet()))).strategy).toBe('split-fleet');
  });
});

/** Releases come and fail, and the engine dies between any two calls of the world. Users are served at each of them. */
async function schedule(seed: number): Promise<void> {
  const random = new Random(seed);
  const { world, engine: first } = await whole();
  await first.stop();
  let deaths = 0;
  let dead = false;
  const mortal = (): Strike => {
    let gone = false;
    return async (call) => {
      expect((await serving(world)).length).toBeGreaterThan(0);
      const odds = call.startsWith('router.apply') ? 8 : 50;
      if (!gone && deaths < 5 && random.next() < 1 / odds) {
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
      let engine: Engine | undefined;
      void world.boot(mortal()).then((value) => (engine = value));
      await world.clock.run(() => dead || engine !== undefined);
      if (engine && !dead) return engine;
    }
  };
  let engine = await bootAlive();
  let serves = 1;
  for (let act = 0; act < 3; act++) {
    const fate = random.pick(['good', 'fails-verify', 'fails-bake', 'fails-canary'] as const);
    const before = engine.service('shop').deployments.length;
    let answered = false;
    engine.deploy('shop', order(fate, fleet()), 'sim').then(
      () => (answered = true),
      () => (answered = true),
    );
    await world.clock.run(() => dead || answered);
    for (;;) {
      if (dead) engine = await bootAlive();
      await world.clock.run(() => dead || !current(engine.service('shop')));
      if (!dead) break;
    }
    const service = engine.service('shop');
    if (service.deployments.length === before) continue;
    const { status, plan } = last(service);
    // A canary does badly on green only, which is the first half or the second.
    if (fate !== 'fails-canary') expect(status).toBe(fate === 'good' ? 'succeeded' : 'undone');
    if (status === 'succeeded') serves = plan.release;
    expect([isWholeFleet(service), releases(service)]).toEqual([true, [serves, serves]]);
    expect((await serving(world)).sort()).toEqual([`blue ${serves}`, `green ${serves}`]);
  }
}

test('wherever the engine dies, both serve the new release in the end, or the one before, and users are served throughout', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000_000 }), (seed) => schedule(seed)),
    { numRuns: 25, endOnFailure: true, includeErrorInReport: true },
  );
}, 120_000);
