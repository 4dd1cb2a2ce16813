import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { colours, other } from '../core/colour.ts';
import { ready } from '../core/environment.ts';
import { CutoverError } from '../core/errors.ts';
import { modeNames, sameMode } from '../core/mode.ts';
import { current, modeInForce, roleOf, type Service } from '../core/service.ts';
import { createMemoryPlatform } from '../platforms/memory/platform.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import { Random } from '../testing/load/random.ts';
import type { Engine } from './engine.ts';
import type { DeployOrder } from './release-order.ts';

describe('an engine', () => {
  test('takes one release live after the other, in turns', async () => {
    const world = new World();
    const engine = await world.boot();
    for (const [index, colour] of (['blue', 'green', 'blue'] as const).entries()) {
      const service = await world.deployed(engine, 'good');
      expect(service.live).toBe(colour);
      expect(service.environments[colour].release).toBe(index + 1);
      expect(service.deployments.at(-1)).toMatchObject({ status: 'succeeded', failure: null });
      expect((await world.router.read('shop'))?.live).toBe(colour);
    }
    expect(roleOf(engine.service('shop'), 'green')).toBe('standby');
  });

  for (const [fate, code] of [
    ['never-healthy', 'never-healthy'],
    ['never-warm', 'warm-up-failed'],
    ['fails-verify', 'verify-failed'],
    ['fails-bake', 'bake-failed'],
  ] as const) {
    test(`takes back a release that ${fate}`, async () => {
      const world = new World();
      const engine = await world.boot();
      await world.deployed(engine, 'good');
      const service = await world.deployed(engine, fate);
      expect(service.deployments.at(-1)).toMatchObject({ status: 'undone', failure: { code } });
      expect(service.live).toBe('blue');
      expect(service.environments.green.phase).toBe('empty');
      expect((await world.router.read('shop'))?.live).toBe('blue');
      expect(await engine.platformOf('shop').inspect({ service: 'shop', colour: 'green' })).toEqual([]);
    });
  }

  const mirrored = { ...spec, mirror: { for: '2s', leastRequests: 100 } } as const;

  test('copies live traffic to a release before it goes live, and the receipt says what came of it', async () => {
    const world = new World();
    const engine = await world.boot();
    const first = await world.deployed(engine, 'good', mirrored);
    expect(first.deployments[0]?.plan.steps.map(({ kind }) => kind)).not.toContain('mirror');
    const service = await world.deployed(engine, 'good', mirrored);
    const deployment = service.deployments.at(-1);
    expect(deployment?.status).toBe('succeeded');
    const kinds = deployment?.steps.map(({ planned }) => planned.kind) ?? [];
    expect(kinds.slice(kinds.indexOf('verify'), kinds.indexOf('switch') + 1)).toEqual([
      'verify',
      'mirror',
      'switch',
    ]);
    expect(deployment?.receipt?.mirror).toMatchObject({ from: 'blue', to: 'green', differing: 0 });
    expect(deployment?.receipt?.mirror?.compared).toBeGreaterThanOrEqual(100);
    expect((await world.router.read('shop'))?.mirror).toBeUndefined();
    expect(service.mirror).toBeNull();
  });

  test('takes back a release that answers otherwise than live, before a user gets an answer of it', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', mirrored);
    const service = await world.deployed(engine, 'answers-otherwise', mirrored);
    const deployment = service.deployments.at(-1);
    expect(deployment).toMatchObject({ status: 'undone', failure: { code: 'diff-failed' }, switches: [] });
    expect(deployment?.failure?.message).toContain('status 200 → 500 in GET /');
    expect(deployment?.receipt?.mirror?.causes).toHaveLength(1);
    expect(service.live).toBe('blue');
    expect((await world.router.read('shop'))?.mirror).toBeUndefined();
  });

  test('a release of which too little could be compared is not taken live', async () => {
    const world = new World();
    const engine = await world.boot();
    const quiet = { ...spec, mirror: { for: '2s', wait: '1s', leastRequests: 1_000_000 } } as const;
    await world.deployed(engine, 'good', quiet);
    const deployment = (await world.deployed(engine, 'good', quiet)).deployments.at(-1);
    expect(deployment).toMatchObject({ status: 'undone', failure: { code: 'diff-failed' } });
    expect(deployment?.failure?.message).toContain('expected at least 1000000 answers to compare, found');
  });

  test('a mirror that is under way goes along with a mode that is set, and ends with an abort', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', mirrored);
    const { id } = await engine.deploy('shop', order('good', mirrored), 'test');
    await world.clock.run(() => engine.service('shop').mirror !== null);
    await engine.setMode('shop', { mode: 'read-only' }, { by: 'ann', reason: null });
    expect((await world.router.read('shop'))?.mirror?.id).toBe(`deployment-${id}`);
    await engine.abort('shop', 'ann');
    await world.settled(engine, id);
    expect(await world.router.read('shop')).toMatchObject({ live: 'blue', mode: { mode: 'read-only' } });
    expect((await world.router.read('shop'))?.mirror).toBeUndefined();
  });

  test('freezes when the first release does badly after its switch, since there is no side to go back to', async () => {
    const world = new World();
    const service = await world.deployed(await world.boot(), 'fails-bake');
    expect(service.deployments.at(-1)).toMatchObject({ status: 'frozen', failure: { code: 'bake-failed' } });
    expect(service.live).toBe('blue');
  });

  test('retires the old side when its keep time is over, and then there is nothing to roll back to', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    await world.deployed(engine, 'good');
    await world.clock.run(
      () => engine.service('shop').environments.blue.phase === 'empty' && !current(engine.service('shop')),
    );
    expect(engine.service('shop').deployments.at(-1)?.plan.kind).toBe('retire');
    await refusal(engine.rollback('shop', 'test'), 'nothing-to-roll-back-to');
    expect((await world.router.read('shop'))?.blue.instances).toEqual([]);
  });

  test('goes forward again at once if a rollback was a mistake, though the old side is still being drained', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    await world.deployed(engine, 'good');
    const back = await engine.rollback('shop', 'test');
    expect(back.to).toBe('blue');
    expect(current(engine.service('shop'))?.id).toBe(back.deployment);
    const forward = await engine.rollback('shop', 'test');
    expect(forward).toMatchObject({ to: 'green', deployment: back.deployment });
    const service = await world.settled(engine, back.deployment);
    expect(service.deployments.at(-1)?.status).toBe('undone');
    expect((await world.router.read('shop'))?.live).toBe('green');
  });

  test('a deployment of a service that is closed goes live, and the service stays closed until it is opened', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    const set = await engine.setMode(
      'shop',
      { mode: 'closed', retryAfterS: 9 },
      { by: 'ann', reason: 'stocktaking' },
    );
    expect(set).toMatchObject({ changed: true, mode: { mode: 'closed', retryAfterS: 9 } });
    expect(world.router.request('shop')).toBeNull();
    const service = await world.deployed(engine, 'good');
    expect(service.deployments.at(-1)?.status).toBe('succeeded');
    expect(service.live).toBe('green');
    expect((await world.router.read('shop'))?.mode).toMatchObject({ mode: 'closed', retryAfterS: 9 });
    await engine.setMode('shop', { mode: 'open' }, { by: 'ann', reason: null });
    expect(world.router.request('shop')).toBe('green');
    expect(engine.service('shop').modes.map(({ mode, by, reason }) => [mode.mode, by, reason])).toEqual([
      ['closed', 'ann', 'stocktaking'],
      ['open', 'ann', null],
    ]);
  });

  test('a mode that is set before anything is live is taken along by the first switch', async () => {
    const world = new World();
    const engine = await world.boot();
    const { id } = await engine.deploy('shop', order('good'), 'test');
    expect(await engine.setMode('shop', { mode: 'held' }, { by: 'ann', reason: null })).toMatchObject({
      changed: true,
      epoch: null,
    });
    await world.settled(engine, id);
    expect((await world.router.read('shop'))?.mode?.mode).toBe('held');
  });

  test('the page of the spec is read when the service is closed, from the folder of the release', async () => {
    const world = new World();
    const engine = await world.boot();
    const { id } = await engine.deploy(
      'shop',
      {
        order: {
          spec: { ...spec, router: { ...spec.router, modes: { page: 'away.html', wait: '2s' } } },
          base: '/srv/shop',
          source: { kind: 'directory', path: '/app' },
          version: 'good',
        },
      },
      'test',
    );
    await world.settled(engine, id);
    await engine.setMode('shop', { mode: 'closed' }, { by: 'ann', reason: null });
    expect((await world.router.read('shop'))?.mode).toMatchObject({
      waitMs: 2000,
      page: { type: 'text', text: '/srv/shop/away.html' },
    });
  });

  test('a mode is not for a service that is switched as TCP, nor TCP for one that is not open', async () => {
    const world = new World();
    const engine = await world.boot();
    const tcp: DeployOrder = {
      order: {
        spec: { ...spec, warmUp: undefined, router: { listen: '127.0.0.1:8080', protocol: 'tcp' } },
        base: '/',
        source: { kind: 'directory', path: '/app' },
        version: 'good',
      },
    };
    await world.deployed(engine, 'good');
    await engine.setMode('shop', { mode: 'held' }, { by: 'ann', reason: null });
    await refusal(engine.deploy('shop', tcp, 'test'), 'request-invalid');
    await engine.setMode('shop', { mode: 'open' }, { by: 'ann', reason: null });
    const { id } = await engine.deploy('shop', tcp, 'test');
    await world.settled(engine, id);
    await refusal(engine.setMode('shop', { mode: 'held' }, { by: 'ann', reason: null }), 'request-invalid');
    expect((await world.router.read('shop'))?.mode?.mode).toBe('open');
  });

  test('a router that was away when a mode was set is told of it when it is back', async () => {
    const world = new World();
    let away = false;
    const engine = await world.boot((call) =>
      away && call === 'router.apply before'
        ? Promise.reject(new CutoverError('proxy-absent', 'nobody there'))
        : Promise.resolve(),
    );
    await world.deployed(engine, 'good');
    away = true;
    const setting = refusal(
      engine.setMode('shop', { mode: 'closed' }, { by: 'ann', reason: null }),
      'proxy-absent',
    );
    let told: CutoverError | undefined;
    void setting.then((error) => (told = error));
    await world.clock.run(() => told !== undefined);
    expect(told?.message).toContain('on record');
    expect(world.router.request('shop')).toBe('blue');
    away = false;
    await engine.reassert('shop');
    expect(world.router.request('shop')).toBeNull();
  });

  test('what does not end by itself on the old side is ended after the drain, and the receipt says so', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    world.router.linger('shop', 7);
    const service = await world.deployed(engine, 'good');
    const deployment = service.deployments.at(-1);
    expect(deployment?.steps.find(({ planned }) => planned.kind === 'drain')?.says).toContain(
      'ended: 7 websockets',
    );
    expect(deployment?.receipt).toMatchObject({
      failed: 0,
      leftAfterDrain: 0,
      environments: { blue: { cut: { websockets: 7 } }, green: { cut: { websockets: 0 } } },
    });
    expect(deployment?.drain?.drainMs).toBeGreaterThanOrEqual(1000);
  });

  test('what is left goes on with leftover: keep, and is ended before its environment is stopped', async () => {
    const world = new World();
    const stops: number[] = [];
    const engine = await world.boot(async (call) => {
      if (call === 'platform.stop before' && (await world.router.read('shop')) !== null)
        stops.push((await world.router.counters('shop')).blue.inFlight);
    });
    const keeping: DeployOrder = {
      order: {
        spec: { ...spec, strategy: { ...spec.strategy, leftover: 'keep' } },
        base: '/',
        source: { kind: 'directory', path: '/app' },
        version: 'good',
      },
    };
    const deployed = async (): Promise<Service> =>
      world.settled(engine, (await engine.deploy('shop', keeping, 'test')).id);
    await deployed();
    world.router.linger('shop', 3);
    stops.length = 0;
    const service = await deployed();
    expect(service.deployments.at(-1)?.receipt).toMatchObject({ leftAfterDrain: 3 });
    expect((await world.router.counters('shop')).blue.inFlight).toBe(3);
    stops.length = 0;
    const next = await deployed();
    expect(next.live).toBe('blue');
    expect(stops).toEqual([0]);
    expect(next.deployments.at(-1)?.receipt?.environments.blue.cut?.websockets).toBe(3);
  });

  test('refuses a second deployment by name of the first', async () => {
    const world = new World();
    const engine = await world.boot();
    await engine.deploy('shop', order('good'), 'ann');
    const { message } = await refusal(engine.deploy('shop', order('good'), 'bob'), 'deployment-running');
    expect(message).toContain('deployment 1 (deploy of release 1 by ann');
    await world.settled(engine, 1);
  });

  test('a stale engine that wakes up changes nothing', async () => {
    const world = new World();
    const first = await world.boot();
    await world.deployed(first, 'good');
    await first.stop();
    const paused = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let applies = 0;
    const stale = await world.boot(async (call) => {
      // The second route of a deployment moves the traffic; the first shows the new side to testers.
      if (call !== 'router.apply before' || ++applies !== 2) return;
      reached.resolve();
      await paused.promise;
    });
    await stale.deploy('shop', order('good'), 'stale');
    let stopped = false;
    void reached.promise.then(() => (stopped = true));
    await world.clock.run(() => stopped);
    const next = await world.boot();
    await next.abort('shop', 'next');
    await world.settled(next, 2);
    const inForce = await world.router.read('shop');
    expect(inForce?.live).toBe('blue');
    paused.resolve();
    await Bun.sleep(0);
    expect(await world.router.read('shop')).toEqual(inForce);
    expect(next.service('shop').live).toBe('blue');
  });

  test('a log that cannot be written halts the deployment, and it goes on when it can', async () => {
    const world = new World();
    let full = false;
    const engine = await world.boot((call) => {
      if (full && call === 'store.append before')
        return Promise.reject(new CutoverError('disk-full', 'no room'));
      return Promise.resolve();
    });
    await world.deployed(engine, 'good');
    const { id } = await engine.deploy('shop', order('good'), 'test');
    full = true;
    await world.clock.run(() => engine.halted('shop')?.code === 'disk-full');
    expect((await world.router.read('shop'))?.live).toBe('blue');
    full = false;
    const service = await world.settled(engine, id);
    expect(service.deployments.at(-1)?.status).toBe('succeeded');
    expect(engine.halted('shop')).toBeNull();
  });
});

/** An order may be refused, for a reason that a person is told; anything else is a defect. */
function expectRefusal(error: unknown): void {
  if (!(error instanceof CutoverError) || error.code === 'internal') throw error;
}

/** Orders at random, an engine that dies at random, and the next that goes on: what must hold when the dust has settled. */
async function schedule(seed: number): Promise<void> {
  const random = new Random(seed);
  const world = new World();
  const fates: Fate[] = [
    ...(['good', 'good', 'good', 'never-healthy', 'fails-verify', 'fails-bake'] as const),
    'answers-otherwise',
  ];
  const mirroring = { ...spec, mirror: { for: '2s', leastRequests: 100 } } as const;
  let deaths = 0;
  let dead = false;
  /** How many more calls of the world until a person aborts. */
  let patience = Infinity;
  /** How many more until a person sets a mode. */
  let untilMode = Infinity;
  /** The engine that is at it. */
  let setting: Engine | null = null;
  const modeLater = (calls: number): void => void (untilMode = calls);
  const setSomeMode = (): void => {
    const mode = random.pick(modeNames);
    const mine = engine;
    setting = mine;
    void mine
      .setMode('shop', { mode }, { by: 'sim', reason: null })
      .catch(expectRefusal)
      .finally(() => {
        if (setting === mine) setting = null;
      });
  };
  /** Dies at one call in forty, and at one in eight of those that move the traffic; at most five times. */
  const mortal = (): Strike => {
    let gone = false;
    return async (call) => {
      if (--patience === 0) void engine.abort('shop', 'sim').catch(expectRefusal);
      if (--untilMode === 0) setSomeMode();
      const odds = call.startsWith('router.apply') ? 8 : 40;
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
      const booting = world.boot(mortal());
      let engine: Engine | undefined;
      void booting.then((value) => (engine = value));
      await world.clock.run(() => dead || engine !== undefined);
      if (engine && !dead) return engine;
    }
  };
  let engine = await bootAlive();
  for (let act = 0; act < 6; act++) {
    const say = random.next();
    patience = random.next() < 0.4 ? random.between(1, 120) : Infinity;
    const fate = fates[Math.floor(random.next() * fates.length)] ?? 'good';
    const order_ =
      say < 0.7
        ? engine.deploy('shop', order(fate, random.next() < 0.5 ? mirroring : spec), 'sim')
        : say < 0.9
          ? engine.rollback('shop', 'sim')
          : engine.abort('shop', 'sim');
    if (random.next() < 0.5) modeLater(random.between(1, 80));
    if (random.next() < 0.3 && engine.services()[0]?.live) world.router.linger('shop', random.between(1, 5));
    let answered = false;
    order_.then(
      () => (answered = true),
      (error: unknown) => {
        expectRefusal(error);
        answered = true;
      },
    );
    await world.clock.run(() => dead || answered);
    for (;;) {
      if (dead) engine = await bootAlive();
      const known = (): Service | undefined => engine.services()[0];
      const quiet = (): boolean => known() === undefined || !current(known() as Service);
      await world.clock.run(() => dead || (quiet() && setting !== engine));
      if (!dead) break;
    }
    const service = engine.services()[0];
    if (!service) continue;
    const route = await world.router.read('shop');
    expect(route?.live ?? null).toBe(service.live);
    if (service.live === null) continue;
    expect(sameMode(route?.mode, modeInForce(service))).toBe(true);
    const live = service.environments[service.live];
    expect(ready(live)).toBe(true);
    expect(route?.[service.live].release).toBe(live.release);
    expect(route?.mirror).toBeUndefined();
    const platform = createMemoryPlatform({ clock: world.clock, world: world.running });
    for (const colour of colours) {
      const instances = await platform.inspect({ service: 'shop', colour });
      const up = instances.filter(({ state }) => state === 'running').length;
      // What is empty runs nothing; what is live or standby runs whole.
      expect({ colour, up }).toEqual({ colour, up: ready(service.environments[colour]) ? 2 : 0 });
    }
    expect(service.deployments.every(({ receipt }) => receipt !== null)).toBe(true);
    expect(roleOf(service, other(service.live))).not.toBe('live');
  }
}

test('whatever is ordered and wherever the engine dies, one side is live, it was healthy, and router, platform and log agree', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000_000 }), (seed) => schedule(seed)),
    { numRuns: 300, endOnFailure: true },
  );
}, 120_000);
