import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import type { SetView } from '../../src/server/api.ts';
import { freePort, House, Refused, shop, until } from '../e2e/house.ts';

setDefaultTimeout(400_000);

/*
 * The controller is killed, as by `kill -9`, before and after each append to the logs of several services at once: where a set decides. Clients ask
 * both services all the time, and none may see one of them moved and another not.
 */
describe('a set whose controller is killed wherever it decides', () => {
  let house: House;
  const ports = { web: 0, api: 0 };
  const services = ['web', 'api'] as const;
  const stray: string[] = [];
  let asked = 0;
  let on = true;
  let watching: Promise<void>[] = [];

  const sideOf = async (service: (typeof services)[number]): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${ports[service]}/`);
    await response.arrayBuffer();
    return response.headers.get('x-shop-environment') ?? `status ${response.status}`;
  };

  /** Asks one, the other, and the first again: where the first is where it was, the other was there too. */
  const watch = async (
    first: (typeof services)[number],
    second: (typeof services)[number],
  ): Promise<void> => {
    while (on) {
      const before = await sideOf(first);
      const between = await sideOf(second);
      const after = await sideOf(first);
      asked += 3;
      if (before === after && between !== before) stray.push(`${first} ${before}, ${second} ${between}`);
    }
  };

  beforeAll(async () => {
    house = await House.open({ workers: 2 });
    for (const service of services) ports[service] = await freePort();
    const { number } = await deploy(1);
    expect((await settled(number)).status).toBe('succeeded');
    watching = [watch('web', 'api'), watch('api', 'web')];
  });
  afterAll(async () => {
    on = false;
    await Promise.all(watching);
    await house.close();
  });

  function deploy(
    release: 1 | 2,
    more: (service: string) => Partial<SpecInput> = () => ({}),
  ): Promise<SetView> {
    const path = shop(release);
    const members = services.map((service) => ({
      service,
      order: {
        spec: {
          ...house.spec(),
          service,
          environments: { layers: { web: { ...house.spec().environments.layers['web'], instances: 1 } } },
          router: { listen: `127.0.0.1:${ports[service]}` },
          strategy: { drain: '50ms', bake: '50ms' },
          ...more(service),
        },
        base: path,
        source: { kind: 'directory', path },
        version: `v${release}`,
      },
    }));
    return house.ask('POST', '/v1/sets/shop/deployments', { by: 'test', services: members });
  }

  const settled = (number: number): Promise<SetView> =>
    until(
      `deployment ${number} of the set ends`,
      async () => {
        const view = await house.ask<SetView>('GET', '/v1/sets/shop').catch(() => undefined);
        return view?.number === number && view.endedAt !== null ? view : undefined;
      },
      60_000,
    );

  /** Does the work with a controller that dies there; whether it died, and what the next one made of it. */
  async function interrupted(
    failPoint: string,
    work: () => Promise<unknown>,
  ): Promise<{ died: boolean; view: SetView | null }> {
    const { number } = await house.ask<SetView>('GET', '/v1/sets/shop');
    await house.kill();
    await house.start({ failPoint });
    const answered = work().catch((error: unknown) => {
      if (error instanceof Refused) throw error;
    });
    const ended = house.ended().then(() => true);
    const done = answered
      .then(() => settled(number + 1))
      .then(
        () => false,
        () => ended,
      );
    const died = await Promise.race([ended, done]);
    if (died) await house.start();
    const found = await house.ask<SetView>('GET', '/v1/sets/shop');
    return { died, view: found.number === number + 1 ? await settled(number + 1) : null };
  }

  /** At each of them from `first` on. */
  async function everywhere(
    work: () => Promise<unknown>,
    outcome: SetView['status'],
    first = 1,
  ): Promise<number> {
    let deaths = 0;
    for (const when of ['before', 'after'])
      for (let append = first; ; append++) {
        const failPoint = `${when}:together:${append}`;
        const { died, view } = await interrupted(failPoint, work);
        const statuses = view?.services.map(({ status }) => status) ?? [];
        expect({ failPoint, statuses }).toEqual({ failPoint, statuses: view ? [outcome, outcome] : [] });
        expect({ failPoint, sides: new Set(await Promise.all(services.map(sideOf))).size }).toEqual({
          failPoint,
          sides: 1,
        });
        if (!died) break;
        deaths += 1;
      }
    return deaths;
  }

  let release: 1 | 2 = 1;
  const next = (): 1 | 2 => (release = release === 1 ? 2 : 1);

  test('goes on, and none is ever apart', async () => {
    const deaths = await everywhere(() => deploy(next()), 'succeeded');
    // To begin, to be ready, to switch, to have switched, to end.
    expect(deaths).toBe(2 * 5);
    expect(stray).toEqual([]);
  });

  test('is taken back, if one of them does badly after the switch, and none is ever apart', async () => {
    const failing = (service: string): Partial<SpecInput> =>
      service === 'api' ? { hooks: [{ after: 'switch', command: ['false'], onFailure: 'roll-back' }] } : {};
    // Up to the switch it is as above. To have switched, to turn back, to switch back, to have done so.
    const deaths = await everywhere(() => deploy(next(), failing), 'undone', 4);
    expect(deaths).toBe(2 * 4);
    expect(stray).toEqual([]);
    expect(asked).toBeGreaterThan(1000);
  });
});
