import { afterEach, expect, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import { CaddyFixture } from '../fixtures/caddy.ts';
import { House, shop } from './house.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const absent = CaddyFixture.absent();

async function behind(): Promise<{
  house: House;
  caddy: CaddyFixture;
  change: (spec: SpecInput) => SpecInput;
}> {
  const caddy = await CaddyFixture.start();
  ends.push(() => caddy.close());
  const house = await House.open({ workers: 1 });
  ends.push(() => house.close());
  const change = (spec: SpecInput): SpecInput => ({
    ...spec,
    router: {
      ...spec.router,
      driver: 'caddy',
      caddy: { ...caddy.settings, state: `127.0.0.1:${caddy.settings.state.port}` },
    },
  });
  return { house, caddy, change };
}

test.skipIf(absent !== null)(
  `the shop behind Caddy: ten switches under load, and not one request fails (${absent ?? 'installed'})`,
  async () => {
    const { house, change } = await behind();
    expect(await house.deployed(shop(1), change)).toMatchObject({ status: 'succeeded' });
    expect(await house.deployed(shop(2), change)).toMatchObject({ status: 'succeeded' });
    const load = spawnLoad({
      target: house.listen,
      connections: 12,
      seed: 5,
      mix: { 'keep-alive': 6, close: 2, order: 2, stream: 1 },
    });
    for (let n = 0; n < 10; n++) {
      const { deployment } = await house.rollback();
      expect(await house.settled(deployment)).toMatchObject({ status: 'succeeded' });
    }
    const { requests, failed, failures, byEnvironment } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(500);
    expect(Object.keys(byEnvironment).sort()).toEqual(['blue', 'green']);
    const { deployment } = await house.service();
    expect(deployment?.receipt?.gaps).toContain('the router caddy counted no requests');
  },
  120_000,
);

test.skipIf(absent !== null)(
  `a Caddy that is started again has the side that was switched to, and its owner’s part is left (${absent ?? 'installed'})`,
  async () => {
    const { house, caddy, change } = await behind();
    await house.deployed(shop(1), change);
    await house.deployed(shop(2), change);
    const url = `http://127.0.0.1:${house.listen.port}/live`;
    await caddy.end();
    await caddy.begin();
    expect((await fetch(url)).headers.get('x-shop-environment')).toBe('green');
    expect(await house.deployed(shop(1), change)).toMatchObject({ status: 'succeeded' });
    expect((await fetch(url)).headers.get('x-shop-environment')).toBe('blue');
    expect(await caddy.owners()).toBe(caddy.theirs);
  },
  120_000,
);

test.skipIf(absent !== null)(
  `what Caddy cannot do is refused before anything is done (${absent ?? 'installed'})`,
  async () => {
    const { house, caddy, change } = await behind();
    const asks = (spec: SpecInput): SpecInput => ({
      ...change(spec),
      router: { ...change(spec).router, sticky: { by: 'cookie' }, limits: { body: 1000 } },
    });
    const refusal: unknown = await house.deployed(shop(1), asks).catch((error: unknown) => error);
    expect(String(refusal)).toContain('router-cannot');
    expect(String(refusal)).toContain('router.sticky');
    expect(String(refusal)).toContain('router.limits.body=1000');
    expect(caddy.loads()).toBe(1);
  },
  120_000,
);
