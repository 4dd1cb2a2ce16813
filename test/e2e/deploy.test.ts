import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { startLoad, type Load } from '../../src/testing/load/load.ts';
import { House, Refused, shop, until } from './house.ts';

/** What the promise rejects with, as the API's error. */
async function refusal(promise: Promise<unknown>): Promise<Refused['record']> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refused) return error.record;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('a service on one machine', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(async () => {
    await house.close();
  });

  const getsFrom = async (path = '/'): Promise<string | null> => {
    const response = await fetch(`http://127.0.0.1:${house.listen.port}${path}`);
    await response.arrayBuffer();
    return response.headers.get('x-shop-release');
  };

  test('the first release goes live', async () => {
    const { status, steps, receipt } = await house.deployed(shop(1));
    expect(status).toBe('succeeded');
    expect(steps.map(({ kind }) => kind)).toEqual([
      'ship',
      'prepare',
      'start',
      'health',
      'verify',
      'switch',
      'bake',
    ]);
    expect(receipt?.outcome).toBe('succeeded');
    expect(await getsFrom()).toBe('1');
  });

  test('there is nothing to roll back to yet', async () => {
    expect((await refusal(house.rollback())).code).toBe('nothing-to-roll-back-to');
  });

  test('goes to the next release and back under load, and nothing is lost', async () => {
    const load = startLoad({ target: house.listen, connections: 16, seed: 1 });
    await until('requests were answered', () => (load.snapshot().requests > 200 ? true : undefined));
    const next = await house.deployed(shop(2));
    expect(next.status).toBe('succeeded');
    let mark = load.mark();
    await until('requests were answered', () => (load.begunAfter(mark).requests > 200 ? true : undefined));
    expect(load.begunAfter(mark).byEnvironment).not.toHaveProperty('blue');

    const back = await house.rollback();
    mark = load.mark();
    expect(back).toMatchObject({ from: 'green', to: 'blue' });
    await until('requests were answered', () => (load.begunAfter(mark).requests > 200 ? true : undefined));
    expect(load.begunAfter(mark).byEnvironment).not.toHaveProperty('green');
    const { failed, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);

    const { receipt } = await house.settled(back.deployment);
    expect(receipt).toMatchObject({ kind: 'rollback', failed: 0, gaps: [] });
    expect(next.receipt?.requests).toBeGreaterThan(0);
    expect(next.receipt?.latency?.before.requests).toBeGreaterThan(0);
    expect(next.receipt?.latency?.during.requests).toBeGreaterThan(0);
  });

  describe('a release that is bad is refused, and live is untouched', () => {
    let load: Load;
    beforeAll(() => {
      load = startLoad({
        target: house.listen,
        connections: 4,
        mix: { 'keep-alive': 1 },
        rate: 200,
        seed: 2,
      });
    });
    afterAll(async () => {
      const { failed, byRelease } = await load.stop();
      expect(failed).toBe(0);
      expect(Object.keys(byRelease)).toEqual(['1']);
    });

    const faults: [fault: string, code: string, shows: RegExp][] = [
      [
        'crash-at-start',
        'crashed-at-start',
        /web\[\d\] on green: expected it to become healthy, found that it ended \(exit code 1\)/,
      ],
      ['never-healthy', 'never-healthy', /expected it to be healthy within 1.5s, found: .*503/],
      ['wrong-port', 'wrong-address', /expected it to listen on 127\.0\.\d+\.\d+:\d+, found/],
    ];
    for (const [fault, code, shows] of faults) {
      test(fault, async () => {
        const { status, failure, steps } = await house.deployed(shop(2), (spec) => {
          const web = spec.environments.layers['web'];
          if (!web) throw new Error('no web');
          const health = { http: { path: '/health' }, interval: '20ms', startPeriod: '1500ms' };
          return {
            ...spec,
            environments: { layers: { web: { ...web, health, variables: { SHOP_FAULT: fault } } } },
          };
        });
        expect(status).toBe('undone');
        expect(failure?.code).toBe(code as never);
        expect(failure?.message).toMatch(shows);
        expect(failure?.detail?.log?.length).toBeGreaterThan(0);
        expect(steps.find(({ kind }) => kind === 'switch')?.status).toBe('pending');
        const { environments, live } = await house.service();
        expect(live).toBe('blue');
        expect(environments.green).toMatchObject({ phase: 'empty', instances: [] });
      });
    }

    test('one that fails verify', async () => {
      const { status, failure } = await house.deployed(shop(2), (spec) => ({
        ...spec,
        checks: [{ name: 'smoke', command: ['sh', '-c', 'echo looked at $CUTOVER_URL; exit 3'] }],
      }));
      expect(status).toBe('undone');
      expect(failure).toMatchObject({ code: 'verify-failed' });
      expect(failure?.message).toContain('smoke against 127.0.');
      expect(failure?.detail?.output?.join('\n')).toContain('looked at http://127.0.');
    });
  });

  test('a release that dies after the switch is taken back by itself', async () => {
    const { status, failure, receipt } = await house.deployed(shop(2), (spec) => {
      const web = spec.environments.layers['web'];
      if (!web) throw new Error('no web');
      return {
        ...spec,
        strategy: { drain: '1s', bake: '10s' },
        environments: { layers: { web: { ...web, variables: { SHOP_FAULT: 'exit-after-ms:1500' } } } },
      };
    });
    expect(status).toBe('undone');
    expect(failure?.code).toBe('bake-failed');
    expect(receipt?.switchBack).toMatchObject({ to: 'blue' });
    expect(await getsFrom()).toBe('1');
  });

  test('a release that cannot be shipped costs nobody the way back', async () => {
    await house.deployed(shop(2));
    const before = await house.service();
    const standby = before.live === 'blue' ? before.environments.green : before.environments.blue;
    expect(standby.role).toBe('standby');
    for (const [what, change] of [
      ['an absent program', { command: ['no-such-program'] }],
      ['a build that fails', { build: [['false']] }],
    ] as const) {
      const { status, failure } = await house.deployed(shop(2), (spec) => {
        const web = spec.environments.layers['web'];
        if (!web) throw new Error('no web');
        if ('build' in change)
          return { ...spec, release: { build: change.build.map((words) => [...words]) } };
        return { ...spec, environments: { layers: { web: { ...web, command: [...change.command] } } } };
      });
      expect({ what, status, code: failure?.code }).toMatchObject({ what, status: 'undone' });
    }
    const after = await house.service();
    expect(after.live).toBe(before.live);
    expect(after.environments[standby.colour]).toMatchObject({ role: 'standby', release: standby.release });
  });

  test('the second of two deployments at once is refused by name of the first', async () => {
    const first = await house.deploy(shop(2));
    const second = await refusal(house.deploy(shop(2)));
    expect(second.code).toBe('deployment-running');
    expect(second.message).toContain(`deployment ${first.id} (deploy of release ${first.release} by test`);
    expect((await house.settled(first.id)).status).toBe('succeeded');
  });

  test('a rollback while the new side is watched takes the deployment back', async () => {
    const before = await getsFrom();
    const { id, release } = await house.deploy(shop(2), (spec) => ({
      ...spec,
      strategy: { drain: '1s', bake: '30s' },
    }));
    await until('it is watched', async () =>
      (await house.deployment(id)).steps.some(({ kind, status }) => kind === 'bake' && status === 'running')
        ? true
        : undefined,
    );
    expect(await getsFrom()).toBe(String(release));
    const { deployment } = await house.rollback();
    expect(deployment).toBe(id);
    expect(await getsFrom()).toBe(before);
    const { status, failure } = await house.settled(id);
    expect(status).toBe('undone');
    expect(failure?.code).toBe('aborted');
  });

  test('a service that was never deployed is unknown', async () => {
    const error = await refusal(house.ask('GET', '/v1/services/nobody'));
    expect(error).toMatchObject({ code: 'service-unknown', next: 'known services: shop' });
  });

  test('an address that is taken is named, and live is untouched', async () => {
    const before = await getsFrom();
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('mine') });
    try {
      const { status, failure } = await house.deployed(shop(2), (spec) => ({
        ...spec,
        router: { listen: `127.0.0.1:${other.port}` },
      }));
      expect(status).toBe('undone');
      expect(failure?.code).toBe('address-in-use');
      expect(failure?.message).toContain(`127.0.0.1:${other.port}`);
    } finally {
      await other.stop(true);
    }
    expect(await getsFrom()).toBe(before);
  });
});
