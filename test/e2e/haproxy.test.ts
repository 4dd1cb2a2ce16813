import { afterEach, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import type { SpecInput } from '../../src/core/spec.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import { HaproxyFixture } from '../fixtures/haproxy.ts';
import { House, Refused, shop } from './house.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const absent = HaproxyFixture.absent();

async function behind(): Promise<{
  house: House;
  haproxy: HaproxyFixture;
  change: (spec: SpecInput) => SpecInput;
}> {
  const haproxy = await HaproxyFixture.start();
  ends.push(() => haproxy.close());
  const house = await House.open({ workers: 1 });
  ends.push(() => house.close());
  const change = (spec: SpecInput): SpecInput => ({
    ...spec,
    router: { ...spec.router, driver: 'haproxy', haproxy: haproxy.settings },
  });
  return { house, haproxy, change };
}

test.skipIf(absent !== null)(
  `the shop behind HAProxy: ten switches under load, and not one request fails (${absent ?? 'installed'})`,
  async () => {
    const { house, change } = await behind();
    expect(await house.deployed(shop(1), change)).toMatchObject({ status: 'succeeded' });
    // No tunnels: HAProxy ends none, and they live on while their side does.
    const load = spawnLoad({
      target: house.listen,
      connections: 12,
      seed: 5,
      mix: { 'keep-alive': 6, close: 2, order: 2, stream: 1 },
    });
    for (const release of [2, 1] as const)
      expect(await house.deployed(shop(release), change)).toMatchObject({ status: 'succeeded' });
    for (let n = 0; n < 8; n++) {
      const { deployment } = await house.rollback();
      expect(await house.settled(deployment)).toMatchObject({ status: 'succeeded' });
    }
    const { requests, failed, failures, byEnvironment } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(500);
    expect(Object.keys(byEnvironment).sort()).toEqual(['blue', 'green']);
    const { deployment } = await house.service();
    expect(deployment?.receipt).toMatchObject({ failed: 0, switchBack: null });
    expect(deployment?.receipt?.requests).toBeGreaterThan(0);
  },
  120_000,
);

test.skipIf(absent !== null)(
  `an HAProxy that is started again has the side that was switched to; a broken configuration of its owner is refused and left (${absent ?? 'installed'})`,
  async () => {
    const { house, haproxy, change } = await behind();
    await house.deployed(shop(1), change);
    await house.deployed(shop(2), change);
    expect(await house.service()).toMatchObject({ live: 'green' });
    await haproxy.end();
    await haproxy.begin();
    const url = `http://127.0.0.1:${house.listen.port}/live`;
    expect((await fetch(url)).headers.get('x-shop-environment')).toBe('green');

    const broken = readFileSync(haproxy.config, 'utf8').replace('mode tcp', 'mode smtp');
    writeFileSync(haproxy.config, broken);
    const { status, failure } = await house.deployed(shop(1), change);
    expect(status).not.toBe('succeeded');
    expect(failure).toMatchObject({ code: 'router-refused' });
    expect(failure?.detail?.output?.join('\n')).toContain('smtp');
    expect(readFileSync(haproxy.config, 'utf8')).toBe(broken);
    expect((await fetch(url)).headers.get('x-shop-environment')).toBe('green');
  },
  120_000,
);

test.skipIf(absent !== null)(
  `what HAProxy cannot do for a service is refused by the plan (${absent ?? 'installed'})`,
  async () => {
    const { house, change } = await behind();
    const asks = (spec: SpecInput): SpecInput => {
      const changed = change(spec);
      return { ...changed, router: { ...changed.router, sticky: { by: 'client' }, requestId: true } };
    };
    const error: unknown = await house.deploy(shop(1), asks).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ record: { code: 'router-cannot' } });
    expect(String(error)).toContain('router.requestId=true, router.sticky');
    await house.deployed(shop(1), change);
    const other: unknown = await house.deploy(shop(2)).catch((thrown: unknown) => thrown);
    expect(String(other)).toContain('expected router.driver haproxy, which has its traffic, found embedded');
  },
  60_000,
);
