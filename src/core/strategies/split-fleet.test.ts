import { describe, expect, test } from 'bun:test';
import { CutoverError } from '../errors.ts';
import { emptyEnvironment } from '../environment.ts';
import type { PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import { newService, type Service } from '../service.ts';
import { Spec, type SpecInput } from '../spec.ts';
import { deployPlan } from './index.ts';
import { rollback, switchTo } from './to-side.ts';

const input = (more: Partial<SpecInput> = {}, strategy: object = {}): SpecInput => ({
  service: 'shop',
  router: { listen: ':80' },
  environments: { layers: { web: { command: ['serve'], instances: 3 } } },
  strategy: { kind: 'split-fleet', ...strategy },
  ...more,
});
const release = (number: number, of: SpecInput = input()): Release => ({
  ...{ number, version: `v${number}`, source: { kind: 'directory', path: '/app' }, base: '/app' },
  ...{ spec: Spec.parse(of), createdAt: 0, by: 'ada', digest: 'd' },
});

/** Release 1 serves on both, blue leads. */
function whole(of: SpecInput = input()): Service {
  const empty = newService('shop');
  const side = (colour: 'blue' | 'green') => ({
    ...emptyEnvironment(colour),
    phase: 'verified' as const,
    release: 1,
    placement: { instances: [{ layer: 'web', index: 0, address: { host: '127.0.0.1', port: 80 } }] },
  });
  return {
    ...empty,
    ...{ live: 'blue', routed: 'blue', epoch: 9, weights: { blue: 50, green: 50 } },
    releases: [release(1, of)],
    environments: { blue: side('blue'), green: side('green') },
  };
}

const shown = (steps: readonly PlannedStep[]): string[] =>
  steps.map((step) => {
    if (step.kind === 'switch') return `switch ${step.from} ${step.to}`;
    const restores = step.kind === 'prepare' ? ` ${step.retires}>${step.restores}` : '';
    return 'colour' in step ? `${step.kind} ${step.colour}${restores}` : step.kind;
  });
const renewed = (colour: string): string[] =>
  ['start', 'health', 'verify'].map((kind) => `${kind} ${colour}`);
const refusal = (act: () => unknown): CutoverError => {
  try {
    act();
  } catch (error) {
    if (error instanceof CutoverError) return error;
  }
  throw new Error('it was not refused');
};

describe('a split fleet', () => {
  test('is renewed one environment after the other: standby, drained, renewed, live again, watched', () => {
    const plan = deployPlan(whole(), release(2, input({}, { bake: '1m' })));
    expect(shown(plan.steps)).toEqual([
      ...['ship green', 'withdraw green', 'drain green', 'prepare green 1>1', ...renewed('green')],
      ...['rejoin green', 'hold green'],
      ...['ship blue', 'switch blue green', 'drain blue', 'prepare blue 1>1', ...renewed('blue')],
      ...['rejoin blue', 'bake blue'],
    ]);
    expect(plan).toMatchObject({ strategy: 'split-fleet', onSecondFailure: 'back', later: [] });
    expect(plan.notes.join()).toContain('at least 50 %');
  });

  test('gets its first release on both', () => {
    const plan = deployPlan(newService('shop'), release(1));
    expect(shown(plan.steps)).toEqual([
      ...['ship blue', 'prepare blue null>undefined', ...renewed('blue')],
      ...['ship green', 'switch null blue', 'prepare green null>undefined', ...renewed('green')],
      ...['rejoin green', 'bake green'],
    ]);
  });

  test('is made of a service of which only one served: what is kept hot makes room, and nothing is taken out for that', () => {
    const service = { ...whole(), weights: null };
    const plan = deployPlan(service, release(2));
    expect(shown(plan.steps).slice(0, 2)).toEqual(['ship green', 'prepare green 1>undefined']);
    expect(shown(plan.steps)).toContain('prepare blue 1>1');
  });

  test('of unequal hosts serves by their number, and is refused where too few would be left', () => {
    const hosts = { blue: ['a', 'b', 'c'], green: ['d', 'e'] };
    const of = (capacity?: string): SpecInput =>
      input({ platform: { driver: 'host', hosts } }, capacity ? { capacity } : {});
    const error = refusal(() => deployPlan(whole(of('40%')), release(2, of())));
    expect([error.code, error.message]).toEqual([
      'capacity-short',
      'service shop: expected at least 50 % of its capacity in service throughout (strategy.capacity), found 40 % while blue is renewed: green has 2 of 5 hosts',
    ]);
    const plan = deployPlan(whole(of('40%')), release(2, of('40%')));
    expect(plan.steps.find(({ kind }) => kind === 'rejoin')).toMatchObject({
      weights: { blue: 60, green: 40 },
    });
    expect(refusal(() => deployPlan(whole(), release(2, input({}, { capacity: '51%' })))).code).toBe(
      'capacity-short',
    );
    // Nothing is in service yet.
    expect(deployPlan(newService('shop'), release(1, of('60%'))).steps.length).toBeGreaterThan(5);
  });

  test('goes back to the release before by the same road, and no switch takes one of the two away', () => {
    const service = whole();
    const ended = { status: 'succeeded', plan: { ...deployPlan(service, release(1)), release: 1 } } as never;
    const now: Service = {
      ...service,
      releases: [release(1), release(2)],
      environments: {
        blue: { ...service.environments.blue, release: 2 },
        green: { ...service.environments.green, release: 2 },
      },
      deployments: [ended],
    };
    const plan = rollback(now);
    expect(plan).toMatchObject({ kind: 'rollback', strategy: 'split-fleet', release: 1 });
    expect(shown(plan.steps)).toEqual(shown(deployPlan(now, release(1)).steps));
    expect(refusal(() => switchTo(now, 'green')).code).toBe('already-live');
    expect(refusal(() => rollback({ ...now, deployments: [] })).code).toBe('nothing-to-roll-back-to');
  });

  test('that gets a release of another strategy takes the side for it out of service first', () => {
    const plan = deployPlan(whole(), release(2, { ...input(), strategy: { kind: 'blue-green' } }));
    expect(shown(plan.steps).slice(0, 4)).toEqual([
      ...['ship green', 'withdraw green', 'drain green', 'prepare green 1>1'],
    ]);
    expect(plan.notes.join()).toContain('from now on one of them serves');
  });
});
