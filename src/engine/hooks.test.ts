import { describe, expect, test } from 'bun:test';
import { resume } from '../core/intervene.ts';
import { current, type Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import { order, refusal, spec, World, type Fate, type Strike } from '../testing/engine-world.ts';
import type { Engine } from './engine.ts';

type HookInput = NonNullable<SpecInput['hooks']>[number];
const withHooks = (...hooks: HookInput[]): SpecInput => ({ ...spec, hooks });
const command = (at: string, more: Partial<HookInput> = {}): HookInput => {
  const [when = '', stage = ''] = at.split(' ');
  return { [when]: stage, command: [at], ...more } as HookInput;
};
const allStages = ['ship', 'start', 'verify', 'switch', 'bake', 'rollback', 'retire'].flatMap((stage) => [
  command(`before ${stage}`),
  command(`after ${stage}`),
]);
const ranIn = (world: World): string[] => world.commands.ran.map(({ argv }) => argv[0] ?? '');
const last = (service: Service) => service.deployments.at(-1);

describe('hooks of a deployment', () => {
  test('are run at their stages, and are told what it is about', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', withHooks(...allStages));
    const stages = ['ship', 'start', 'verify', 'switch', 'bake'];
    const inOrder = stages.flatMap((stage) => [`before ${stage}`, `after ${stage}`]);
    expect(ranIn(world)).toEqual(inOrder);
    world.commands.ran.length = 0;
    const service = await world.deployed(engine, 'good', withHooks(...allStages));
    expect(ranIn(world)).toEqual(inOrder);
    const told = (name: string) =>
      world.commands.ran.find(({ argv }) => argv[0] === name)?.place.variables ?? {};
    expect(told('before ship')).toMatchObject({
      CUTOVER_SERVICE: 'shop',
      CUTOVER_DEPLOYMENT: '2',
      CUTOVER_KIND: 'deploy',
      CUTOVER_RELEASE: '2',
      CUTOVER_VERSION: 'good',
      CUTOVER_COLOUR: 'green',
      CUTOVER_FROM: 'blue',
      CUTOVER_STAGE: 'ship',
      CUTOVER_WHEN: 'before',
      CUTOVER_HOOK: 'before ship',
      CUTOVER_OUTCOME: 'running',
      CUTOVER_FAILURE: '',
      CUTOVER_BY: 'test',
    });
    expect(told('before ship')['CUTOVER_URL']).toBeUndefined();
    expect(told('after start')['CUTOVER_URL']).toMatch(/^http:\/\/127\./);
    const ids = world.commands.ran.map(({ place }) => place.variables['CUTOVER_HOOK_ID']);
    expect(new Set(ids).size).toBe(inOrder.length);
    const places = world.commands.ran.map(({ place }) => place.directory);
    expect(places[0]).toBe('/');
    expect(new Set(places.slice(1)).size).toBe(1);
    expect(last(service)?.receipt?.hooks?.map(({ when, stage, ok }) => `${when} ${stage} ${ok}`)).toEqual(
      inOrder.map((name) => `${name} true`),
    );
  });

  test('a side that is retired has its hooks, at the end of its time and where the next release makes room', async () => {
    const world = new World();
    const engine = await world.boot();
    const hooks = withHooks(command('before retire'), command('after retire'));
    for (let release = 0; release < 3; release++) await world.deployed(engine, 'good', hooks);
    expect(ranIn(world)).toEqual(['before retire', 'after retire']);
    expect(world.commands.ran[0]?.place.variables).toMatchObject({
      CUTOVER_RELEASE: '1',
      CUTOVER_COLOUR: 'blue',
      CUTOVER_KIND: 'deploy',
    });
    world.commands.ran.length = 0;
    world.commands.answer = () => ({ ok: false });
    await world.clock.run(
      () => engine.service('shop').environments.green.phase === 'empty' && !current(engine.service('shop')),
    );
    expect(ranIn(world)).toEqual(['before retire', 'after retire']);
    expect(world.commands.ran[0]?.place.variables).toMatchObject({
      CUTOVER_RELEASE: '2',
      CUTOVER_KIND: 'retire',
    });
    expect(last(engine.service('shop'))).toMatchObject({ status: 'succeeded', plan: { kind: 'retire' } });
  });

  test('variables from files are given as files, so that no secret is in the plan or the log', async () => {
    const world = new World();
    const engine = await world.boot();
    const variables = { TOKEN: { file: 'secrets/token' }, CHANNEL: 'deploys' };
    const service = await world.deployed(engine, 'good', withHooks(command('after ship', { variables })));
    expect(world.commands.ran[0]?.place).toMatchObject({
      variables: { CHANNEL: 'deploys' },
      files: { TOKEN: '//secrets/token' },
    });
    expect(last(service)?.status).toBe('succeeded');
  });

  test('a webhook gets the same facts as a document, under an id of its own', async () => {
    const world = new World();
    const engine = await world.boot();
    const webhook = { url: 'https://hooks.example/x?token=secret', secretFile: 'secret' };
    const service = await world.deployed(
      engine,
      'good',
      withHooks({ after: 'switch', name: 'tell', webhook }),
    );
    const [sent] = world.webhooks.sent;
    expect(sent?.target).toEqual({ url: webhook.url, headers: {}, secretFile: '//secret' });
    expect(JSON.parse(sent?.message.body ?? '')).toMatchObject({
      type: 'hook.after-switch',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      data: {
        id: sent?.message.id,
        hook: 'tell',
        service: 'shop',
        deployment: 1,
        release: 1,
        colour: 'blue',
        from: '',
      },
    });
    expect(sent?.message.id).toMatch(/^[A-Za-z0-9_-]{1,200}$/);
    const step = last(service)?.steps.find(({ planned }) => planned.kind === 'hook')?.planned;
    expect(step).toMatchObject({ name: 'tell', runs: 'webhook https://hooks.example/x?…' });
  });
});

describe('a hook that fails', () => {
  const failing =
    (...names: string[]) =>
    ({ argv }: { argv: readonly string[] }) => ({ ok: !names.includes(argv[0] ?? ''), output: ['the end'] });

  test('takes the deployment back, and what it printed is with the error', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    world.commands.answer = failing('before switch');
    const service = await world.deployed(engine, 'good', withHooks(command('before switch')));
    expect(last(service)).toMatchObject({
      status: 'undone',
      failure: { code: 'hook-failed', detail: { output: ['the end'] } },
      receipt: { hooks: [{ ok: false, stage: 'switch', output: ['the end'] }] },
    });
    expect(last(service)?.failure?.message).toContain('hook before switch, before switch: ');
    expect(service.live).toBe('blue');
  });

  test('is told and no more with go-on', async () => {
    const world = new World();
    const engine = await world.boot();
    world.commands.answer = failing('after switch');
    const service = await world.deployed(
      engine,
      'good',
      withHooks(command('after switch', { onFailure: 'go-on' })),
    );
    expect(last(service)).toMatchObject({ status: 'succeeded', receipt: { hooks: [{ ok: false }] } });
    expect(last(service)?.steps.find(({ planned }) => planned.kind === 'hook')?.says).toContain(
      'failed, and it goes on',
    );
  });

  test('with stop has the deployment wait for a person, also for one who comes after a crash, and is run again then', async () => {
    const world = new World();
    const engine = await world.boot();
    world.commands.answer = failing('before switch');
    const { id } = await engine.deploy(
      'shop',
      {
        order: {
          spec: withHooks(command('before switch', { onFailure: 'stop' })),
          base: '/',
          source: { kind: 'directory', path: '/app' },
          version: 'good',
        },
      },
      'test',
    );
    const pauses = (from: Engine): number =>
      from.service('shop').deployments[0]?.interventions.filter(({ kind }) => kind === 'pause').length ?? 0;
    await world.clock.run(() => pauses(engine) === 1);
    expect(engine.service('shop').deployments[0]?.interventions.at(-1)).toMatchObject({
      by: 'hook before switch',
      reason: expect.stringContaining('before switch: ') as unknown,
    });
    await engine.intervene('shop', (service) => resume(service, 'ann'));
    await world.clock.run(() => pauses(engine) === 2);
    expect(ranIn(world)).toHaveLength(2);
    await engine.stop();
    const next = await world.boot();
    const later = world.clock.now() + 86_400_000;
    void world.clock.sleep(86_400_000);
    await world.clock.run(() => world.clock.now() >= later, 2 * 86_400_000);
    expect(ranIn(world)).toHaveLength(2);
    expect(next.service('shop').live).toBeNull();
    world.commands.answer = () => ({});
    await next.intervene('shop', (service) => resume(service, 'bob'));
    const service = await world.settled(next, id);
    expect(last(service)).toMatchObject({ status: 'succeeded' });
    expect(last(service)?.hooks.map(({ ok }) => ok)).toEqual([false, false, true]);
  }, 30_000);

  test('with stop is taken back by an abort', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    world.commands.answer = failing('after switch');
    const { id } = await engine.deploy(
      'shop',
      {
        order: {
          spec: withHooks(command('after switch', { onFailure: 'stop' })),
          base: '/',
          source: { kind: 'directory', path: '/app' },
          version: 'good',
        },
      },
      'test',
    );
    await world.clock.run(() => last(engine.service('shop'))?.interventions.length === 1);
    expect(engine.service('shop').live).toBe('green');
    await engine.abort('shop', 'ann');
    const service = await world.settled(engine, id);
    expect(last(service)?.status).toBe('undone');
    expect(service.live).toBe('blue');
  });

  test('is tried again as often as it says, with waits that double', async () => {
    const world = new World();
    const engine = await world.boot();
    let tries = 0;
    const at: number[] = [];
    world.commands.answer = () => {
      at.push(world.clock.now());
      return { ok: ++tries === 3 };
    };
    const service = await world.deployed(
      engine,
      'good',
      withHooks(command('after ship', { retries: 5, backoff: '100ms' })),
    );
    expect(last(service)).toMatchObject({
      status: 'succeeded',
      receipt: { hooks: [{ ok: true, tries: 3 }] },
    });
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 100, 300]);
  });
});

describe('hooks around a rollback', () => {
  const around = withHooks(
    ...['before rollback', 'after rollback', 'before switch', 'after switch'].map((at) => command(at)),
  );

  test('are run when a person goes back, and nothing else is', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', around);
    await world.deployed(engine, 'good', around);
    world.commands.ran.length = 0;
    const routed: (string | undefined)[] = [];
    world.commands.answer = () => {
      routed.push(world.router.request('shop') ?? undefined);
      return {};
    };
    const going = engine.rollback('shop', 'ann');
    await world.clock.run(() => last(engine.service('shop'))?.status === 'succeeded');
    expect((await going).to).toBe('blue');
    expect(ranIn(world)).toEqual(['before rollback', 'after rollback']);
    expect(routed).toEqual(['green', 'blue']);
  });

  test('are run when the new side does badly and the traffic goes back by itself', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', around);
    world.commands.ran.length = 0;
    const routed: (string | null)[] = [];
    world.commands.answer = () => {
      routed.push(world.router.request('shop'));
      return { ok: false };
    };
    const gentle = withHooks(command('before rollback'), command('after rollback'));
    const service = await world.deployed(engine, 'fails-bake', gentle);
    expect(last(service)).toMatchObject({ status: 'undone', failure: { code: 'bake-failed' } });
    expect(service.live).toBe('blue');
    expect(ranIn(world)).toEqual(['before rollback', 'after rollback']);
    expect(routed).toEqual(['green', 'blue']);
    expect(world.commands.ran[0]?.place.variables).toMatchObject({
      CUTOVER_OUTCOME: 'turning-back',
      CUTOVER_FAILURE: 'bake-failed',
    });
    expect(last(service)?.receipt?.hooks?.map(({ ok }) => ok)).toEqual([false, false]);
  });

  test('are run too when a hook after the switch takes the deployment back', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', around);
    world.commands.ran.length = 0;
    world.commands.answer = ({ argv }) => ({ ok: argv[0] !== 'after switch' });
    const service = await world.deployed(engine, 'good', around);
    expect(last(service)?.status).toBe('undone');
    expect(ranIn(world)).toEqual(['before switch', 'after switch', 'before rollback', 'after rollback']);
  });

  test('are run once when a canary gives its part of the traffic back, and before any of it goes', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', around);
    world.commands.ran.length = 0;
    const parts: (number | undefined)[] = [];
    world.commands.answer = () => {
      parts.push(engine.service('shop').weights?.green);
      return {};
    };
    const canary = {
      ...around,
      strategy: {
        ...spec.strategy,
        kind: 'canary' as const,
        steps: [{ weight: 10 }, { weight: 40 }, { hold: true as const }],
      },
    };
    const { id } = await engine.deploy('shop', order('good', canary), 'test');
    await world.clock.run(() => engine.service('shop').weights?.green === 40);
    await engine.abort('shop', 'ann');
    const service = await world.settled(engine, id);
    expect(last(service)?.status).toBe('undone');
    expect(ranIn(world)).toEqual(['before switch', 'before rollback', 'after rollback']);
    expect(parts).toEqual([undefined, 40, undefined]);
  });

  test('are not run where the traffic never moved', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', around);
    world.commands.ran.length = 0;
    await world.deployed(engine, 'fails-verify', around);
    expect(ranIn(world)).toEqual([]);
  });

  test('end within the time that they have, tries included, before the traffic goes back', async () => {
    const world = new World();
    const engine = await world.boot();
    const slow = withHooks(
      command('before rollback', { timeout: '4s', retries: 10, backoff: '1s' }),
      command('after switch'),
    );
    await world.deployed(engine, 'good', slow);
    let began = 0;
    world.commands.answer = ({ argv }) => {
      if (argv[0] === 'after switch') began = world.clock.now();
      return { ok: false };
    };
    const service = await world.deployed(engine, 'good', slow);
    const back = last(service)?.switches.at(-1)?.at ?? 0;
    expect(service.live).toBe('blue');
    expect(back - began).toBeLessThanOrEqual(4000);
    expect(last(service)?.hooks.at(-1)?.tries).toBeGreaterThan(1);
  });
});

/** An engine that dies at its nth call of the world, and the next one that goes on. Returns whether it died. */
async function dyingAt(nth: number, world: World, hooks: SpecInput, fate: Fate): Promise<boolean> {
  let calls = 0;
  let dead = false;
  let armed = false;
  const mortal: Strike = async () => {
    if (!armed) return;
    if (++calls >= nth) dead = true;
    if (dead) await new Promise<never>(() => undefined);
  };
  const first = await world.boot(mortal);
  armed = true;
  let id: number | undefined;
  void first
    .deploy(
      'shop',
      { order: { spec: hooks, base: '/', source: { kind: 'directory', path: '/app' }, version: fate } },
      'sim',
    )
    .then((deployment) => (id = deployment.id));
  const isOver = (engine: Engine): boolean =>
    engine.services()[0] !== undefined && current(engine.service('shop')) === undefined;
  await world.clock.run(() => dead || (id !== undefined && isOver(first)));
  if (!dead) return false;
  const next = await world.boot();
  await world.clock.run(() => isOver(next));
  return true;
}

describe('an engine that dies anywhere', () => {
  const hooks = withHooks(
    command('before ship'),
    command('after start'),
    { before: 'switch', name: 'hook', webhook: { url: 'http://127.0.0.1:1/' } },
    command('after switch', { onFailure: 'go-on' }),
    command('before rollback'),
    command('after rollback'),
  );
  for (const fate of ['good', 'fails-bake'] as const)
    test(`of a release that is ${fate}: every hook is run, again under the id that it had, and the end is the same`, async () => {
      for (let nth = 1; ; nth++) {
        const world = new World();
        await world.deployed(await world.boot(), 'good', hooks);
        world.commands.ran.length = 0;
        world.webhooks.sent.length = 0;
        world.commands.answer = ({ argv }) => ({ ok: argv[0] !== 'after switch' });
        const died = await dyingAt(nth, world, hooks, fate);
        const engine = await world.boot();
        const service = engine.service('shop');
        const deployment = last(service);
        if (service.deployments.length === 1) continue; // it died before the deployment was on record
        expect({ nth, status: deployment?.status }).toEqual({
          nth,
          status: fate === 'good' ? 'succeeded' : 'undone',
        });
        expect(service.live).toBe(fate === 'good' ? 'green' : 'blue');
        const ids = new Map<string, Set<string | undefined>>();
        for (const { argv, place } of world.commands.ran) {
          const seen = ids.get(argv[0] ?? '') ?? new Set();
          ids.set(argv[0] ?? '', seen.add(place.variables['CUTOVER_HOOK_ID']));
        }
        const back = fate === 'good' ? [] : ['before rollback', 'after rollback'];
        expect([...ids.keys()]).toEqual(['before ship', 'after start', 'after switch', ...back]);
        for (const seen of ids.values()) expect(seen.size).toBe(1);
        expect(new Set(world.webhooks.sent.map(({ message }) => message.id)).size).toBe(1);
        // The receipt tells of each, and of one that was run again perhaps twice.
        expect(new Set(deployment?.receipt?.hooks?.map(({ name }) => name)).size).toBe(4 + back.length);
        if (!died) {
          expect(nth).toBeGreaterThan(40);
          return;
        }
      }
    }, 120_000);

  test('an abort while a hook is run ends it, and takes the deployment back', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    const begun = Promise.withResolvers<undefined>();
    world.commands.run = (_argv, _place, _timeoutMs, signal) => {
      begun.resolve(undefined);
      return new Promise((resolve) =>
        signal?.addEventListener('abort', () => resolve({ ok: false, detail: 'stopped', ms: 1 })),
      );
    };
    const { id } = await engine.deploy(
      'shop',
      {
        order: {
          spec: withHooks(command('before ship')),
          base: '/',
          source: { kind: 'directory', path: '/app' },
          version: 'good',
        },
      },
      'test',
    );
    await begun.promise;
    await engine.abort('shop', 'ann');
    const service = await world.settled(engine, id);
    expect(last(service)).toMatchObject({ status: 'undone', failure: { code: 'aborted' } });
    await refusal(engine.abort('shop', 'ann'), 'nothing-running');
  });
});

describe('where workers are handed over with the switch', () => {
  const names = ['before switch', 'after switch', 'before rollback', 'after rollback'];
  const working: SpecInput = {
    ...withHooks(...names.map((at) => command(at))),
    environments: {
      layers: {
        ...spec.environments.layers,
        worker: { command: ['work'], active: { file: true, within: '500ms' } },
      },
    },
  };
  /** Who works while each hook is run. */
  function watched(world: World): string[] {
    const seen: string[] = [];
    world.commands.answer = ({ argv }) => {
      if (names.includes(argv[0] ?? '')) seen.push(`${argv[0]}: ${world.running.working('shop').join()}`);
      return { ok: true };
    };
    return seen;
  }

  test('somebody works during each hook, there and on the way back', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', working);
    const seen = watched(world);
    await world.deployed(engine, 'fails-bake', working);
    expect(seen).toEqual([
      'before switch: shop/blue',
      'after switch: shop/green',
      'before rollback: shop/green',
      'after rollback: shop/blue',
    ]);
  });

  test('and in a rollback', async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', working);
    await world.deployed(engine, 'good', working);
    const seen = watched(world);
    const going = engine.rollback('shop', 'ann');
    await world.clock.run(() => engine.service('shop').deployments.length === 3);
    await world.settled(engine, 3);
    await going;
    expect(seen).toEqual(['before rollback: shop/green', 'after rollback: shop/blue']);
  });

  test('workers that cannot be told to begin have the traffic taken back, with each of its hooks once', async () => {
    const world = new World();
    let orders = 0;
    let failing = false;
    const engine = await world.boot((call) => {
      // The second order of the deployment: the first has the workers of blue stop.
      if (failing && call.startsWith('platform.lease before') && ++orders === 2)
        throw new Error('the platform is away');
      return Promise.resolve();
    });
    await world.deployed(engine, 'good', working);
    failing = true;
    const seen = watched(world);
    const service = await world.deployed(engine, 'good', working);
    expect(last(service)?.status).toBe('undone');
    expect(service.live).toBe('blue');
    expect(seen.map((line) => line.split(':')[0])).toEqual([
      'before switch',
      'before rollback',
      'after rollback',
    ]);
    expect(world.running.working('shop')).toEqual(['shop/blue']);
  });
});
