import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Plan, PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import { newService, type Service } from '../service.ts';
import { Spec, type SpecInput } from '../spec.ts';
import { hookStages } from '../spec/hook.ts';
import { deployPlan } from './index.ts';
import { retire } from './retire.ts';
import { rollback, switchTo } from './to-side.ts';

type HookInput = NonNullable<SpecInput['hooks']>[number];

const release = (number: number, hooks: HookInput[], more: Partial<SpecInput> = {}): Release => ({
  number,
  version: `v${number}`,
  source: { kind: 'directory', path: '/app' },
  base: '/app',
  spec: Spec.parse({
    service: 'shop',
    router: { listen: ':80' },
    environments: { layers: { web: { command: ['serve'] } } },
    hooks,
    ...more,
  }),
  createdAt: 0,
  by: 'ada',
  digest: 'd',
});

/** Release 1 is live on blue, release 2 was live before on green, or there is nothing yet. */
function service(hooks: HookInput[], isNew = false, more: Partial<SpecInput> = {}): Service {
  const empty = newService('shop');
  if (isNew) return { ...empty, releases: [] };
  const side = (colour: 'blue' | 'green', number: number) => ({
    ...empty.environments[colour],
    phase: 'verified' as const,
    release: number,
    wasLive: true,
  });
  return {
    ...empty,
    live: 'blue',
    routed: 'blue',
    releases: [release(1, hooks, more), release(2, hooks, more)],
    environments: { blue: side('blue', 1), green: side('green', 2) },
  };
}

const shown = (steps: readonly PlannedStep[]): string[] =>
  steps.map((step) =>
    step.kind === 'hook' ? `${step.undo ? 'on the way back ' : ''}${step.name} of ${step.of}` : step.kind,
  );
const of = (names: string): HookInput[] =>
  names.split(' ').map((name) => {
    const [when = '', stage = ''] = name.split('-');
    return { name, [when]: stage, command: [name] } as HookInput;
  });

test('hooks stand right before and right after the steps of their stage, in the order of the spec', () => {
  const hooks = of(
    'after-start before-ship after-bake before-switch after-switch before-switch after-verify',
  );
  const plan = deployPlan(service(hooks), release(3, hooks));
  expect(shown(plan.steps)).toEqual([
    ...['before-ship of 3', 'ship', 'prepare', 'start', 'health', 'after-start of 3'],
    ...[
      'verify',
      'after-verify of 3',
      'before-switch of 3',
      'before-switch of 3',
      'switch',
      'after-switch of 3',
    ],
    ...['drain', 'bake', 'after-bake of 3', 'keep'],
  ]);
});

test('the release that makes room is retired in the plan of the next one', () => {
  const hooks = of('before-retire after-retire');
  const { steps, later } = deployPlan(service(hooks), release(3, hooks));
  expect(shown(steps).slice(1, 4)).toEqual(['before-retire of 3', 'prepare', 'after-retire of 3']);
  expect(steps[1]).toMatchObject({ stage: 'retire', colour: 'green', release: 2, onFailure: 'go-on' });
  expect(shown(later)).toEqual(['before-retire of 3', 'retire', 'after-retire of 3']);
});

test('a side whose time is over is retired with the hooks of the release that is live', () => {
  const hooks = of('before-retire after-retire before-switch');
  const { steps } = retire(service(hooks), 'green', 2);
  expect(shown(steps)).toEqual(['before-retire of 1', 'retire', 'after-retire of 1']);
  expect(steps[0]).toMatchObject({ colour: 'green', release: 2, of: 1, from: null });
});

test('a rollback has the hooks around a rollback and a retirement, and no others', () => {
  const hooks = of('before-switch after-switch before-rollback after-rollback after-retire');
  const { steps, later } = rollback(service(hooks));
  expect(shown(steps)).toEqual(['before-rollback of 2', 'switch', 'after-rollback of 2', 'drain', 'keep']);
  expect(steps[0]).toMatchObject({ colour: 'green', release: 2, from: 'blue', timeoutMs: 5000, undo: false });
  expect(shown(later)).toEqual(['retire', 'after-retire of 2']);
});

test('a switch that is taken back is one too: the hooks stand ready on either side of it', () => {
  const hooks = of(
    'before-rollback after-rollback before-rollback after-rollback before-switch after-switch',
  );
  for (const [index, hook] of hooks.entries()) hook.name = `${hook.name} ${index + 1}`;
  const { steps } = switchTo(service(hooks), 'green');
  const back = 'on the way back';
  expect(shown(steps)).toEqual([
    ...['before-switch 5 of 2', `${back} after-rollback 4 of 2`, `${back} after-rollback 2 of 2`],
    'switch',
    ...[`${back} before-rollback 3 of 2`, `${back} before-rollback 1 of 2`, 'after-switch 6 of 2'],
    ...['drain', 'keep'],
  ]);
});

describe('where workers are handed over with the switch', () => {
  const working: Partial<SpecInput> = {
    environments: {
      layers: {
        web: { command: ['serve'] },
        jobs: { command: ['work'], active: { file: true } },
      },
    },
  };
  const moved = ['passivate', 'switch', 'activate'];

  test('hooks stand outside of that, so nobody waits for them without work', () => {
    const hooks = of('before-switch after-switch');
    const { steps } = deployPlan(service(hooks, false, working), release(3, hooks, working));
    const at = shown(steps).indexOf('before-switch of 3');
    expect(shown(steps).slice(at, at + 5)).toEqual(['before-switch of 3', ...moved, 'after-switch of 3']);
    expect(steps[at]).toMatchObject({ colour: 'green', release: 3, from: 'blue' });
    expect(steps[at + 4]).toMatchObject({ colour: 'green', release: 3, from: 'blue' });
  });

  test('so do those around a rollback', () => {
    const hooks = of('before-rollback after-rollback');
    const { steps } = rollback(service(hooks, false, working));
    expect(shown(steps).slice(0, 5)).toEqual(['before-rollback of 2', ...moved, 'after-rollback of 2']);
  });

  test('and on the way back of a deployment, also if the new workers do not begin', () => {
    const hooks = of('before-rollback after-rollback');
    const { steps } = deployPlan(service(hooks, false, working), release(3, hooks, working));
    const back = 'on the way back';
    const at = shown(steps).indexOf(`${back} after-rollback of 3`);
    expect(shown(steps).slice(at, at + 6)).toEqual([
      ...[`${back} after-rollback of 3`, 'passivate', 'switch', `${back} before-rollback of 3`],
      ...['activate', `${back} before-rollback of 3`],
    ]);
  });

  test('the first release hands nothing over, and its workers begin before the hook behind the switch', () => {
    const hooks = of('before-switch after-switch');
    const { steps } = deployPlan(service([], true), release(1, hooks, working));
    const at = shown(steps).indexOf('before-switch of 1');
    expect(shown(steps).slice(at, at + 4)).toEqual([
      ...['before-switch of 1', 'switch', 'activate', 'after-switch of 1'],
    ]);
  });
});

test('hooks before the switch are run before the gates right before it, so that a window that is open then is not missed', () => {
  const hooks = of('before-switch after-verify');
  const more: Partial<SpecInput> = {
    gates: [{ approval: {} }, { window: { from: '08:00', to: '18:00' } }],
  };
  const { steps } = deployPlan(service(hooks), release(3, hooks, more));
  const at = shown(steps).indexOf('verify');
  expect(shown(steps).slice(at, at + 6)).toEqual([
    ...['verify', 'after-verify of 3', 'before-switch of 3', 'gate', 'gate', 'switch'],
  ]);
});

test('in a canary hooks before the switch stand before its first part, and a gate before the switch stays where it is', () => {
  const hooks = of('before-switch');
  const more: Partial<SpecInput> = {
    gates: [{ approval: {}, before: 'weigh' }, { approval: {} }],
    strategy: { kind: 'canary', steps: [{ weight: 10 }, { hold: '1m' }] },
  };
  const { steps } = deployPlan(service(hooks), release(3, hooks, more));
  const at = shown(steps).indexOf('before-switch of 3');
  expect(shown(steps).slice(at, at + 6)).toEqual([
    ...['before-switch of 3', 'gate', 'weigh', 'hold', 'gate', 'switch'],
  ]);
});

test('with nothing to go back to there is no way back to stand at', () => {
  const hooks = of('before-rollback after-rollback before-retire after-start');
  const plan = deployPlan(service([], true), release(1, hooks));
  expect(shown(plan.steps).filter((step) => step.includes('-'))).toEqual(['after-start of 1']);
  expect(shown(plan.later)).toEqual([]);
});

test('whatever hooks a spec has, the plan without them is that of a spec without hooks', () => {
  const anyHooks = fc.array(
    fc
      .tuple(fc.constantFrom('before', 'after'), fc.constantFrom(...hookStages))
      .map(([when, stage]) => `${when}-${stage}`),
    { minLength: 1, maxLength: 8 },
  );
  const plans = (hooks: HookInput[]): Plan[] => [
    deployPlan(service(hooks), release(3, hooks)),
    deployPlan(service([], true), release(1, hooks)),
    rollback(service(hooks)),
    switchTo(service(hooks), 'green'),
    retire(service(hooks), 'green', 2),
  ];
  const bare = plans([]);
  fc.assert(
    fc.property(anyHooks, (names) => {
      const without = plans(of(names.join(' '))).map((plan) => ({
        ...plan,
        steps: plan.steps.filter(({ kind }) => kind !== 'hook'),
        later: plan.later.filter(({ kind }) => kind !== 'hook'),
      }));
      expect(without).toEqual(bare);
    }),
  );
});
