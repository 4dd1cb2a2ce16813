import { expect, test } from 'bun:test';
import type { Colour } from '../core/colour.ts';
import { underWay } from '../core/deployment.ts';
import { promote } from '../core/intervene.ts';
import type { SpecInput } from '../core/spec.ts';
import type { MemoryAnswer } from '../routers/memory/memory-router.ts';
import { order, spec, World, type Strike } from '../testing/engine-world.ts';
import { Random } from '../testing/load/random.ts';
import type { Engine } from './engine.ts';

const analysed = (analysis: SpecInput['analysis'], bake = '30s'): SpecInput => ({
  ...spec,
  strategy: { drain: '1s', bake },
  ...(analysis === undefined ? {} : { analysis }),
});

/** A request every 10 ms of virtual time, as long as the test goes on; returns how to end it. */
function traffic(world: World, answer: (side: Colour) => MemoryAnswer): () => void {
  const over = new AbortController();
  void (async () => {
    while (!over.signal.aborted) {
      world.router.request('shop', answer);
      await world.clock.sleep(10, over.signal).catch(() => undefined);
    }
  })();
  return () => over.abort();
}

/** Lets virtual time pass. */
async function pass(world: World, ms: number): Promise<void> {
  const end = world.clock.now() + ms;
  void world.clock.sleep(ms);
  await world.clock.run(() => world.clock.now() >= end);
}

const steady =
  (random: Random, fails: Partial<Record<Colour, number>>) =>
  (side: Colour): MemoryAnswer => ({
    failed: random.next() < (fails[side] ?? 0),
    latencyMs: 10 * Math.exp(random.next()),
  });

test('an unchanged release is kept, and the receipt and the log say by what', async () => {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good', analysed(true));
  const stop = traffic(world, steady(new Random(1), {}));
  await pass(world, 60_000);
  const service = await world.deployed(engine, 'good', analysed(true));
  stop();
  const deployment = service.deployments.at(-1)!;
  expect(deployment).toMatchObject({ status: 'succeeded', failure: null });
  const bake = deployment.steps.find(({ planned }) => planned.kind === 'bake')!;
  expect(bake.planned).toMatchObject({
    analysis: {
      measures: ['failures', 'errors-5xx', 'latency-p50', 'latency-p99'],
      alpha: 0.0025,
      settleMs: 5000,
    },
  });
  expect(bake.analysis?.measures.map(({ name, judgement }) => [name, judgement])).toEqual([
    ['failures', 'good'],
    ['errors-5xx', 'good'],
    ['latency-p50', 'good'],
    ['latency-p99', 'good'],
  ]);
  expect(bake.analysis!.measures[0]!.says).toMatch(
    /^0% against 0% of blue before the switch: no worse \(alpha 0\.25%\), [\d,]+ requests$/,
  );
  expect(bake.says).toContain('4 of 4 measures good');
  expect(deployment.receipt?.analysis).toMatchObject([
    {
      step: 'bake',
      colour: 'green',
      alpha: 0.0025,
      measures: [{ name: 'failures', judgement: 'good', value: 0 }, {}, {}, {}],
    },
  ]);
});

test('a release that fails one request in fifty is taken back within seconds, and the error says by what', async () => {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good', analysed(true));
  const stop = traffic(world, steady(new Random(2), { green: 0.02 }));
  await pass(world, 60_000);
  const service = await world.deployed(engine, 'good', analysed(true));
  stop();
  const deployment = service.deployments.at(-1)!;
  expect(deployment).toMatchObject({ status: 'undone', failure: { code: 'bake-failed' } });
  expect(deployment.failure?.message).toMatch(
    /found that errors-5xx is bad \([\d.]+% against 0% of blue before the switch: worse by more than is allowed/,
  );
  expect(service.live).toBe('blue');
  const green = service.deployments.at(-1)!.measured.end!.green;
  expect(green.requests).toBeLessThan(1500);
});

test('a breach of a limit takes the traffic back within one interval', async () => {
  const world = new World();
  const engine = await world.boot();
  const rules = analysed(
    { every: '1s', measures: [{ of: 'errors', limit: { max: '1%' }, leastRequests: 50 }] },
    '1m',
  );
  await world.deployed(engine, 'good', rules);
  let breaks = Infinity;
  const random = new Random(3);
  const stop = traffic(world, (side) => ({
    failed: side === 'green' && world.clock.now() >= breaks && random.next() < 0.5,
  }));
  const { id } = await engine.deploy('shop', order('good', rules), 'test');
  await world.clock.run(() => engine.service('shop').live === 'green');
  await pass(world, 20_000);
  breaks = world.clock.now();
  await world.clock.run(() => engine.service('shop').live === 'blue');
  expect(world.clock.now() - breaks).toBeLessThanOrEqual(2000);
  const service = await world.settled(engine, id);
  stop();
  expect(service.deployments.at(-1)).toMatchObject({ status: 'undone', failure: { code: 'bake-failed' } });
});

test('without another side that ever had traffic, comparisons do not count and the first release is kept', async () => {
  const world = new World();
  const service = await world.deployed(await world.boot(), 'good', analysed(true, '10s'));
  expect(service.deployments[0]).toMatchObject({ status: 'succeeded' });
  expect(service.deployments[0]!.steps.at(-1)!.analysis?.measures.map(({ judgement }) => judgement)).toEqual(
    Array.from({ length: 4 }, () => 'none'),
  );
});

test('too few requests: goes on, or is watched for longer and taken back then, as the spec says', async () => {
  for (const [inconclusive, status, least, most] of [
    ['go-on', 'succeeded', 10_000, 14_000],
    ['wait', 'undone', 30_000, 36_000],
    ['roll-back', 'undone', 10_000, 14_000],
  ] as const) {
    const world = new World();
    const engine = await world.boot();
    const rules = analysed({ inconclusive, waitAtMost: '20s' }, '10s');
    await world.deployed(engine, 'good', analysed(undefined, '1s'));
    const began = world.clock.now();
    const service = await world.deployed(engine, 'good', rules);
    expect(service.deployments.at(-1)).toMatchObject({ status });
    const took = world.clock.now() - began;
    expect(took).toBeGreaterThanOrEqual(least);
    expect(took).toBeLessThan(most);
  }
});

test('sources of figures are asked for the side with its release, and one that never answers takes it back', async () => {
  const world = new World();
  const engine = await world.boot();
  const rules = analysed(
    {
      every: '1s',
      waitAtMost: '5s',
      measures: [
        {
          name: 'orders',
          prometheus: {
            url: 'http://p:9090',
            query: 'sum(o{c="{{colour}}",r="{{release}}"})',
            token: { file: 'token' },
          },
          limit: { min: 1 },
        },
        { name: 'smoke', command: { run: ['./smoke'] } },
      ],
    },
    '10s',
  );
  world.gauge.answer = () => ({ kind: 'number', value: 5 });
  const good = await world.deployed(engine, 'good', rules);
  expect(good.deployments[0]).toMatchObject({ status: 'succeeded' });
  expect(world.gauge.asked[0]).toEqual({
    kind: 'prometheus',
    url: 'http://p:9090',
    query: 'sum(o{c="blue",r="1"})',
    tokenFile: '/token',
    timeoutMs: 5000,
  });
  expect(world.gauge.asked.length).toBeGreaterThanOrEqual(9);
  expect(world.gauge.asked.length).toBeLessThanOrEqual(11);
  expect(world.commands.ran[0]).toMatchObject({
    argv: ['./smoke'],
    place: { variables: { CUTOVER_COLOUR: 'blue' } },
  });
  world.gauge.answer = () => ({ kind: 'away', why: 'connection refused' });
  const away = await world.deployed(engine, 'good', rules);
  expect(away.deployments[1]).toMatchObject({ status: 'undone', failure: { code: 'bake-failed' } });
  expect(away.deployments[1]!.failure?.message).toContain(
    'orders was not known 5s later (connection refused',
  );
  world.gauge.answer = () => ({ kind: 'number', value: 5 });
  world.commands.answer = () => ({ ok: false, detail: 'smoke: expected exit code 0, found exit code 3' });
  const fails = await world.deployed(engine, 'good', rules);
  expect(fails.deployments[2]!.failure?.message).toContain(
    'smoke is bad (smoke: expected exit code 0, found exit code 3)',
  );
});

const canary: SpecInput = {
  ...spec,
  strategy: { kind: 'canary', weights: [10, 50], hold: '20s', drain: '1s', bake: '10s' },
  analysis: true,
};

test('a canary is compared with the other side in the same minutes, and a bad one gets no further than its first hold', async () => {
  for (const [fails, status] of [
    [0.05, 'undone'],
    [0, 'succeeded'],
  ] as const) {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good', canary);
    const stop = traffic(world, steady(new Random(7), { green: fails }));
    await pass(world, 10_000);
    const service = await world.deployed(engine, 'good', canary);
    stop();
    const deployment = service.deployments.at(-1)!;
    expect(deployment.status).toBe(status);
    const holds = deployment.steps.filter(({ planned }) => planned.kind === 'hold');
    expect(holds[0]!.planned).toMatchObject({ analysis: { alpha: 0.01 / 12 } });
    if (fails > 0) {
      expect(deployment.failure).toMatchObject({ code: 'canary-failed' });
      expect(deployment.failure!.message).toMatch(/errors-5xx is bad \(.* against 0% of blue: worse/);
      expect(holds[1]!.analysis).toBeUndefined();
      expect(deployment.measured.end!.green.requests).toBeLessThan(200);
      continue;
    }
    expect(deployment.receipt!.analysis?.map(({ step }) => step)).toEqual(['hold', 'hold', 'bake']);
    expect(holds[1]!.analysis!.measures[0]!.says).toMatch(/^0% against 0% of blue: no worse/);
  }
});

test('a person who promotes a canary ends the wait for what is not known', async () => {
  const world = new World();
  const engine = await world.boot();
  const rules: SpecInput = { ...canary, analysis: { inconclusive: 'wait', waitAtMost: '1h' } };
  await world.deployed(engine, 'good', { ...rules, analysis: true });
  const { id } = await engine.deploy('shop', order('good', rules), 'test');
  await pass(world, 120_000);
  expect(
    engine.service('shop').deployments[id - 1]!.steps.find(({ status }) => status === 'running')?.planned
      .kind,
  ).toBe('hold');
  await engine.intervene('shop', (service) => promote(service, 'ann', false));
  await world.clock.run(() => engine.service('shop').live === 'green');
  await engine.abort('shop', 'test');
  await world.settled(engine, id);
});

/** Deploys under traffic on engines that die at random calls, until it has ended. */
async function withDeaths(
  seed: number,
  fails: number,
): Promise<{ status: string; deaths: number; samples: number; requests: number }> {
  const random = new Random(seed);
  const world = new World();
  let deaths = 0;
  let dead = false;
  let mortal = false;
  const strike = (): Strike => {
    let gone = false;
    return async () => {
      if (mortal && !gone && deaths < 6 && random.next() < 1 / 60) {
        gone = true;
        dead = true;
        deaths++;
      }
      if (gone) await new Promise<never>(() => undefined);
    };
  };
  const alive = async (): Promise<Engine> => {
    for (;;) {
      dead = false;
      let engine: Engine | undefined;
      void world.boot(strike()).then((booted) => (engine = booted));
      await world.clock.run(() => dead || engine !== undefined);
      if (engine && !dead) return engine;
    }
  };
  let engine = await alive();
  await world.deployed(engine, 'good', analysed(true));
  const stop = traffic(world, steady(new Random(seed), { green: fails }));
  await pass(world, 60_000);
  const { id } = await engine.deploy('shop', order('good', analysed(true)), 'test');
  mortal = true;
  const ended = (): boolean => {
    const deployment = engine.service('shop').deployments[id - 1];
    return deployment !== undefined && !underWay(deployment);
  };
  for (;;) {
    await world.clock.run(() => dead || ended());
    if (!dead) break;
    engine = await alive();
  }
  stop();
  const deployment = engine.service('shop').deployments[id - 1]!;
  const bake = deployment.steps.find(({ planned }) => planned.kind === 'bake')!;
  const from = deployment.measured.switch!.green.requests;
  const until = bake.analysis?.seen?.green.requests ?? 0;
  return {
    status: deployment.status,
    deaths,
    samples: bake.analysis?.measures[1]?.samples ?? 0,
    requests: until - from,
  };
}

test('an engine that dies anywhere goes on with what was known: no sample is forgotten, none is counted twice', async () => {
  let deaths = 0;
  for (let seed = 1; seed <= 25; seed++) {
    const bad = seed % 2 === 0;
    const found = await withDeaths(seed, bad ? 0.05 : 0);
    expect(found.status).toBe(bad ? 'undone' : 'succeeded');
    if (!bad) expect(found.samples).toBe(found.requests);
    if (!bad) expect(found.samples).toBeGreaterThan(2500);
    deaths += found.deaths;
  }
  expect(deaths).toBeGreaterThan(25);
}, 120_000);
