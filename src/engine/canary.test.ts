import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { colours } from '../core/colour.ts';
import { underWay } from '../core/deployment.ts';
import { ready } from '../core/environment.ts';
import { CutoverError } from '../core/errors.ts';
import { pause, promote, resume } from '../core/intervene.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import { Random } from '../testing/load/random.ts';
import type { Engine } from './engine.ts';

const canary = (strategy: object): SpecInput => ({
  ...spec,
  strategy: { ...spec.strategy, kind: 'canary', ...strategy } as NonNullable<SpecInput['strategy']>,
});
const timed = canary({ weights: [5, 25], hold: '10m' });
const untilSaid = canary({ steps: [{ weight: 10 }, { hold: true }, { weight: 50 }, { hold: true }] });

/** A world in which a release is live already. */
async function live(): Promise<{ world: World; engine: Engine }> {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good');
  return { world, engine };
}

const stepKinds = (service: Service): string[] =>
  service.deployments.at(-1)?.steps.map(({ planned, status }) => `${planned.kind} ${status}`) ?? [];

/** Lets time pass until this step of the plan is under way. */
const untilIn = (world: World, engine: Engine, kind: string, which = 0): Promise<void> =>
  world.clock.run(
    () =>
      current(engine.service('shop'))?.steps.filter(({ planned }) => planned.kind === kind)[which]?.status ===
      'running',
  );

describe('a canary', () => {
  test('gives the new side a part of the traffic, then more, and then all of it', async () => {
    const { world, engine } = await live();
    const kinds: string[] = (await engine.plan('shop', order('good', timed))).steps.map(({ kind }) => kind);
    expect(kinds.slice(kinds.indexOf('verify') + 1)).toEqual([
      ...['weigh', 'hold', 'weigh', 'hold', 'switch', 'drain', 'bake', 'keep'],
    ]);
    const begun = world.clock.now();
    const { id } = await engine.deploy('shop', order('good', timed), 'test');
    await untilIn(world, engine, 'hold');
    expect((await world.router.read('shop'))?.weights).toEqual({ blue: 95, green: 5 });
    const seen = { blue: 0, green: 0 };
    for (let n = 0; n < 1000; n++) seen[world.router.request('shop') ?? 'blue']++;
    expect(Math.abs(seen.green - 50)).toBeLessThan(10);
    await untilIn(world, engine, 'hold', 1);
    expect((await world.router.read('shop'))?.weights).toEqual({ blue: 75, green: 25 });
    const service = await world.settled(engine, id);
    expect(service.deployments.at(-1)?.status).toBe('succeeded');
    expect(world.clock.now() - begun).toBeGreaterThan(2 * 600_000);
    const route = await world.router.read('shop');
    expect(route).toMatchObject({ live: 'green' });
    expect(route?.weights).toBeUndefined();
    expect(service.weights).toBeNull();
    expect(service.deployments.at(-1)?.weighed.map(({ weight }) => weight)).toEqual([5, 25]);
  });

  test('of the first release is left out, and the plan says so', async () => {
    const world = new World();
    const engine = await world.boot();
    const plan = await engine.plan('shop', order('good', timed));
    expect(plan.steps.map(({ kind }) => kind)).not.toContain('weigh');
    expect(plan.notes.join()).toContain('no canary');
    expect((await world.deployed(engine, 'good', timed)).live).toBe('blue');
  });

  test('that does badly with its part gives all traffic back at once', async () => {
    const { world, engine } = await live();
    const service = await world.deployed(engine, 'fails-canary', timed);
    expect(service.deployments.at(-1)).toMatchObject({
      status: 'undone',
      failure: { code: 'canary-failed' },
      switches: [],
    });
    expect(await world.router.read('shop')).toMatchObject({ live: 'blue', green: { instances: [] } });
    expect((await world.router.read('shop'))?.weights).toBeUndefined();
    // Seen within three probes, not at the end of the hold.
    const [first] = service.deployments.at(-1)?.steps.filter(({ planned }) => planned.kind === 'hold') ?? [];
    expect((first?.endedAt ?? 0) - (first?.startedAt ?? 0)).toBeLessThan(5000);
  });

  test('that is aborted gives all traffic back before anything else is taken back', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', timed), 'test');
    await untilIn(world, engine, 'hold', 1);
    const { version } = engine.service('shop');
    await engine.abort('shop', 'ann');
    const service = await world.settled(engine, id);
    const told = (await engine.records('shop', version)).map(({ event }) => event);
    const first = told.find(({ type }) => type === 'route-ordered');
    expect(first).toMatchObject({ live: 'blue' });
    expect(first).not.toHaveProperty('weights');
    const emptied = told.findIndex(({ type }) => type === 'environment-retired');
    expect(emptied).toBeGreaterThan(first ? told.indexOf(first) : Infinity);
    expect(service.deployments.at(-1)?.status).toBe('undone');
    expect(service.deployments.at(-1)?.weighed.map(({ weight }) => weight)).toEqual([5, 25, 0]);
  });

  test('with holds that end when somebody says so waits for days, and goes on step by step', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', untilSaid), 'test');
    await untilIn(world, engine, 'hold');
    const later = world.clock.now() + 3 * 3_600_000;
    await world.clock.run(() => world.clock.now() > later);
    expect((await world.router.read('shop'))?.weights).toEqual({ blue: 90, green: 10 });
    const first = await engine.intervene('shop', (service) => resume(service, 'ann'));
    const again = await engine.intervene('shop', (service) => resume(service, 'bob'));
    expect([first.changed, again.changed]).toEqual([true, false]);
    await untilIn(world, engine, 'hold', 1);
    expect((await world.router.read('shop'))?.weights).toEqual({ blue: 50, green: 50 });
    await engine.intervene('shop', (service) => resume(service, 'bob'));
    const service = await world.settled(engine, id);
    expect(service.deployments.at(-1)?.status).toBe('succeeded');
    expect(service.deployments.at(-1)?.interventions.map(({ kind, by }) => [kind, by])).toEqual([
      ['resume', 'ann'],
      ['resume', 'bob'],
    ]);
  });

  test('that is promoted skips what is left of it, and no check of what comes after', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good', untilSaid), 'test');
    await untilIn(world, engine, 'hold');
    const at = world.clock.now();
    await engine.intervene('shop', (service) => promote(service, 'ann', false));
    await world.clock.run(() => engine.service('shop').live === 'green');
    expect(world.clock.now() - at).toBeLessThan(5000);
    await untilIn(world, engine, 'bake');
    const service = await world.settled(engine, id);
    expect(service.deployments.at(-1)?.weighed.map(({ weight }) => weight)).toEqual([10]);
    expect(service.deployments.at(-1)?.status).toBe('succeeded');
  });

  test('keeps its weights when a mode is set, and when the router has forgotten all', async () => {
    const { world, engine } = await live();
    await engine.deploy('shop', order('good', timed), 'test');
    await untilIn(world, engine, 'hold');
    await engine.setMode('shop', { mode: 'read-only' }, { by: 'ann', reason: null });
    expect(await world.router.read('shop')).toMatchObject({
      weights: { blue: 95, green: 5 },
      mode: { mode: 'read-only' },
    });
    await engine.setMode('shop', { mode: 'open' }, { by: 'ann', reason: null });
    await world.router.remove('shop', engine.service('shop').epoch);
    await engine.reassert('shop');
    expect((await world.router.read('shop'))?.weights).toEqual({ blue: 95, green: 5 });
  });
});

describe('a pause', () => {
  test('lets what has begun end, begins nothing, and stands still until it is resumed', async () => {
    const world = new World();
    const said: boolean[] = [];
    let armed = false;
    const engine: Engine = await world.boot(async (call) => {
      if (!armed || call !== 'platform.start before') return;
      armed = false;
      for (const by of ['ann', 'bob'])
        said.push((await engine.intervene('shop', (service) => pause(service, by, 'lunch'))).changed);
    });
    await world.deployed(engine, 'good');
    armed = true;
    const { id } = await engine.deploy('shop', order('good'), 'test');
    const later = world.clock.now() + 86_000_000;
    await world.clock.run(() => world.clock.now() > later);
    expect(said).toEqual([true, false]);
    expect(stepKinds(engine.service('shop')).slice(2, 4)).toEqual(['start done', 'health pending']);
    await engine.intervene('shop', (service) => resume(service, 'bob'));
    expect((await world.settled(engine, id)).live).toBe('green');
  });

  test('is not counted as time of a hold, across a restart of the controller too', async () => {
    const { world, engine } = await live();
    const short = canary({ weights: [5], hold: '10m' });
    await engine.deploy('shop', order('good', short), 'test');
    await untilIn(world, engine, 'hold');
    const begun = world.clock.now();
    await engine.intervene('shop', (service) => pause(service, 'ann', null));
    await world.clock.run(() => world.clock.now() > begun + 3_600_000);
    await engine.stop();
    const next = await world.boot();
    await world.clock.run(() => world.clock.now() > begun + 2 * 3_600_000);
    expect(next.service('shop').live).toBe('blue');
    await next.intervene('shop', (service) => resume(service, 'ann'));
    const resumed = world.clock.now();
    await world.clock.run(() => next.service('shop').live === 'green');
    expect(world.clock.now() - resumed).toBeGreaterThan(590_000);
    expect(world.clock.now() - resumed).toBeLessThan(610_000);
  });

  test('can be aborted', async () => {
    const { world, engine } = await live();
    const { id } = await engine.deploy('shop', order('good'), 'test');
    await engine.intervene('shop', (service) => pause(service, 'ann', null));
    await engine.abort('shop', 'ann');
    expect((await world.settled(engine, id)).deployments.at(-1)?.status).toBe('undone');
  });

  test('and what else is said is refused where nothing waits for it', async () => {
    const { world, engine } = await live();
    await refusal(
      engine.intervene('shop', (service) => pause(service, 'ann', null)),
      'nothing-running',
    );
    await engine.deploy('shop', order('good'), 'test');
    await refusal(
      engine.intervene('shop', (service) => resume(service, 'ann')),
      'not-waiting',
    );
    await refusal(
      engine.intervene('shop', (service) => promote(service, 'ann', false)),
      'not-waiting',
    );
    await untilIn(world, engine, 'bake');
    const at = world.clock.now();
    await engine.intervene('shop', (service) => promote(service, 'ann', false));
    await world.clock.run(() => !current(engine.service('shop')));
    expect(world.clock.now() - at).toBeLessThan(600);
    expect(stepKinds(engine.service('shop'))).toContain('bake done');
  });
});

function expectRefusal(error: unknown): void {
  if (!(error instanceof CutoverError) || error.code === 'internal') throw error;
}

/** Canaries in an engine that dies at random, with people who say things at random moments. */
async function schedule(seed: number): Promise<void> {
  const random = new Random(seed);
  const world = new World();
  const fates: Fate[] = [
    'good',
    'good',
    'good',
    'fails-canary',
    'never-healthy',
    'fails-verify',
    'fails-bake',
  ];
  const specs = [
    timed,
    untilSaid,
    canary({ steps: [{ hold: '1s' }, { weight: 100 }, { hold: '2s' }, { weight: 0 }] }),
  ];
  let deaths = 0;
  let dead = false;
  let untilWord = Infinity;
  const say = (): void => {
    const word = random.pick(['pause', 'resume', 'promote', 'abort', 'mode'] as const);
    const mine = engine;
    const said =
      word === 'abort'
        ? mine.abort('shop', 'sim')
        : word === 'mode'
          ? mine.setMode(
              'shop',
              { mode: random.pick(['open', 'held'] as const) },
              { by: 'sim', reason: null },
            )
          : mine.intervene('shop', (service) =>
              word === 'pause'
                ? pause(service, 'sim', null)
                : word === 'resume'
                  ? resume(service, 'sim')
                  : promote(service, 'sim', false),
            );
    void said.then(() => undefined, expectRefusal);
  };
  const mortal = (): Strike => {
    let gone = false;
    return async (call) => {
      if (--untilWord <= 0) {
        untilWord = random.between(5, 60);
        say();
      }
      const odds = call.startsWith('router.apply') ? 8 : 60;
      if (!gone && deaths < 6 && random.next() < 1 / odds) {
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
  for (let act = 0; act < 4; act++) {
    const ordered = engine.deploy('shop', order(random.pick(fates), random.pick(specs)), 'sim');
    let answered = false;
    ordered.then(
      () => (answered = true),
      (error: unknown) => {
        expectRefusal(error);
        answered = true;
      },
    );
    await world.clock.run(() => dead || answered);
    untilWord = random.between(5, 60);
    for (;;) {
      if (dead) engine = await bootAlive();
      const quiet = (): boolean => {
        const known = engine.services()[0];
        return known === undefined || !current(known);
      };
      await world.clock.run(() => {
        // Somebody is always there who has more to say to what waits.
        const deployment = engine.services()[0] && current(engine.services()[0] as Service);
        if (deployment && random.next() < 0.02) say();
        return dead || quiet();
      });
      if (!dead) break;
    }
    untilWord = Infinity;
    const service = engine.services()[0];
    if (!service) continue;
    const last = service.deployments.at(-1);
    expect(last && underWay(last)).toBe(false);
    const route = await world.router.read('shop');
    expect(route?.live ?? null).toBe(service.live);
    if (last?.status !== 'frozen') {
      expect(route?.weights).toBeUndefined();
      expect(service.weights).toBeNull();
    }
    for (const colour of colours)
      if (route?.[colour].instances.length) expect(ready(service.environments[colour])).toBe(true);
  }
}

test('whatever is said and wherever the engine dies, a canary ends with all traffic on one healthy side', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000_000 }), (seed) => schedule(seed)),
    { numRuns: 60, endOnFailure: true },
  );
}, 120_000);
