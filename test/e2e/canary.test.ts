import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import type { IntervenedView } from '../../src/server/api.ts';
import { startLoad } from '../../src/testing/load/load.ts';
import { House, shop, until } from './house.ts';

setDefaultTimeout(120_000);

let house: House;
beforeAll(async () => {
  house = await House.open();
  expect((await house.deployed(shop(1))).status).toBe('succeeded');
});
afterAll(async () => {
  await house.close();
});

const canary =
  (strategy: object, more: Partial<SpecInput> = {}, router: object = {}) =>
  (spec: SpecInput): SpecInput => ({
    ...spec,
    ...more,
    router: { ...spec.router, ...router },
    strategy: { ...spec.strategy, kind: 'canary', ...strategy } as NonNullable<SpecInput['strategy']>,
  });

const say = (word: string, body: object = {}): Promise<IntervenedView> =>
  house.ask('POST', `/v1/services/shop/${word}`, { by: 'ann', ...body });

/** Resolves when a step of this kind is under way. */
const untilIn = (kind: string, which = 0): Promise<true> =>
  until(`the deployment is in ${kind}`, async () => {
    const { deployment } = await house.service();
    const steps = deployment?.steps.filter((step) => step.kind === kind) ?? [];
    return steps[which]?.status === 'running' || undefined;
  });

/** Which release answers a request, and the cookie that it sets. */
async function ask(
  headers: Record<string, string> = {},
): Promise<{ release: string | null; cookie: string }> {
  const response = await fetch(`http://127.0.0.1:${house.listen.port}/`, { headers });
  await response.arrayBuffer();
  const cookie = (response.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  return { release: response.headers.get('x-shop-release'), cookie };
}

describe('a canary under load', () => {
  test('divides requests as it says, survives kill -9 of the controller, and an abort at 25 % loses nothing', async () => {
    const live = (await house.service()).live;
    const coming = live === 'blue' ? 'green' : 'blue';
    const load = startLoad({ target: house.listen, connections: 16, seed: 1 });
    const { id } = await house.deploy(shop(2), canary({ weights: [5, 25] }));
    for (const [which, weight] of [5, 25].entries()) {
      await untilIn('hold', which);
      const from = await house.counters();
      await house.kill();
      await house.start();
      const share = await until('thousands of requests', async () => {
        const to = await house.counters();
        const [all, own] = [
          to.blue.requests + to.green.requests - from.blue.requests - from.green.requests,
          to[coming].requests - from[coming].requests,
        ];
        return all > 4000 ? own / all : undefined;
      });
      expect(Math.abs(share - weight / 100)).toBeLessThan(0.02);
      await untilIn('hold', which);
      const { weights } = await house.service();
      expect(weights?.[coming]).toBe(weight);
      if (weight === 5) expect((await say('resume')).changed).toBe(true);
    }
    await house.abort();
    const ended = await house.settled(id);
    expect(ended.status).toBe('undone');
    expect(ended.receipt?.canary?.map(({ weight }) => weight)).toEqual([5, 25, 0]);
    const mark = load.mark();
    await until('requests were answered', () => (load.begunAfter(mark).requests > 200 ? true : undefined));
    expect(load.begunAfter(mark).byEnvironment).not.toHaveProperty(coming);
    const { failed, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
    expect((await house.service()).live).toBe(live);
  });

  test('keeps a client on its side by its cookie, and lets it choose by a header', async () => {
    const before = (await ask()).release;
    const steered = { sticky: { by: 'cookie', scope: 'environment' }, sideHeader: 'X-Environment' };
    const { id } = await house.deploy(shop(2), canary({ weights: [50], hold: true }, {}, steered));
    await untilIn('hold');
    const seen = new Set<string | null>();
    for (let client = 0; client < 24; client++) {
      const first = await ask();
      seen.add(first.release);
      expect(first.cookie).not.toBe('');
      for (let again = 0; again < 4; again++)
        expect((await ask({ cookie: first.cookie })).release).toBe(first.release);
    }
    expect(seen.size).toBe(2);
    const { live } = await house.service();
    for (const side of ['blue', 'green'])
      for (let again = 0; again < 5; again++)
        expect((await ask({ 'x-environment': side })).release === before).toBe(side === live);
    await say('promote');
    expect((await house.settled(id)).status).toBe('succeeded');
    expect((await ask()).release).not.toBe(before);
  });

  test('waits at a gate over kill -9 of the controller, and goes on when it is opened', async () => {
    const before = (await ask()).release;
    const { id } = await house.deploy(shop(1), (spec) => ({
      ...spec,
      gates: [{ name: 'a person', approval: { by: ['ann'] } }],
    }));
    await untilIn('gate');
    await house.kill();
    expect((await ask()).release).toBe(before);
    await house.start();
    await untilIn('gate');
    const waiting = (await house.service()).deployment?.steps.find(({ kind }) => kind === 'gate');
    expect(waiting?.describe).toBe('waiting for approval: cutover approve shop --gate 1 --by ann');
    expect((await say('approve')).changed).toBe(true);
    const ended = await house.settled(id);
    expect(ended.status).toBe('succeeded');
    expect(ended.receipt?.gates).toMatchObject([
      { name: 'a person', said: [{ kind: 'approve', by: 'ann' }] },
    ]);
    expect((await ask()).release).not.toBe(before);
  });
});
