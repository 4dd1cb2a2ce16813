import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { HolderClient } from '../../src/holder/client.ts';
import { Done, HolderStatus } from '../../src/holder/protocol.ts';
import { answered, folder, handover, inNode, load } from '../fixtures/handover.ts';
import { House, until } from './house.ts';

setDefaultTimeout(60_000);

const holderOf = (house: House): HolderClient => new HolderClient(house.home);
const status = (house: House): Promise<HolderStatus> =>
  holderOf(house).ask({ method: 'GET', path: '/v1/status' }, HolderStatus);

describe('the listening socket handed over under load', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  test('20 handovers of a Node program: nothing is refused, nothing fails, and each release answers in its turn', async () => {
    expect(await house.deployed(folder, inNode)).toMatchObject({ status: 'succeeded', failure: null });
    const running = load(house, 2000);
    let release = 1;
    for (let round = 0; round < 20; round++) {
      const view = await house.deployed(folder, inNode);
      expect(view).toMatchObject({ status: 'succeeded', failure: null });
      const mark = running.mark();
      await answered(running, 40);
      // Nobody is left on the old processes when they were told to finish.
      expect(Object.keys(running.begunAfter(mark).byRelease)).toEqual([String(++release)]);
    }
    const { failed, byReason, requests } = await running.stop();
    expect({ failed, byReason }).toEqual({ failed: 0, byReason: {} });
    expect(requests).toBeGreaterThan(5000);
  });

  test('the way back is hot: the old release was started anew, and has nobody until it is asked for', async () => {
    const running = load(house, 500);
    await answered(running, 20);
    const { deployment, release } = await house.rollback();
    expect(await house.settled(deployment)).toMatchObject({ status: 'succeeded' });
    const mark = running.mark();
    await answered(running, 40);
    expect(Object.keys(running.begunAfter(mark).byRelease)).toEqual([String(release)]);
    expect((await running.stop()).failed).toBe(0);
  });

  test('the holder and its second may die one after the other, and the program in the place of the holder be renewed', async () => {
    const running = load(house, 1000);
    const first = await status(house);
    process.kill(first.pid, 'SIGKILL');
    const second = await until('the second is the holder', async () => {
      const seen = await status(house).catch(() => undefined);
      return seen && seen.pid === first.second && seen.second !== null ? seen : undefined;
    });
    process.kill(second.second!, 'SIGKILL');
    const third = await until('there is another second', async () => {
      const seen = await status(house);
      return seen.second !== null && seen.second !== second.second ? seen : undefined;
    });
    await holderOf(house).ask({ method: 'POST', path: '/v1/upgrade', body: {} }, Done);
    await until('another process is the holder', async () => {
      const seen = await status(house).catch(() => undefined);
      return seen && seen.pid !== third.pid && seen.second !== null ? true : undefined;
    });
    expect((await status(house)).services).toEqual(first.services);
    expect(await house.deployed(folder, inNode)).toMatchObject({ status: 'succeeded', failure: null });
    await answered(running, 40);
    expect((await running.stop()).failed).toBe(0);
  });

  test('a Python program takes over from a Node program', async () => {
    const running = load(house, 500);
    for (let round = 0; round < 3; round++) {
      const view = await house.deployed(folder, handover(['python3', 'server.py']));
      expect(view).toMatchObject({ status: 'succeeded', failure: null });
      await answered(running, 40);
    }
    const { failed, byReason } = await running.stop();
    expect({ failed, byReason }).toEqual({ failed: 0, byReason: {} });
  });
});
