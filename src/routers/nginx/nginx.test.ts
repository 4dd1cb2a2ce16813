import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { NginxFixture } from '../../../test/fixtures/nginx.ts';
import { routeTo, startOrigin, until, type Origin } from '../../../test/fixtures/proxy.ts';
import { sideAt } from '../../../test/fixtures/side-of.ts';
import { TableRouter } from '../configured/table-router.ts';
import { connectionsTo } from './connections.ts';
import { NginxPlace } from './nginx-place.ts';

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
const absent = NginxFixture.absent();
const refused = async (promise: Promise<unknown>): Promise<CutoverError> => {
  const thrown: unknown = await promise.then(
    () => new Error('was not refused'),
    (error: unknown) => error,
  );
  if (thrown instanceof CutoverError) return thrown;
  throw thrown;
};

test('connections are found by their far end, in IPv4, IPv6 and one in the other', () => {
  const tables = [
    `  sl  local_address rem_address   st
   0: 0100007F:1F90 0100007F:9C40 01 00000000:00000000
   1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000
   2: 0100007F:9C41 0100007F:1F90 06 00000000:00000000`,
    `  sl  local_address                         remote_address                        st
   0: 0000000000000000FFFF00000100007F:9C42 0000000000000000FFFF00000100007F:1F90 01 0
   1: 00000000000000000000000001000000:9C43 00000000000000000000000001000000:1F90 01 0`,
  ];
  expect(connectionsTo([{ host: '127.0.0.1', port: 8080 }], tables)).toBe(2);
  expect(connectionsTo([{ host: '::1', port: 8080 }], tables)).toBe(1);
  expect(connectionsTo([{ host: '127.0.0.1', port: 8081 }], tables)).toBe(0);
});

describe.skipIf(absent !== null)(`nginx (${absent ?? 'installed'})`, () => {
  routerSuite('nginx', async () => {
    const nginx = await NginxFixture.start();
    const stranger = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    return {
      router: new TableRouter(new NginxPlace(nginx.settings)),
      route,
      request: ({ listen }) => sideAt(listen),
      preview: async ({ preview }) => (preview ? sideAt(preview) : null),
      async restart() {
        await nginx.end();
        await nginx.begin();
      },
      takenAddress: () => Promise.resolve({ host: '127.0.0.1', port: stranger.port }),
      async close() {
        stranger.stop(true);
        await nginx.close();
      },
    };
  });

  describe('beyond the contract', () => {
    let nginx: NginxFixture;
    let router: TableRouter;
    beforeAll(async () => {
      nginx = await NginxFixture.start();
      router = new TableRouter(new NginxPlace(nginx.settings));
    });
    afterAll(() => nginx.close());
    const reloads = (): number => nginx.log().split('(SIGHUP) received').length - 1;

    test('a switch needs no reload, and goes for connections that are kept as well', async () => {
      await router.apply(route('shop', 1));
      const read = await router.read('shop');
      const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${read?.listen.port}/`)).text();
      expect(await ask()).toBe('blue');
      const before = reloads();
      await router.apply({ ...route('shop', 2), live: 'green' });
      expect(await ask()).toBe('green');
      expect(reloads()).toBe(before);
    });

    test('the side of an instance that moves is reloaded, and the workers from before take nothing any more', async () => {
      const other = startOrigin('green');
      try {
        const before = reloads();
        const moved = { release: 3, instances: [other.address] };
        await router.apply({ ...route('shop', 3), green: moved, live: 'green' });
        expect(reloads()).toBe(before + 1);
        const read = await router.read('shop');
        if (!read) throw new Error('it is not known');
        for (let n = 0; n < 4; n++) expect(await sideAt(read.listen)).toBe('green');
        expect(other.arrivals).toHaveLength(4);
      } finally {
        await other.close();
      }
      await router.apply(route('shop', 4));
    });

    test('what is in flight is seen until it has ended', async () => {
      const read = await router.read('shop');
      const socket = new WebSocket(`ws://127.0.0.1:${read?.listen.port}/`);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = () => reject(new Error('the WebSocket was not opened'));
      });
      await router.apply({ ...route('shop', 5), live: 'green' });
      expect((await router.counters('shop')).blue.inFlight).toBeGreaterThan(0);
      socket.close();
      await until('nothing is in flight on blue', async () => {
        return (await router.counters('shop')).blue.inFlight === 0;
      });
    });

    test('a configuration that is broken is refused and left as it was', async () => {
      const theirs = join(nginx.directory, 'conf.d/theirs.conf');
      writeFileSync(theirs, 'sever { }\n');
      const ours = readFileSync(nginx.settings.config, 'utf8');
      const error = await refused(
        router.apply({ ...route('shop', 6), green: { release: null, instances: [] } }),
      );
      expect(error.code).toBe('router-refused');
      expect(error.message).toContain('as it is');
      expect(error.detail.output?.join('\n')).toContain('sever');
      expect(readFileSync(nginx.settings.config, 'utf8')).toBe(ours);
      expect(await router.read('shop')).toMatchObject({ epoch: 5, live: 'green' });
      rmSync(theirs);
    });

    test('a reload that does not come about leaves what was there', async () => {
      const ours = readFileSync(nginx.settings.config, 'utf8');
      const stuck = new TableRouter(new NginxPlace({ ...nginx.settings, reload: ['false'] }));
      expect((await refused(stuck.apply(route('blog', 1)))).code).toBe('router-refused');
      expect(readFileSync(nginx.settings.config, 'utf8')).toBe(ours);
      expect(await router.read('blog')).toBeNull();
      expect(existsSync(`${nginx.settings.config}.sides/blog.epoch`)).toBe(false);
    });

    test('an order that was written and not taken to nginx is seen, and mended by the next', async () => {
      await router.apply(route('shop', 7));
      const flag = `${nginx.settings.config}.sides/shop.green`;
      const epoch = `${nginx.settings.config}.sides/shop.epoch`;
      const before = readFileSync(epoch);
      await router.apply({ ...route('shop', 8), live: 'green' });
      rmSync(flag);
      writeFileSync(epoch, before);
      expect(await router.read('shop')).toMatchObject({ epoch: 7, live: 'blue' });
      expect(await router.apply({ ...route('shop', 8), live: 'green' })).toMatchObject({ changed: true });
      expect(await router.read('shop')).toMatchObject({ epoch: 8, live: 'green' });
    });

    test('a second controller is held to the epochs of the first', async () => {
      await router.apply(route('shop', 12));
      const second = new TableRouter(new NginxPlace(nginx.settings));
      expect((await refused(second.apply({ ...route('shop', 11), live: 'green' }))).code).toBe('stale-epoch');
    });

    test('an nginx that does not run is said to be so, and nothing is written', async () => {
      const before = readFileSync(nginx.settings.config, 'utf8');
      const elsewhere = new TableRouter(new NginxPlace({ ...nginx.settings, pid: '/nowhere/nginx.pid' }));
      expect((await refused(elsewhere.apply(route('shop', 40)))).code).toBe('router-absent');
      expect(readFileSync(nginx.settings.config, 'utf8')).toBe(before);
    });
  });
});
