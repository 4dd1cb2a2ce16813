import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { colours, other } from '../core/colour.ts';
import { resume } from '../core/intervene.ts';
import { CutoverError } from '../core/errors.ts';
import { ready } from '../core/environment.ts';
import { current, roleOf } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import type { AuthoredStep } from '../core/strategies/authored.ts';
import { order, refusal, spec, World, type Fate } from '../testing/engine-world.ts';

const custom: SpecInput = {
  ...spec,
  strategy: { ...spec.strategy, kind: 'custom', module: 'strategy.ts', options: { part: 20 } },
};

test('a strategy of a user’s own is told of the service, and what it writes is walked', async () => {
  const world = new World();
  const engine = await world.boot();
  await world.deployed(engine, 'good');
  const told: unknown[] = [];
  world.strategy = (state) => {
    told.push(state);
    const before = state.steps.findIndex(({ kind }) => kind === 'switch');
    return state.steps.toSpliced(
      before,
      0,
      { kind: 'weigh', weight: Number(state.options['part']) },
      { kind: 'hold', for: '1h' },
    );
  };
  const plan = await engine.plan('shop', order('good', custom));
  expect(plan.strategy).toBe('custom');
  const service = await world.deployed(engine, 'good', custom);
  expect(told[1]).toMatchObject({
    service: 'shop',
    live: { side: 'blue', release: 1 },
    side: 'green',
    release: { number: 2 },
    options: { part: 20 },
  });
  expect(service.live).toBe('green');
  expect(service.deployments.at(-1)?.weighed.map(({ weight }) => weight)).toEqual([20]);
  expect(service.deployments.at(-1)?.plan.steps).toEqual(plan.steps);
});

for (const [what, write, says] of [
  ['is no list', () => 'steps', 'expected a list of steps'],
  ['names a side', (steps) => [{ ...steps[0], colour: 'blue' }, ...steps.slice(1)], 'in step 1'],
  ['leaves out the checks', (steps) => steps.filter(({ kind }) => kind !== 'verify'), 'verify exactly once'],
  ['leaves out the way back', (steps) => steps.filter(({ kind }) => kind !== 'keep'), 'keep exactly once'],
  ['leaves out the drain', (steps) => steps.filter(({ kind }) => kind !== 'drain'), 'drain exactly once'],
  ['switches twice', (steps) => [...steps, { kind: 'switch' }], 'switch exactly once'],
  [
    'weighs what was never healthy',
    (steps) => [{ kind: 'weigh', weight: 5 }, ...steps],
    'between verify and the switch',
  ],
  [
    'weighs after the switch',
    (steps) => [...steps, { kind: 'weigh', weight: 5 }],
    'between verify and the switch',
  ],
  ['is in another order', (steps) => steps.toReversed(), 'before'],
  ['weighs more than all', (steps) => [...steps, { kind: 'weigh', weight: 101 }], 'per cent'],
] as readonly (readonly [string, (steps: readonly AuthoredStep[]) => unknown, string])[])
  test(`a strategy that ${what} is refused before anything begins`, async () => {
    const world = new World();
    const engine = await world.boot();
    await world.deployed(engine, 'good');
    const { version } = engine.service('shop');
    world.strategy = ({ steps }) => write(steps);
    const { message } = await refusal(
      engine.deploy('shop', order('good', custom), 'test'),
      'strategy-unsound',
    );
    expect(message).toContain(says);
    expect(engine.service('shop').version).toBe(version);
  });

const step: fc.Arbitrary<AuthoredStep> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('ship', 'prepare', 'start', 'health', 'verify', 'switch', 'keep', 'drain', 'bake'),
  }),
  fc.record({ kind: fc.constant('weigh' as const), weight: fc.integer({ min: 0, max: 100 }) }),
  fc.record({
    kind: fc.constant('hold' as const),
    for: fc.constantFrom<('1s' | '2m') | true>('1s', '2m', true),
  }),
);
/** Lists at random, and those of blue/green with a few changes, of which more are sound. */
const change = fc.record({
  at: fc.nat(12),
  remove: fc.integer({ min: 0, max: 1 }),
  add: fc.array(step, { maxLength: 3 }),
});
/** Those of blue/green with parts of the traffic before the switch: sound, but for weights that go down again. */
const divided = fc
  .array(
    fc.oneof(
      fc.record({ kind: fc.constant('weigh' as const), weight: fc.integer({ min: 0, max: 100 }) }),
      fc.record({ kind: fc.constant('hold' as const), for: fc.constantFrom<'1s' | '2m'>('1s', '2m') }),
    ),
    { maxLength: 4 },
  )
  .map((parts) => (steps: readonly AuthoredStep[]) => {
    const before = steps.findIndex(({ kind }) => kind === 'switch');
    return steps.toSpliced(before, 0, ...parts);
  });
const written = fc.oneof(
  { weight: 2, arbitrary: divided },
  { weight: 1, arbitrary: fc.array(step, { maxLength: 12 }).map((steps) => () => steps) },
  {
    weight: 4,
    arbitrary: fc
      .array(change, { minLength: 1, maxLength: 3 })
      .map(
        (changes) => (steps: readonly AuthoredStep[]) =>
          changes.reduce((sofar, { at, remove, add }) => sofar.toSpliced(at, remove, ...add), [...steps]),
      ),
  },
);
const fates: readonly Fate[] = ['good', 'never-healthy', 'fails-verify', 'fails-canary', 'fails-bake'];

test('whatever a strategy writes is refused, or walked without a promise being broken', async () => {
  const seen = { refused: 0, walked: 0 };
  await fc.assert(
    fc.asyncProperty(written, fc.constantFrom(...fates), fc.boolean(), async (write, fate, second) => {
      const world = new World();
      const engine = await world.boot();
      if (second) await world.deployed(engine, 'good');
      world.strategy = ({ steps }) => write(steps);
      let id: number;
      try {
        ({ id } = await engine.deploy('shop', order(fate, custom), 'test'));
      } catch (error) {
        if (!(error instanceof CutoverError) || error.code !== 'strategy-unsound') throw error;
        seen.refused++;
        return;
      }
      seen.walked++;
      let broken = false;
      await world.clock.run(() => {
        const service = engine.service('shop');
        const { weights } = service;
        // No request ever goes to what is not healthy.
        for (const colour of colours)
          if (
            ((weights && weights[colour] > 0) || service.routed === colour) &&
            !ready(service.environments[colour])
          )
            broken ||= weights !== null || service.live === colour;
        const deployment = current(service);
        const held = deployment?.steps.some(
          ({ status, planned }) => status === 'running' && planned.kind === 'hold' && planned.forMs === null,
        );
        if (held)
          void engine
            .intervene('shop', (now) => resume(now, 'ann'))
            .catch((error: unknown) => {
              if (!(error instanceof CutoverError) || error.code === 'internal') throw error;
            });
        return deployment === undefined;
      });
      expect(broken).toBe(false);
      const service = engine.service('shop');
      const deployment = service.deployments[id - 1];
      const route = await world.router.read('shop');
      expect(route?.live ?? null).toBe(service.live);
      if (deployment?.status !== 'frozen') expect(route?.weights).toBeUndefined();
      if (deployment?.status === 'succeeded' && second) {
        expect(service.live).toBe('green');
        expect(roleOf(service, other('green'))).toBe('standby');
      }
      if (deployment?.status === 'undone') expect(service.live).toBe(second ? 'blue' : null);
      if (fate !== 'good' && second)
        expect(deployment?.status === 'succeeded' && fate !== 'fails-canary').toBe(false);
    }),
    { numRuns: 120 },
  );
  expect(seen.refused).toBeGreaterThan(5);
  expect(seen.walked).toBeGreaterThan(5);
}, 60_000);
