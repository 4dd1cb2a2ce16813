import { expect, test } from 'bun:test';
import fc from 'fast-check';
import type { ServiceEvent } from '../event.ts';
import { hopeless, rollingLimits } from '../rolling-limits.ts';
import { fold, newService, type Service } from '../service.ts';
import { Spec } from '../spec.ts';
import type { PlannedStep } from '../plan.ts';
import { deployPlan } from './index.ts';
import { rollMoves } from './rolling.ts';

const specOf = (instances: number, strategy: object) => ({
  service: 'shop',
  router: { listen: '127.0.0.1:8080' },
  environments: { layers: { web: { command: ['./web'], instances } } },
  strategy: { kind: 'rolling', ...strategy },
});

/** A service with release 1 live on blue, by so many instances, and release 2 asked for. */
function served(old: number, wanted: number, strategy: object): Service {
  const host = '127.0.10.1';
  const placement = {
    instances: Array.from({ length: old }, (_, index) => ({
      layer: 'web',
      index,
      address: { host, port: 9000 + index },
    })),
  };
  const release = (number: number, spec: Record<string, unknown>): ServiceEvent => ({
    type: 'release-created',
    ...{ number, version: `v${number}`, source: { kind: 'directory', path: '/' }, base: '/', by: 'test' },
    spec,
  });
  const first: ServiceEvent[] = [
    release(1, specOf(old, { kind: 'blue-green' })),
    {
      type: 'deployment-started',
      deployment: 1,
      by: 'test',
      plan: {
        ...{ kind: 'deploy', strategy: 'blue-green', release: 1, later: [], notes: [] },
        steps: [{ kind: 'ship', colour: 'blue', release: 1 }],
      },
    },
    { type: 'release-shipped', release: 1, digest: 'a' },
    { type: 'environment-prepared', colour: 'blue', release: 1, placement },
    { type: 'environment-started', colour: 'blue', release: 1 },
    { type: 'environment-healthy', colour: 'blue', release: 1 },
    { type: 'route-ordered', deployment: 1, epoch: 1, live: 'blue' },
    {
      ...{ type: 'traffic-switched', deployment: 1, epoch: 1, from: null, to: 'blue' },
      ...{ switchMs: 1, holdMs: 0, held: 0 },
    },
    { type: 'step-started', deployment: 1, step: 0 },
    { type: 'step-done', deployment: 1, step: 0, says: '' },
    { type: 'deployment-ended', deployment: 1, outcome: 'succeeded' },
    release(2, specOf(wanted, strategy)),
  ];
  return first.reduce<Service>(
    (state, event) => fold(state, { version: state.version + 1, at: 0, event }),
    newService('shop'),
  );
}

const planOf = (old: number, wanted: number, strategy: object) => {
  const service = served(old, wanted, strategy);
  const release = service.releases[1] ?? expect.unreachable();
  return deployPlan(service, release);
};

const count = fc.integer({ min: 1, max: 12 });
const limit = fc.oneof(
  fc.nat(6),
  fc.nat(100).map((share) => `${share}%`),
);
const cases = fc
  .record({ old: count, wanted: count, surge: limit, unavailable: limit })
  .filter(({ wanted, ...limits }) => hopeless(rollingLimits(limits, wanted)) === null);

test('at no point of a roll run more instances, or serve fewer, than the limits allow', () => {
  fc.assert(
    fc.property(cases, ({ old, wanted, ...given }) => {
      const limits = rollingLimits(given, wanted);
      // What was so before is not the roll's doing; it only comes nearer.
      const most = Math.max(old, wanted + limits.surge);
      const least = Math.min(old, wanted - limits.unavailable);
      let before = { old, fresh: 0 };
      for (const { act, after } of rollMoves(old, limits)) {
        const moved = act === 'join' ? after.fresh - before.fresh : before.old - after.old;
        expect(moved).toBeGreaterThan(0);
        expect(act === 'join' ? after.old : after.fresh).toBe(act === 'join' ? before.old : before.fresh);
        expect(after.old + after.fresh).toBeLessThanOrEqual(most);
        expect(after.old + after.fresh).toBeGreaterThanOrEqual(least);
        before = after;
      }
      expect(before.fresh).toBe(wanted);
    }),
  );
});

/** What runs and serves after each step of a plan, also when it is cut off anywhere and taken back, newest first. */
function* states(steps: readonly PlannedStep[], old: number, all: number) {
  const state = { run: { blue: old, green: 0 }, serve: { blue: old, green: 0 }, live: 'blue' };
  const at = (why: string) => ({ why, run: { ...state.run }, serve: { ...state.serve } });
  const forth = (step: PlannedStep): void => {
    if (step.kind === 'start') state.run.green = step.only ?? all;
    if (step.kind === 'join') state.run.green = step.after.green;
    if (step.kind === 'join') state.serve = { ...step.after };
    if (step.kind === 'leave') state.run.blue = step.after.blue;
    if (step.kind === 'leave') state.serve = { ...step.after };
    if (step.kind === 'switch') state.serve = { blue: 0, green: step.instances?.after.green ?? all };
  };
  const back = (step: PlannedStep): void => {
    if (step.kind === 'start') state.run.green = 0;
    if (step.kind === 'join') state.serve = { ...step.before };
    if (step.kind === 'join') state.run.green = step.before.green;
    if (step.kind === 'leave') state.run.blue = step.before.blue;
    if (step.kind === 'leave' && step.after.blue > 0) state.serve = { ...step.before };
    if (step.kind === 'switch')
      state.serve = { ...(step.instances?.before ?? { blue: state.run.blue, green: 0 }) };
  };
  for (let cut = 0; cut <= steps.length; cut++) {
    Object.assign(state, { run: { blue: old, green: 0 }, serve: { blue: old, green: 0 } });
    for (const step of steps.slice(0, cut)) {
      forth(step);
      yield at(`forth ${step.kind}`);
    }
    for (const step of steps.slice(0, cut).toReversed()) {
      back(step);
      yield at(`back ${step.kind}`);
    }
    expect(state).toMatchObject({ run: { blue: old, green: 0 }, serve: { blue: old, green: 0 } });
  }
}

test('nor at any point of a plan, wherever it is cut off and taken back', () => {
  fc.assert(
    fc.property(cases, ({ old, wanted, ...given }) => {
      const { steps } = planOf(old, wanted, given);
      const limits = rollingLimits(given, wanted);
      const most = Math.max(old, wanted + limits.surge);
      const least = Math.min(old, wanted - limits.unavailable);
      for (const { why, run, serve } of states(steps, old, wanted)) {
        const found = `${why} ${JSON.stringify({ run, serve })}`;
        expect([found, run.blue + run.green <= most]).toEqual([found, true]);
        expect([found, serve.blue + serve.green >= least]).toEqual([found, true]);
        // Nobody gets a request who does not run.
        expect([found, serve.blue <= run.blue || serve.blue === 0, serve.green <= run.green]).toEqual([
          found,
          true,
          true,
        ]);
      }
      const kinds = steps.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'switch')).toEqual(['switch']);
      // What was never verified gets nothing.
      const first = kinds.findIndex((kind) => kind === 'join' || kind === 'switch');
      expect(first).toBeGreaterThan(kinds.indexOf('verify'));
    }),
    { numRuns: 60 },
  );
});

test('one more at a time: each new instance comes before an old one goes', () => {
  const { steps, notes } = planOf(3, 3, { surge: 1 });
  expect(
    steps.map((step) =>
      step.kind === 'join' || step.kind === 'leave'
        ? `${step.kind} ${step.after.blue}+${step.after.green}`
        : step.kind,
    ),
  ).toEqual([
    ...['ship', 'prepare', 'start', 'health', 'verify'],
    ...['join 3+1', 'leave 2+1', 'join 2+2', 'leave 1+2', 'join 1+3'],
    ...['switch', 'drain', 'bake', 'keep'],
  ]);
  expect(steps.at(-1)).toMatchObject({ kind: 'keep', forMs: 0 });
  expect(notes).toContain('web: at most 4 run, and at least 3 serve, both releases together');
});

test('where there is no spare place an old instance goes first', () => {
  const { steps } = planOf(2, 2, { surge: 0, unavailable: 1 });
  expect(
    steps.map((step) =>
      step.kind === 'join' || step.kind === 'leave'
        ? `${step.kind} ${step.after.blue}+${step.after.green}`
        : step.kind,
    ),
  ).toEqual([
    ...['ship', 'prepare', 'leave 1+0', 'start', 'health', 'verify', 'join 1+1'],
    ...['switch', 'drain', 'leave 0+1', 'join 0+2', 'bake', 'keep'],
  ]);
});

test('a surge that has room for all is blue/green, and keeps the way back hot', () => {
  const { steps } = planOf(3, 3, { surge: '100%' });
  expect(steps.map(({ kind }): string => kind)).toEqual([
    ...['ship', 'prepare', 'start', 'health', 'verify', 'switch', 'drain', 'bake', 'keep'],
  ]);
  expect(steps.at(-1)).toMatchObject({ kind: 'keep', forMs: 3_600_000 });
});

test('limits by which nothing could be renewed, or nobody would serve, are refused with the reason', () => {
  const problems = (instances: number, strategy: object): readonly string[] =>
    Spec.safeParse(specOf(instances, strategy)).error?.issues.map(
      ({ path, message }) => `${path.join('.')}: ${message}`,
    ) ?? [];
  expect(problems(3, { surge: 0 })).toEqual([
    'strategy.surge: expected surge or unavailable to be at least 1 of 3 instances, found both 0: no instance could be renewed',
  ]);
  // A third of two, counted down, is none.
  expect(problems(2, { surge: '0%', unavailable: '33%' })[0]).toStartWith('strategy.surge: ');
  expect(problems(1, { surge: 0, unavailable: 1 })).toEqual([
    'strategy.unavailable: expected unavailable to leave one of 1 instance in service, found 1: nobody would get the traffic',
  ]);
  expect(problems(4, { surge: '101%' })[0]).toContain(
    'expected a number of instances such as 1, or a share of them such as 25%',
  );
  expect(problems(4, {})).toEqual([]);
  expect(problems(4, { kind: 'blue-green', surge: 1 })[0]).toBe(
    'strategy.surge: expected no surge with kind blue-green: it is for rolling',
  );
});
