import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import type { DeploymentView } from '../../src/server/api.ts';
import { House, until } from './house.ts';

setDefaultTimeout(120_000);

const moods = join(import.meta.dir, '..', 'fixtures', 'moods');

let house: House;
let load: SteadyLoad;
beforeAll(async () => {
  house = await House.open({ workers: 1 });
});
afterAll(async () => {
  await load.stop();
  await house.close();
});

/** So many requests a second, whatever the answers do; who answered how. */
class SteadyLoad {
  /** Answers by mood and status. */
  readonly answers = new Map<string, number>();
  readonly #timer: Timer;
  readonly #open = new Set<Promise<void>>();

  constructor(url: string, perSecond: number) {
    const tickMs = 20;
    this.#timer = setInterval(() => {
      for (let each = 0; each < (perSecond * tickMs) / 1000; each++) {
        const asked = this.#ask(url).finally(() => this.#open.delete(asked));
        this.#open.add(asked);
      }
    }, tickMs);
  }

  async #ask(url: string): Promise<void> {
    const key = await fetch(url)
      .then(async (response) => {
        await response.arrayBuffer();
        return `${response.headers.get('x-mood')} ${response.status}`;
      })
      .catch((error: unknown) => `failed ${String(error)}`);
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
  }

  count(mood: string): { all: number; bad: number } {
    const of = [...this.answers].filter(([key]) => key.startsWith(`${mood} `));
    const sum = (list: [string, number][]): number => list.reduce((all, [, n]) => all + n, 0);
    return { all: sum(of), bad: sum(of.filter(([key]) => !key.endsWith(' 200'))) };
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }
}

const inMood =
  (mood: string, bake = '25s', analysis: SpecInput['analysis'] = { settle: '2s' }) =>
  (spec: SpecInput): SpecInput => {
    const { checks: _checks, ...rest } = spec;
    return {
      ...rest,
      environments: { ...spec.environments, variables: { MOOD: mood } },
      strategy: { ...spec.strategy, bake },
      ...(analysis === undefined ? {} : { analysis }),
    };
  };

/** A release that is fine goes live, and enough is known of it. */
async function known(): Promise<void> {
  const before = load.count('fine').all;
  await until(
    'a thousand requests',
    () => (load.count('fine').all > before + 1200 ? true : undefined),
    60_000,
  );
}

const bakeOf = (view: DeploymentView) => view.steps.find(({ kind }) => kind === 'bake')!;

test('the first release has nothing to be compared with, and is kept', async () => {
  const view = await house.deployed(moods, inMood('fine', '1s'));
  expect(view.status).toBe('succeeded');
  expect(bakeOf(view).measures?.map(({ judgement }) => judgement)).toEqual(['none', 'none', 'none', 'none']);
  load = new SteadyLoad(`http://127.0.0.1:${house.listen.port}/`, 200);
});

for (const [mood, because] of [
  ['fails', /found that errors-5xx is bad \(/],
  ['tail', /found that latency-p99 is bad \(/],
  ['grows', /found that latency-p(50|99) is bad \(/],
  ['strained', /found that errors-5xx is bad \(/],
] as const) {
  test(`a release that is ${mood} is taken back while it is watched, and after few bad answers`, async () => {
    await known();
    const view = await house.deployed(moods, inMood(mood));
    expect(view).toMatchObject({ status: 'undone', failure: { code: 'bake-failed' } });
    expect(view.failure!.message).toMatch(because);
    const { all, bad } = load.count(mood);
    expect(all).toBeGreaterThan(0);
    expect(bad).toBeLessThan(mood === 'strained' ? 400 : 60);
    // Traffic is back, and nothing was lost on the way.
    await until('the release before answers', async () =>
      (await fetch(`http://127.0.0.1:${house.listen.port}/`)).headers.get('x-mood') === 'fine'
        ? true
        : undefined,
    );
    expect([...load.answers.keys()].filter((key) => key.startsWith('failed'))).toEqual([]);
    expect(view.receipt?.analysis?.[0]?.measures.some(({ judgement }) => judgement === 'bad')).toBe(true);
  });
}

for (const [mood, because] of [
  ['fails', /found that errors-5xx is bad \(/],
  ['tail', /found that latency-p99 is bad \(/],
  ['grows', /found that latency-p(50|99) is bad \(/],
] as const) {
  test(`a release that is ${mood} is taken back in a canary of a third, by the other side in the same minutes`, async () => {
    const before = load.count(mood);
    const view = await house.deployed(moods, (spec) => {
      const { strategy, ...rest } = inMood(mood)(spec);
      return { ...rest, strategy: { ...strategy, kind: 'canary', weights: [33], hold: '40s', bake: '5s' } };
    });
    expect(view).toMatchObject({ status: 'undone', failure: { code: 'canary-failed' } });
    expect(view.failure!.message).toMatch(because);
    expect(view.failure!.message).not.toContain('before the switch');
    expect(load.count(mood).bad - before.bad).toBeLessThan(60);
    expect(view.steps.find(({ kind }) => kind === 'switch')?.status).toBe('pending');
  });
}

test('an unchanged release is kept, and the receipt says by what', async () => {
  await known();
  // What else goes on on this machine is no other release's: before and after the switch are not the same minutes.
  const compare = { margin: '100ms' };
  const measures = [
    { of: 'failures' as const },
    { of: 'errors-5xx' as const },
    { of: 'latency-p50' as const, compare },
    { of: 'latency-p99' as const, compare },
  ];
  const view = await house.deployed(moods, inMood('fine', '12s', { settle: '2s', measures }));
  expect(view.failure).toBeNull();
  expect(view.status).toBe('succeeded');
  expect(bakeOf(view).measures?.map(({ name, judgement }) => [name, judgement])).toEqual([
    ['failures', 'good'],
    ['errors-5xx', 'good'],
    ['latency-p50', 'good'],
    ['latency-p99', 'good'],
  ]);
  expect(view.receipt?.analysis).toMatchObject([{ step: 'bake', colour: 'green', alpha: 0.0025 }]);
});

test('a controller that dies while it watches goes on with what it knew', async () => {
  await known();
  const { id } = await house.deploy(
    moods,
    inMood('fails', '1m', { leastRequests: 1500, measures: [{ of: 'errors-5xx', limit: { max: '1%' } }] }),
  );
  await until('it watches', async () => {
    const { measures } = bakeOf(await house.deployment(id));
    return measures?.[0] && measures[0].samples > 200 ? true : undefined;
  });
  const before = await house.counters();
  await house.kill();
  await house.start({ workers: 1 });
  const view = await house.settled(id);
  expect(view).toMatchObject({ status: 'undone', failure: { code: 'bake-failed' } });
  const found = bakeOf(view).measures![0]!;
  expect(found.samples).toBeGreaterThanOrEqual(1500);
  // A controller that had forgotten would have waited for 1,500 requests more.
  const colour = view.receipt!.analysis![0]!.colour;
  expect(found.samples).toBeLessThan(1500 + before[colour].requests);
});
