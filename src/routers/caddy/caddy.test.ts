import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { CaddyFixture } from '../../../test/fixtures/caddy.ts';
import { routeTo, startOrigin, until, type Origin } from '../../../test/fixtures/proxy.ts';
import { sideAt } from '../../../test/fixtures/side-of.ts';
import { TableRouter } from '../configured/table-router.ts';
import { CaddyPlace } from './caddy-place.ts';
import { putServers, seeConfiguration } from './configuration.ts';

// Programs are started and reloaded.
setDefaultTimeout(30_000);
let blue: Origin;
let green: Origin;
beforeAll(() => {
  blue = startOrigin('blue');
  green = startOrigin('green');
});
afterAll(() => Promise.all([blue.close(), green.close()]));

const route = (service: string, epoch: number) => ({
  ...routeTo(service, epoch, 'blue', blue.address, green.address),
  preview: { host: '127.0.0.1', port: 0 },
});
const absent = CaddyFixture.absent();
const refused = async (promise: Promise<unknown>): Promise<CutoverError> => {
  const thrown: unknown = await promise.then(
    () => new Error('was not refused'),
    (error: unknown) => error,
  );
  if (thrown instanceof CutoverError) return thrown;
  throw thrown;
};

describe.skipIf(absent !== null)(`Caddy (${absent ?? 'installed'})`, () => {
  routerSuite('caddy', async () => {
    const caddy = await CaddyFixture.start();
    const stranger = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    return {
      router: new TableRouter(new CaddyPlace(caddy.settings)),
      route,
      request: ({ listen }) => sideAt(listen),
      preview: async ({ preview }) => (preview ? sideAt(preview) : null),
      async restart() {
        await caddy.end();
        await caddy.begin();
      },
      takenAddress: () => Promise.resolve({ host: '127.0.0.1', port: stranger.port }),
      async close() {
        stranger.stop(true);
        await caddy.close();
      },
    };
  });

  describe('beyond the contract', () => {
    let caddy: CaddyFixture;
    let router: TableRouter;
    beforeAll(async () => {
      caddy = await CaddyFixture.start();
      router = new TableRouter(new CaddyPlace(caddy.settings));
    });
    afterAll(() => caddy.close());

    test('a switch loads nothing anew, and goes for connections that are kept as well', async () => {
      await router.apply(route('shop', 1));
      const read = await router.read('shop');
      const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${read?.listen.port}/`)).text();
      expect(await ask()).toBe('blue');
      const before = caddy.loads();
      await router.apply({ ...route('shop', 2), live: 'green' });
      expect(await ask()).toBe('green');
      expect(caddy.loads()).toBe(before);
    });

    test('the owner’s servers stay as they were, to the last letter', async () => {
      const moved = { release: 3, instances: [green.address, blue.address] };
      await router.apply({ ...route('shop', 3), green: moved, live: 'green' });
      expect(await caddy.owners()).toBe(caddy.theirs);
      await router.apply(route('shop', 4));
      expect(await caddy.owners()).toBe(caddy.theirs);
    });

    test('weights deal out the requests in just that proportion, until one side has them all', async () => {
      const before = await router.read('shop');
      if (!before) throw new Error('it is not known');
      await router.apply({ ...route('shop', 5), weights: { blue: 3, green: 1 } });
      const seen = { blue: 0, green: 0 };
      for (let n = 0; n < 40; n++) {
        const side = await sideAt(before.listen);
        if (side) seen[side]++;
      }
      expect(seen).toEqual({ blue: 30, green: 10 });
      expect(before.preview && (await sideAt(before.preview))).toBe('green');
      await router.apply({ ...route('shop', 6), live: 'green' });
      for (let n = 0; n < 8; n++) expect(await sideAt(before.listen)).toBe('green');
    });

    test('what is in flight is seen until it has ended', async () => {
      await router.apply(route('shop', 7));
      const read = await router.read('shop');
      const socket = new WebSocket(`ws://127.0.0.1:${read?.listen.port}/`);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error('the WebSocket was not opened'));
      });
      await router.apply({ ...route('shop', 8), live: 'green' });
      expect((await router.counters('shop')).blue.inFlight).toBe(1);
      socket.close();
      await until('nothing is in flight on blue', async () => {
        return (await router.counters('shop')).blue.inFlight === 0;
      });
    });

    test('a request that is in flight while a configuration is loaded gets its whole answer', async () => {
      const begun = Promise.withResolvers<null>();
      const gate = Promise.withResolvers<null>();
      const slow = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        async fetch() {
          begun.resolve(null);
          await gate.promise;
          return new Response('slow');
        },
      });
      try {
        const side = { release: 1, instances: [{ host: '127.0.0.1', port: slow.port ?? 0 }] };
        await router.apply({ ...route('slow', 1), blue: side });
        const read = await router.read('slow');
        const answer = fetch(`http://127.0.0.1:${read?.listen.port}/`);
        await begun.promise;
        const before = caddy.loads();
        await router.apply({ ...route('slow', 2), blue: side, green: { release: null, instances: [] } });
        expect(caddy.loads()).toBe(before + 1);
        expect((await router.counters('slow')).blue.inFlight).toBe(1);
        gate.resolve(null);
        const response = await answer;
        expect([response.status, await response.text()]).toEqual([200, 'slow']);
        await router.remove('slow', 3);
      } finally {
        gate.resolve(null);
        await slow.stop(true);
      }
    });

    test('what Caddy does not take is refused in its own words, and all stays as it was', async () => {
      const table = readFileSync(join(caddy.settings.sides, 'table.json'), 'utf8');
      const read = await router.read('shop');
      const elsewhere = { host: '192.0.2.1', port: 8080 };
      const error = await refused(router.apply({ ...route('shop', 9), preview: elsewhere }));
      expect(error.code).not.toBe('internal');
      const taken = new TableRouter(new CaddyPlace({ ...caddy.settings, state: elsewhere }));
      const told = await refused(taken.apply({ ...route('shop', 9) }));
      expect(told.code).toBe('router-refused');
      expect(told.message).toContain('192.0.2.1');
      expect(readFileSync(join(caddy.settings.sides, 'table.json'), 'utf8')).toBe(table);
      expect(await router.read('shop')).toEqual(read);
      expect(await caddy.owners()).toBe(caddy.theirs);
    });

    test('an order that was written and not put in force is seen, and mended by the next', async () => {
      await router.apply(route('shop', 10));
      const flag = join(caddy.settings.sides, 'shop.green');
      const epoch = join(caddy.settings.sides, 'shop.epoch');
      const before = readFileSync(epoch);
      await router.apply({ ...route('shop', 11), live: 'green' });
      rmSync(flag);
      writeFileSync(epoch, before);
      expect(await router.read('shop')).toMatchObject({ epoch: 10, live: 'blue' });
      expect(await router.apply({ ...route('shop', 11), live: 'green' })).toMatchObject({ changed: true });
      expect(await router.read('shop')).toMatchObject({ epoch: 11, live: 'green' });
    });

    test('a second controller is held to the epochs of the first, and one with another folder is refused', async () => {
      const second = new TableRouter(new CaddyPlace(caddy.settings));
      expect((await refused(second.apply({ ...route('shop', 9), live: 'blue' }))).code).toBe('stale-epoch');
      const other = new TableRouter(
        new CaddyPlace({ ...caddy.settings, sides: join(caddy.directory, 'other sides') }),
      );
      const error = await refused(other.apply(route('shop', 1)));
      expect(error.code).toBe('state-damaged');
      expect(error.next).toContain('router.caddy.sides');
    });

    test('a Caddy without any app gets one, and one that keeps no configuration is refused', async () => {
      const bare = await CaddyFixture.start({ bare: true });
      try {
        const fresh = new TableRouter(new CaddyPlace(bare.settings));
        await fresh.apply(route('shop', 1));
        expect(await fresh.read('shop')).toMatchObject({ epoch: 1, live: 'blue' });
        const path = '/config/admin/config';
        const order = { method: 'PUT', path, body: '{"persist":false}' } as const;
        expect((await bare.admin.order(order)).status).toBe(200);
        const error = await refused(fresh.apply({ ...route('shop', 2), live: 'green' }));
        expect(error.message).toContain('persist');
        expect(await fresh.read('shop')).toMatchObject({ epoch: 1, live: 'blue' });
      } finally {
        await bare.close();
      }
    });

    test('whoever changes the configuration in between is not written over', async () => {
      const seen = await seeConfiguration(caddy.admin);
      const path = '/config/apps/http/servers/later';
      expect((await caddy.admin.order({ method: 'PUT', path, body: '{"routes":[]}' })).status).toBe(200);
      expect(await putServers(caddy.admin, seen, seen.ours)).toBe(false);
      expect((await caddy.admin.order({ method: 'GET', path })).body.trim()).toBe('{"routes":[]}');
    });

    test('a server that has a name of ours and is not ours is left', async () => {
      const path = '/config/apps/http/servers/cutover-theirs';
      const body = '{"routes":[]}';
      expect((await caddy.admin.order({ method: 'PUT', path, body })).status).toBe(200);
      const error = await refused(router.apply(route('shop', 12)));
      expect(error).toMatchObject({ code: 'router-refused' });
      expect(error.message).toContain('cutover-theirs');
      const order = { method: 'GET', path } as const;
      expect((await caddy.admin.order(order)).body.trim()).toBe(body);
    });

    test('a Caddy that does not run is said to be so', async () => {
      const admin = `unix/${join(caddy.directory, 'nowhere.sock')}`;
      const elsewhere = new TableRouter(new CaddyPlace({ ...caddy.settings, admin }));
      expect((await refused(elsewhere.apply(route('shop', 40)))).code).toBe('router-absent');
    });
  });
});
