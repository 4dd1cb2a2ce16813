import { describe, expect, test } from 'bun:test';
import type { SpecInput } from '../core/spec.ts';
import { refusal, World } from '../testing/engine-world.ts';

const spec: SpecInput = {
  service: 'shop',
  router: { listen: '127.0.0.1:8080', preview: '127.0.0.1:8081' },
  environments: { layers: { web: { command: ['serve'], health: { http: {} } } } },
  strategy: { drain: '7s', bake: '0' },
};
const order = (router: object = {}) => ({
  order: {
    spec: { ...spec, router: { ...spec.router, ...router } },
    base: '/',
    source: { kind: 'directory', path: '/app' } as const,
    version: 'good',
  },
});
const blind = { carries: ['preview'], counters: false, inFlight: false, modes: false, evict: false };

describe('a router that counts nothing and does not tell what is in flight', () => {
  test('is said to be so by the plan', async () => {
    const world = new World(blind);
    const engine = await world.boot();
    const { notes } = await engine.plan('shop', order());
    expect(notes).toContain('the router embedded counts no requests: the receipt will not have them');
    expect(notes).toContain(
      'the router embedded does not tell what is in flight: a drain takes all of strategy.drain',
    );
  });

  test('gives the old side all its time, and the receipt says what was not counted', async () => {
    const world = new World(blind);
    const engine = await world.boot();
    await world.deployed(engine, 'good', spec);
    const service = await world.deployed(engine, 'good', spec);
    const [, second] = service.deployments;
    expect(second).toMatchObject({ status: 'succeeded', measured: {} });
    const drain = second?.steps.find(({ planned }) => planned.kind === 'drain');
    expect((drain?.endedAt ?? 0) - (second?.switches[0]?.at ?? 0)).toBe(7000);
    expect(drain?.says).toBe('blue had 7s to finish: the router does not tell what is in flight');
    expect(second?.receipt?.gaps).toEqual(['the router embedded counted no requests']);
    expect(await engine.verdict('shop')).toEqual({ verdict: 'lossy', writes: 0, atLeast: true });
  });

  test('does not stop a side before its time, also if it is emptied by the next deployment', async () => {
    const world = new World(blind);
    const engine = await world.boot();
    await world.deployed(engine, 'good', spec);
    await world.deployed(engine, 'good', spec);
    const began = world.clock.now();
    const service = await world.deployed(engine, 'good', spec);
    // Blue has been without the traffic for longer than a drain takes: it is not waited for again.
    const prepare = service.deployments[2]?.steps[0];
    expect((prepare?.endedAt ?? 0) - began).toBeLessThan(7000);
  });

  test('is asked for no figures: what it would have to count is refused at plan time, other sources are fine', async () => {
    const world = new World(blind);
    const engine = await world.boot();
    const analysed = (measures: object): SpecInput => ({
      ...spec,
      strategy: { drain: '0', bake: '5s' },
      analysis: measures as SpecInput['analysis'],
    });
    const order_ = (of: SpecInput) => ({ order: { ...order().order, spec: of } });
    const error = await refusal(
      engine.deploy(
        'shop',
        order_(analysed({ measures: [{ of: 'failures' }, { of: 'latency-p99' }] })),
        'test',
      ),
      'router-cannot',
    );
    expect(error.message).toContain('found analysis.measures of failures, analysis.measures of latency-p99');
    const service = await world.deployed(
      engine,
      'good',
      analysed({ measures: [{ command: { run: ['./good'] } }] }),
    );
    expect(service.deployments[0]).toMatchObject({ status: 'succeeded' });
    expect(service.deployments[0]!.receipt?.analysis?.[0]?.measures).toMatchObject([
      { name: 'command', judgement: 'good' },
    ]);
  });

  test('is asked for no mode', async () => {
    const world = new World(blind);
    const engine = await world.boot();
    await world.deployed(engine, 'good', spec);
    const error = await refusal(
      engine.setMode('shop', { mode: 'held' }, { by: 'test', reason: null }),
      'router-cannot',
    );
    expect(error.message).toContain('hold or refuse requests');
    expect(engine.service('shop').modes).toEqual([]);
  });

  test('refuses at plan time, all at once, what it does not carry out', async () => {
    const world = new World(blind);
    const engine = await world.boot();
    const asked = order({
      sticky: { by: 'client' },
      requestId: true,
      hosts: ['a.example'],
      limits: { body: 7 },
    });
    const plan = async (): Promise<unknown> => engine.plan('shop', asked);
    for (const refused of [plan(), engine.deploy('shop', asked, 'test')]) {
      const { detail } = await refusal(refused, 'router-cannot');
      expect(detail.problems).toEqual([
        'router.requestId=true',
        'router.hosts',
        'router.sticky',
        'router.limits.body=7',
      ]);
    }
    expect(engine.services()).toEqual([]);
  });
});
