import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import { startLoad, type Load } from '../../src/testing/load/load.ts';
import { House, Refused, shop, until } from '../e2e/house.ts';

/*
 * The controller is killed, as by `kill -9`, before and after each append to its log, until the work gets done without dying.
 * Each time another controller is started and has to end what was begun, rightly, while users notice nothing.
 */
describe('a controller that is killed at any instant', () => {
  let house: House;
  let load: Load;
  beforeAll(async () => {
    house = await House.open();
    expect((await house.deployed(shop(1))).status).toBe('succeeded');
    expect((await house.deployed(shop(2))).status).toBe('succeeded');
    load = startLoad({ target: house.listen, connections: 6, rate: 300, seed: 3 });
    await until('requests were answered', () => (load.snapshot().requests > 100 ? true : undefined));
  });
  afterAll(async () => {
    await house.close();
  });

  /** Does the work with a controller that dies at the point; returns whether it died, and what the next one made of it. */
  async function interrupted(failPoint: string, work: () => Promise<unknown>) {
    const before = await house.service();
    await house.kill();
    try {
      await house.start({ failPoint });
    } catch (error) {
      // What was counted meanwhile is recorded before it answers: it may die there, too.
      if (house.alive) throw error;
      await house.start();
      return { died: true, before, after: await house.service(), deployment: null };
    }
    const answered = work().catch((error: unknown) => {
      // The connection breaks where the controller dies; what it answered before is a failure of the test.
      if (error instanceof Refused) throw error;
    });
    const last = (before.deployment?.id ?? 0) + 1;
    const ended = house.ended().then(() => true);
    const done = answered
      .then(() => house.settled(last))
      .then(
        () => false,
        () => false,
      );
    const died = await Promise.race([ended, done.then(async (value) => (house.alive ? value : ended))]);
    if (died) await house.start();
    const found = (await house.service()).deployment;
    const begun = found?.id === last;
    const deployment = begun ? await house.settled(last) : null;
    return { died, before, after: await house.service(), deployment };
  }

  /** Runs `each` with one fail point after the other, until the work gets done. Returns how many times the controller died. */
  async function everywhere(each: (failPoint: string) => Promise<boolean>): Promise<number> {
    let deaths = 0;
    for (const when of ['before', 'after']) {
      for (let append = 1; await each(`${when}:${append}`); append++) deaths += 1;
    }
    return deaths;
  }

  const otherOf = (colour: string | null): string => (colour === 'blue' ? 'green' : 'blue');

  test('in a deployment: it resumes, and succeeds', async () => {
    let release: 1 | 2 = 1;
    const deaths = await everywhere(async (failPoint) => {
      const { died, before, after, deployment } = await interrupted(failPoint, () =>
        house.deploy(shop(release)),
      );
      release = release === 1 ? 2 : 1;
      if (deployment) {
        expect({ failPoint, status: deployment.status, failure: deployment.failure }).toMatchObject({
          failPoint,
          status: 'succeeded',
          failure: null,
        });
        expect(after.live).toBe(otherOf(before.live) as never);
      } else expect(after.live).toBe(before.live);
      return died;
    });
    expect(deaths).toBeGreaterThan(2 * 8);
    expect(load.snapshot().failures).toEqual([]);
  }, 400_000);

  test('in a rollback: it resumes, and the traffic is back', async () => {
    const deaths = await everywhere(async (failPoint) => {
      const { died, before, after, deployment } = await interrupted(failPoint, () => house.rollback());
      expect(deployment?.status ?? 'not begun').toBe(deployment ? 'succeeded' : 'not begun');
      expect(after.live).toBe((deployment ? otherOf(before.live) : before.live) as never);
      return died;
    });
    expect(deaths).toBeGreaterThan(2 * 3);
    expect(load.snapshot().failures).toEqual([]);
  }, 400_000);

  test('in a deployment that is taken back: live is what it was', async () => {
    const failing = (spec: SpecInput): SpecInput => ({ ...spec, checks: [{ command: ['false'] }] });
    const deaths = await everywhere(async (failPoint) => {
      const { died, before, after, deployment } = await interrupted(failPoint, () =>
        house.deploy(shop(2), failing),
      );
      expect(deployment?.status ?? 'not begun').toBe(deployment ? 'undone' : 'not begun');
      expect(after.live).toBe(before.live);
      return died;
    });
    expect(deaths).toBeGreaterThan(2 * 8);
    const { failures, failed } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
  }, 400_000);
});
