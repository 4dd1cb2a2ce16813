import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import { HaproxyFixture } from '../fixtures/haproxy.ts';
import { House, shop, until } from './house.ts';

setDefaultTimeout(120_000);
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const absent = HaproxyFixture.absent();

async function opened(): Promise<House> {
  const house = await House.open({ workers: 2 });
  ends.push(() => house.close());
  return house;
}

const rolling =
  (strategy: object, more: { router?: object; command?: string[] } = {}) =>
  (spec: SpecInput): SpecInput => {
    const { web } = spec.environments.layers;
    if (!web) throw new Error('the shop has a layer web');
    const command = more.command ?? web.command;
    return {
      ...spec,
      router: { ...spec.router, ...more.router },
      environments: { layers: { web: { ...web, command, instances: 3 } } },
      strategy: { drain: '5s', bake: '0', kind: 'rolling', ...strategy } as NonNullable<
        SpecInput['strategy']
      >,
    };
  };

/** Requests that end, each by itself. */
const mix = { 'keep-alive': 6, close: 2, order: 2, stream: 1 };
const loadOf = (house: House, seed: number) =>
  spawnLoad({ target: house.listen, connections: 12, seed, mix });

test('rolls under load lose nothing, up and down and back, also when the controller is killed between any two steps', async () => {
  const house = await opened();
  const up = rolling({ surge: 1 });
  expect((await house.deployed(shop(1), up)).status).toBe('succeeded');
  const load = loadOf(house, 1);

  const { id } = await house.deploy(shop(2), up);
  for (const [kind, which] of [
    ['leave', 0],
    ['join', 1],
  ] as const) {
    await until(`${kind} begins`, async () => {
      const steps = (await house.deployment(id)).steps.filter((step) => step.kind === kind);
      return steps[which] && steps[which].status !== 'pending' ? true : undefined;
    });
    await house.kill();
    await house.start();
  }
  const first = await house.settled(id);
  expect(first).toMatchObject({ status: 'succeeded', failure: null });
  const moves = first.steps.filter(({ kind }) => kind === 'join' || kind === 'leave');
  expect(moves.map(({ kind }): string => kind)).toEqual(['join', 'leave', 'join', 'leave', 'join']);
  const idle = (colour: 'blue' | 'green') =>
    until(`${colour} is idle`, async () => {
      const { environments, deployment } = await house.service();
      const over = deployment?.status !== 'running';
      return over && environments[colour].release === null ? true : undefined;
    });
  await idle('blue');
  expect((await house.service()).environments.green.inService).toEqual({ serving: 3, of: 3 });

  // The way back is a roll too.
  const { deployment, to } = await house.rollback();
  expect(to).toBe('blue');
  expect(await house.settled(deployment)).toMatchObject({ status: 'succeeded', kind: 'rollback' });
  await idle('green');

  expect((await house.deployed(shop(2), rolling({ surge: 0, unavailable: 1 }))).status).toBe('succeeded');
  const { requests, failed, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(failed).toBe(0);
  expect(requests).toBeGreaterThan(1000);
});

test('an instance that does not start in the middle of a roll takes all of it back, and nothing is lost', async () => {
  const house = await opened();
  expect((await house.deployed(shop(1), rolling({ surge: 1 }))).status).toBe('succeeded');
  const load = loadOf(house, 2);
  // The first of them starts, and no other.
  const script = `mkdir "$0" 2>/dev/null && exec node server.js; exit 3`;
  const command = ['sh', '-c', script, join(house.home, 'taken')];
  const ended = await house.deployed(shop(2), rolling({ surge: 1 }, { command }));
  expect(ended).toMatchObject({ status: 'undone', failure: { code: 'crashed-at-start' } });
  expect(ended.steps.find(({ kind }) => kind === 'leave')?.status).toBe('undone');
  const { live, environments, weights } = await house.service();
  expect(live).toBe('blue');
  expect(weights).toBeNull();
  expect(environments.blue.instances.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
  expect(environments.blue.inService).toEqual({ serving: 3, of: 3 });
  const { requests, failed, failures, byEnvironment } = await load.stop();
  expect(failures).toEqual([]);
  expect(failed).toBe(0);
  expect(requests).toBeGreaterThan(200);
  // It had its part for a while.
  expect(Object.keys(byEnvironment).sort()).toEqual(['blue', 'green']);
});

test.skipIf(absent !== null)(
  `a roll behind HAProxy loses nothing, and neither does one that goes back (${absent ?? 'installed'})`,
  async () => {
    const haproxy = await HaproxyFixture.start();
    ends.push(() => haproxy.close());
    const house = await opened();
    const router = { driver: 'haproxy', haproxy: haproxy.settings };
    expect((await house.deployed(shop(1), rolling({ surge: 1 }, { router }))).status).toBe('succeeded');
    const load = loadOf(house, 3);
    expect(await house.deployed(shop(2), rolling({ surge: 1 }, { router }))).toMatchObject({
      status: 'succeeded',
      failure: null,
    });
    const script = `mkdir "$0" 2>/dev/null && exec node server.js; exit 3`;
    const command = ['sh', '-c', script, join(house.home, 'taken')];
    await until('blue is idle', async () =>
      (await house.service()).environments.blue.release === null ? true : undefined,
    );
    await until('nothing is under way', async () =>
      (await house.service()).deployment?.status === 'succeeded' ? true : undefined,
    );
    expect(await house.deployed(shop(1), rolling({ surge: 1 }, { router, command }))).toMatchObject({
      status: 'undone',
    });
    const { requests, failed, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(500);
  },
);
