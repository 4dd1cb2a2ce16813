import { afterEach, expect, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import { NamedFixture } from '../fixtures/named.ts';
import { freePort, House, shop, until } from './house.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const absent = NamedFixture.absent();

async function behind(): Promise<{
  house: House;
  named: NamedFixture;
  change: (spec: SpecInput) => SpecInput;
  side: () => Promise<string | null>;
}> {
  const named = await NamedFixture.start();
  ends.push(() => named.close());
  const house = await House.open({ workers: 1 });
  ends.push(() => house.close());
  const port = await freePort();
  const change = (spec: SpecInput): SpecInput => {
    const web = spec.environments.layers['web'];
    if (!web) throw new Error('the shop has a layer web');
    return {
      ...spec,
      router: {
        driver: 'dns',
        listen: `www.shop.example:${port}`,
        preview: `next.shop.example:${port}`,
        dns: {
          zone: named.zone,
          servers: named.servers.map((server) => `${server.host}:${server.port}`),
          key: named.key,
          ttl: '3s',
          switchTtl: '1s',
          margin: '500ms',
        },
      },
      environments: {
        ...spec.environments,
        layers: { ...spec.environments.layers, web: { ...web, port, instances: 1 } },
      },
    };
  };
  /** As a client that asks anew for each request. */
  const side = async (): Promise<string | null> => {
    const host = named.dig(named.secondary, 'www.shop.example');
    return (await fetch(`http://${host}:${port}/live`)).headers.get('x-shop-environment');
  };
  return { house, named, change, side };
}

test.skipIf(absent !== null)(
  `the shop behind BIND: waited for, switched, late clients served, and back at once (${absent ?? 'installed'})`,
  async () => {
    const { house, named, change, side } = await behind();
    expect(await house.deployed(shop(1), change)).toMatchObject({ status: 'succeeded' });
    expect(await side()).toBe('blue');
    const second = await house.deployed(shop(2), change);
    expect(second).toMatchObject({ status: 'succeeded' });
    expect(await side()).toBe('green');
    expect(named.dig(named.secondary, 'next.shop.example')).not.toBe(
      named.dig(named.secondary, 'www.shop.example'),
    );
    const { receipt } = second;
    expect(receipt?.lateClients).toMatchObject({ colour: 'blue', late: null, left: true });
    const took = (kind: string): number => receipt?.steps.find((step) => step.kind === kind)?.ms ?? 0;
    expect(took('linger')).toBeGreaterThan(1000);
    const shortened = receipt?.steps.find(({ kind }) => kind === 'shorten');
    expect((receipt?.switch?.at ?? 0) - (shortened?.startedAt ?? 0)).toBeGreaterThan(3500);
    const { deployment } = await house.rollback();
    expect(await side()).toBe('blue');
    expect(await house.settled(deployment)).toMatchObject({ status: 'succeeded' });
  },
  60_000,
);

test.skipIf(absent !== null)(
  `a controller that is killed while it waits for old answers to expire goes on where it was (${absent ?? 'installed'})`,
  async () => {
    const { house, change, side } = await behind();
    await house.deployed(shop(1), change);
    const { id } = await house.deploy(shop(2), change);
    await until('it waits', async () => {
      const { steps } = await house.deployment(id);
      return steps.some(({ kind, status }) => kind === 'expire' && status === 'running') || undefined;
    });
    await house.kill();
    expect(await side()).toBe('blue');
    await house.start({ workers: 1 });
    expect(await house.settled(id)).toMatchObject({ status: 'succeeded' });
    expect(await side()).toBe('green');
  },
  60_000,
);

test.skipIf(absent !== null)(
  `what the DNS cannot do is refused by the plan, all at once (${absent ?? 'installed'})`,
  async () => {
    const { house, change } = await behind();
    const wrong = (spec: SpecInput): SpecInput => {
      const { environments, router, ...rest } = change(spec);
      const [web] = Object.values(environments.layers);
      if (!web) throw new Error('the shop has a layer');
      return {
        ...rest,
        router: { ...router, requestId: true },
        environments: { ...environments, layers: { web: { ...web, port: 'auto', instances: 2 } } },
      };
    };
    const refused = await house.deploy(shop(1), wrong).catch((error: unknown) => String(error));
    for (const part of ['router-cannot', 'router.requestId', 'port auto', '2 instances at one address'])
      expect(refused).toContain(part);
  },
  60_000,
);
