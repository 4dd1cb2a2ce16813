import { describe, expect, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import { startLoad } from '../../src/testing/load/load.ts';
import { enterOwnNetwork } from '../fixtures/network.ts';
import { House, shop, until } from './house.ts';

const reason = enterOwnNetwork();
const rounds = 10;
const leastRequests = 5000;

/** Each house its table: the epochs of a service of the same name are kept in it. */
const byKernel =
  (table: string) =>
  (spec: SpecInput): SpecInput => ({
    ...spec,
    router: { ...spec.router, driver: 'kernel', protocol: 'tcp', kernel: { table } },
  });

describe.skipIf(reason !== null)(
  `the kernel as router${reason === null ? '' : ` (skipped: ${reason})`}`,
  () => {
    test(`${rounds} switches under new connections, and not one of ${leastRequests} fails`, async () => {
      const house = await House.open();
      try {
        expect(await house.deployed(shop(1), byKernel('first'))).toMatchObject({
          status: 'succeeded',
          failure: null,
        });
        const load = startLoad({ target: house.listen, connections: 16, mix: { close: 1 }, seed: 7 });
        let colour = 'blue';
        for (let round = 0; round < rounds; round++) {
          const due = ((round + 1) / rounds) * leastRequests;
          await until(
            'requests were answered',
            () => (load.snapshot().requests >= due ? true : undefined),
            60_000,
          );
          colour = colour === 'blue' ? 'green' : 'blue';
          const id =
            round % 2 === 1
              ? (await house.rollback()).deployment
              : (await house.deploy(shop(2), byKernel('first'))).id;
          await until('the traffic was switched', async () =>
            (await house.deployment(id)).steps.some(
              ({ kind, status }) => kind === 'switch' && status === 'done',
            )
              ? true
              : undefined,
          );
          const mark = load.mark();
          expect(await house.settled(id)).toMatchObject({ status: 'succeeded' });
          const after = load.snapshot().requests + 50;
          await until('more were answered', () => (load.snapshot().requests >= after ? true : undefined));
          expect(Object.keys(load.begunAfter(mark).byEnvironment)).toEqual([colour]);
        }
        const { failed, byReason, requests } = await load.stop();
        expect({ failed, byReason }).toEqual({ failed: 0, byReason: {} });
        expect(requests).toBeGreaterThanOrEqual(leastRequests);
      } finally {
        await house.close();
      }
    }, 180_000);

    test('the controller may die: the kernel goes on, and what it has lost is put back at the next start', async () => {
      const house = await House.open();
      try {
        expect((await house.deployed(shop(1), byKernel('second'))).status).toBe('succeeded');
        const load = startLoad({ target: house.listen, connections: 4, mix: { close: 1 }, seed: 3 });
        await house.kill();
        const after = load.snapshot().requests + 200;
        await until('requests were answered', () => (load.snapshot().requests >= after ? true : undefined));
        expect((await load.stop()).failed).toBe(0);
        expect(Bun.spawnSync(['/usr/sbin/nft', 'flush', 'ruleset']).exitCode).toBe(0);
        await house.start();
        const again = startLoad({ target: house.listen, connections: 2, mix: { close: 1 }, seed: 4 });
        await until('requests were answered', () => (again.snapshot().requests >= 20 ? true : undefined));
        expect((await again.stop()).failed).toBe(0);
      } finally {
        await house.close();
      }
    }, 60_000);
  },
);
