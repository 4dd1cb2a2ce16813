import { expect, test } from 'bun:test';
import { Random } from '../../testing/load/random.ts';
import {
  frameOf,
  good,
  noFigures,
  sameMinutes,
  Traffic,
  usual,
  watch,
  type Release,
} from '../../testing/simulated-releases.ts';
import { AnalysisRules } from '../spec/analysis.ts';
import type { Figure } from './frame.ts';
import { begun, looked } from './judge.ts';
import { outcomeOf } from './outcome.ts';

const rulesOf = (rules: object): AnalysisRules => AnalysisRules.parse(rules);
const defaults = rulesOf({});

test('an unchanged release is kept, in a canary and in a bake: no false alarm in 100 runs each', () => {
  for (const before of [undefined, 5000]) {
    const alarms = Array.from({ length: 100 }, (_, seed) =>
      watch(seed + 1, defaults, good, before === undefined ? [45, 5] : [0, 50], 60, before),
    ).filter(({ outcome }) => outcome !== 'go-on');
    // Alpha is for a release at the very edge of what is tolerated; an unchanged one is far from it.
    expect(alarms).toEqual([]);
  }
}, 60_000);

test('with nothing tolerated and many requests, false alarms keep to alpha', () => {
  const strict = rulesOf({
    alpha: '5%',
    measures: ['failures', 'errors-5xx', 'latency-p50', 'latency-p99', 'latency'].map((of) => ({
      of,
      compare: { worseBy: 0, margin: 0 },
    })),
  });
  const failing: Release = { ...good, fails: () => 0.02 };
  let alarms = 0;
  const runs = 150;
  for (let seed = 1; seed <= runs; seed++) {
    const random = new Random(seed);
    const traffic = new Traffic(random);
    const frame = frameOf(strict, sameMinutes);
    let state = begun(frame, 0, traffic.counters);
    for (let look = 1; look <= 60; look++) {
      const counters = traffic.pass(1000, [100, failing], [100, failing]);
      state = looked(state, frame, { at: counters.at, counters, figures: noFigures });
    }
    if (outcomeOf(state, strict, 0).act === 'roll-back') alarms++;
  }
  expect(alarms / runs).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs));
});

const badReleases: readonly (readonly [string, Release, readonly string[], number])[] = [
  ['that fails one request in fifty', { ...good, fails: () => 0.02 }, ['errors-5xx'], 1500],
  [
    'that is worse only at p99',
    { tookMs: (random) => (random.next() < 0.03 ? 400 : usual(20)(random)) },
    ['latency-p99'],
    6000,
  ],
  [
    'whose latency grows',
    { tookMs: (random, at) => usual(20)(random) + at / 100 },
    ['latency-p50', 'latency-p99'],
    5000,
  ],
  ['that is twice as slow', { tookMs: usual(40) }, ['latency-p50', 'latency-p99'], 3000],
  [
    'that fails after its first thousand requests',
    { ...good, fails: (at) => (at > 1000 ? 0.05 : 0) },
    ['errors-5xx'],
    2500,
  ],
];
for (const [name, release, because, within] of badReleases)
  for (const [where, share, before] of [
    ['canary of half the traffic', [50, 50], undefined],
    ['bake', [0, 100], 6000],
  ] as const)
    test(`a release ${name} is taken back in a ${where}`, () => {
      for (let seed = 1; seed <= 20; seed++) {
        const found = watch(seed, defaults, release, [...share], 300, before);
        expect(found.outcome).toBe('roll-back');
        expect(because).toContain(found.because!);
        expect(found.requests).toBeLessThan(within);
      }
    });

test('with little traffic nothing is decided by chance: the first failures of a few requests are waited out', () => {
  const found = watch(1, defaults, { ...good, fails: (at) => (at === 0 ? 1 : 0) }, [1, 1], 30);
  expect(found.outcome).toBe('go-on');
  expect(found.state.measures.map(({ judgement }) => judgement)).toEqual([
    'waiting',
    'waiting',
    'waiting',
    'waiting',
  ]);
  expect(found.state.measures[0]!.says).toContain('30 of 100 requests');
  expect(watch(1, rulesOf({ inconclusive: 'wait' }), good, [1, 1], 30).outcome).toBe('wait');
  expect(watch(1, rulesOf({ inconclusive: 'roll-back' }), good, [1, 1], 30).outcome).toBe('roll-back');
});

test('a limit is judged as soon as there are enough requests, and as often in a row as is asked', () => {
  const limit = (failAfter: number) =>
    rulesOf({ leastRequests: 50, measures: [{ of: 'errors', limit: { max: '5%' }, failAfter }] });
  const failing: Release = { ...good, fails: () => 0.3 };
  expect(watch(1, limit(1), failing, [0, 25], 20).requests).toBe(50);
  expect(watch(1, limit(3), failing, [0, 25], 20).requests).toBe(150);
  expect(watch(1, limit(1), good, [0, 25], 20).outcome).toBe('go-on');
  const slow = rulesOf({ measures: [{ of: 'latency-p95', limit: { max: '90ms' } }] });
  expect(watch(1, slow, { tookMs: usual(40) }, [0, 100], 20)).toMatchObject({
    outcome: 'roll-back',
    because: 'latency-p95',
  });
  expect(watch(1, slow, good, [0, 100], 20).outcome).toBe('go-on');
});

test('a machine that stalls for two seconds, all of its requests slow at once, is no worse release', () => {
  const stalls: Release = { tookMs: (random, at) => (at >= 1000 && at < 1200 ? 1500 : usual(20)(random)) };
  for (const before of [undefined, 6000])
    for (let seed = 1; seed <= 20; seed++)
      expect(
        watch(seed, defaults, stalls, before === undefined ? [100, 100] : [0, 100], 60, before).outcome,
      ).toBe('go-on');
  // Seconds that come again and again are its doing.
  const stutters: Release = { tookMs: (random, at) => (at % 500 < 100 ? 1500 : usual(20)(random)) };
  expect(watch(1, defaults, stutters, [100, 100], 60).outcome).toBe('roll-back');
});

test('the ranks of all latencies tell a release that is half as slow again from one that is unchanged', () => {
  const rules = rulesOf({ measures: [{ of: 'latency', compare: { worseBy: '10%', margin: 0 } }] });
  expect(watch(3, rules, { tookMs: usual(30) }, [100, 100], 60).outcome).toBe('roll-back');
  expect(watch(3, rules, good, [100, 100], 60).outcome).toBe('go-on');
  expect(watch(3, rules, { tookMs: usual(30) }, [0, 100], 60, 3000).outcome).toBe('roll-back');
});

test('what is counted while a proxy was restarted goes on from nothing, and is not counted twice', () => {
  const frame = frameOf(defaults, sameMinutes);
  const traffic = new Traffic(new Random(1));
  let state = begun(frame, 0, traffic.counters);
  const look = (): void => {
    const { counters } = traffic;
    state = looked(state, frame, { at: counters.at, counters, figures: noFigures });
  };
  traffic.pass(1000, [100, good], [100, good]);
  look();
  traffic.restart();
  traffic.pass(1000, [40, good], [30, good]);
  look();
  look();
  expect(state.fresh.status['2xx']).toBe(130);
  expect(state.against.status['2xx']).toBe(140);
  expect(state.measures[0]!.samples).toBe(130);
});

test('latencies count from when the new side has had time to settle, failures at once', () => {
  const frame = { ...frameOf(defaults, sameMinutes), settleMs: 5000 };
  const traffic = new Traffic(new Random(1));
  let state = begun(frame, 0, traffic.counters);
  const cold: Release = { tookMs: usual(500) };
  for (let second = 1; second <= 20; second++) {
    const counters = traffic.pass(1000, [100, good], [100, second <= 5 ? cold : good]);
    state = looked(state, frame, { at: counters.at, counters, figures: noFigures });
  }
  expect(outcomeOf(state, defaults, 0).act).toBe('go-on');
  expect(state.measures.map(({ samples }) => samples)).toEqual([2000, 2000, 1500, 1500]);
});

test('without another side a comparison does not count, and a limit does', () => {
  const rules = rulesOf({ measures: [{ of: 'failures' }, { of: 'errors', limit: { max: '5%' } }] });
  const frame = frameOf(rules, null);
  const traffic = new Traffic(new Random(1));
  const seen = traffic.counters;
  const counters = traffic.pass(1000, [0, good], [200, { ...good, fails: () => 0.5 }]);
  const state = looked(begun(frame, 0, seen), frame, { at: 1000, counters, figures: noFigures });
  expect(state.measures.map(({ judgement }) => judgement)).toEqual(['none', 'bad']);
});

test('numbers of a moment are judged at each look', () => {
  const rules = rulesOf({
    measures: [
      { of: 'in-flight', limit: { max: 10 } },
      { of: 'saturation', limit: { max: '80%' }, failAfter: 2 },
      { of: 'ejected', limit: { max: 0 } },
      { of: 'queued', limit: { max: 5 } },
    ],
  });
  const frame = { ...frameOf(rules, sameMinutes), slots: 10 };
  const { counters } = new Traffic(new Random(1));
  const now = { ...counters, queued: 6, green: { ...counters.green, inFlight: 9, ejected: 0 } };
  const once = looked(begun(frame, 0, counters), frame, { at: 1, counters: now, figures: noFigures });
  expect(once.measures.map(({ judgement }) => judgement)).toEqual(['good', 'good', 'good', 'bad']);
  const twice = looked(once, frame, {
    at: 2,
    counters: { ...now, green: { ...now.green, ejected: 1 } },
    figures: noFigures,
  });
  expect(twice.measures.map(({ judgement }) => judgement)).toEqual(['good', 'bad', 'bad', 'bad']);
  expect(twice.measures[1]!.says).toBe('90%, at most 80% allowed (breach 2 of 2 in a row)');
});

const ask = { prometheus: { url: 'http://p:9090', query: 'up' } };
const figure = (value: Figure): ReadonlyMap<string, Figure> => new Map([['prometheus', value]]);

test('a source of figures is judged by each answer; one that does not answer is waited for and then fails', () => {
  const rules = rulesOf({ measures: [{ ...ask, limit: { max: 5 }, failAfter: 2 }], waitAtMost: '10s' });
  const frame = frameOf(rules, sameMinutes);
  let state = begun(frame, 0, null);
  const says = (value: Figure | null): string => {
    state = looked(state, frame, { at: 0, counters: null, figures: value ? figure(value) : noFigures });
    return state.measures[0]!.judgement;
  };
  expect(outcomeOf(state, rules, 0).act).toBe('wait');
  expect(says({ kind: 'number', fresh: 4, against: null })).toBe('good');
  expect(says(null)).toBe('good');
  expect(outcomeOf(state, rules, 0).act).toBe('go-on');
  expect(says({ kind: 'away', why: 'refused' })).toBe('waiting');
  expect(outcomeOf(state, rules, 1).act).toBe('wait');
  expect(outcomeOf(state, rules, -9999).act).toBe('wait');
  expect(outcomeOf(state, rules, -10_000)).toMatchObject({ act: 'roll-back', waitedMs: 10_000 });
  expect(says({ kind: 'number', fresh: 6, against: null })).toBe('good');
  expect(says({ kind: 'number', fresh: 6, against: null })).toBe('bad');
});

test('figures of both sides are compared by their signs: a source that is noise raises no alarm, one that is worse does', () => {
  const rules = rulesOf({ measures: [{ ...ask, compare: { worseBy: '0%' } }] });
  const frame = frameOf(rules, sameMinutes);
  const run = (worse: (random: Random) => number, seed: number): number => {
    const random = new Random(seed);
    let state = begun(frame, 0, null);
    for (let look = 1; look <= 200; look++) {
      const figures = figure({ kind: 'number', fresh: worse(random), against: random.next() });
      state = looked(state, frame, { at: look, counters: null, figures });
      if (state.measures[0]!.judgement === 'bad') return look;
    }
    return Infinity;
  };
  const alarms = Array.from({ length: 300 }, (_, seed) => run((random) => random.next(), seed)).filter(
    Number.isFinite,
  );
  expect(alarms.length / 300).toBeLessThan(0.01 + 3 * Math.sqrt((0.01 * 0.99) / 300));
  expect(run((random) => 0.5 + random.next(), 1)).toBeLessThan(60);
});
