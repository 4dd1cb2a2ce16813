import { expect, test } from 'bun:test';
import { startLoad } from '../../src/testing/load/load.ts';
import { House, shop, until } from './house.ts';

const deployments = 20;
const leastRequests = 100_000;

test(`${deployments} deployments back and forth under 64 connections, and not one of ${leastRequests} requests fails`, async () => {
  const house = await House.open();
  try {
    expect((await house.deployed(shop(1))).status).toBe('succeeded');
    const load = startLoad({ target: house.listen, connections: 64, seed: 4 });
    const afterSwitch: Record<string, number>[] = [];
    let colour = 'blue';
    for (let round = 0; round < deployments || load.snapshot().requests < leastRequests; round++) {
      const due = Math.min(leastRequests, ((round + 1) / deployments) * leastRequests);
      await until(
        'requests were answered',
        () => (load.snapshot().requests >= due ? true : undefined),
        60_000,
      );
      colour = colour === 'blue' ? 'green' : 'blue';
      // Every other time by a rollback, which answers when the traffic is there; a request that begins later must not go to the old side.
      if (round % 2 === 1) {
        const { to, deployment } = await house.rollback();
        const mark = load.mark();
        expect(to).toBe(colour as never);
        expect((await house.settled(deployment)).status).toBe('succeeded');
        afterSwitch.push({ ...load.begunAfter(mark).byEnvironment });
      } else {
        const { id } = await house.deploy(shop(2));
        await until('the traffic was switched', async () =>
          (await house.deployment(id)).steps.some(
            ({ kind, status }) => kind === 'switch' && status === 'done',
          )
            ? true
            : undefined,
        );
        const mark = load.mark();
        expect((await house.settled(id)).status).toBe('succeeded');
        afterSwitch.push({ ...load.begunAfter(mark).byEnvironment });
      }
      expect(Object.keys(afterSwitch.at(-1) ?? {})).toEqual([colour]);
    }
    const { failed, failures, requests, byReason, tunnels } = await load.stop();
    expect(failures).toEqual([]);
    expect({ failed, byReason }).toEqual({ failed: 0, byReason: {} });
    expect(requests).toBeGreaterThanOrEqual(leastRequests);
    expect(tunnels.opened).toBeGreaterThan(0);
    expect(afterSwitch).toHaveLength(deployments);
  } finally {
    await house.close();
  }
}, 240_000);
