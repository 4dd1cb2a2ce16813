import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { CutoverError } from '../../core/errors.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { HaproxyFixture } from '../../../test/fixtures/haproxy.ts';
import { routeTo, startOrigin, type Origin } from '../../../test/fixtures/proxy.ts';
import { sideAt } from '../../../test/fixtures/side-of.ts';
import { TableRouter } from '../configured/table-router.ts';
import { HaproxyPlace } from './haproxy-place.ts';

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
const absent = HaproxyFixture.absent();
const refused = async (promise: Promise<unknown>): Promise<CutoverError> => {
  const thrown: unknown = await promise.then(
    () => new Error('was not refused'),
    (error: unknown) => error,
  );
  if (thrown instanceof CutoverError) return thrown;
  throw thrown;
};

describe.skipIf(absent !== null)(`HAProxy (${absent ?? 'installed'})`, () => {
  routerSuite('haproxy', async () => {
    const haproxy = await HaproxyFixture.start();
    const stranger = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
    return {
      router: new TableRouter(new HaproxyPlace(haproxy.settings)),
      route,
      request: ({ listen }) => sideAt(listen),
      preview: async ({ preview }) => (preview ? sideAt(preview) : null),
      async restart() {
        await haproxy.end();
        await haproxy.begin();
      },
      takenAddress: () => Promise.resolve({ host: '127.0.0.1', port: stranger.port }),
      async close() {
        stranger.stop(true);
        await haproxy.close();
      },
    };
  });

  describe('beyond the contract', () => {
    let haproxy: HaproxyFixture;
    let router: TableRouter;
    beforeAll(async () => {
      haproxy = await HaproxyFixture.start();
      router = new TableRouter(new HaproxyPlace(haproxy.settings));
    });
    afterAll(() => haproxy.close());
    const process = () =>
      router.counters('shop').then(
        ({ bootId }) => bootId,
        () => null,
      );

    test('only what is between the marks is written', async () => {
      const before = readFileSync(haproxy.config, 'utf8');
      await router.apply(route('shop', 1));
      const text = readFileSync(haproxy.config, 'utf8');
      expect(text.startsWith(before)).toBe(true);
      writeFileSync(haproxy.config, `${text}# and this is below\n`);
      await router.apply({ ...route('shop', 2), live: 'green' });
      const later = readFileSync(haproxy.config, 'utf8');
      expect(later.startsWith(before)).toBe(true);
      expect(later.endsWith('# and this is below\n')).toBe(true);
    });

    test('a switch, and a release that comes to other addresses, need no reload', async () => {
      const boot = await process();
      const other = startOrigin('green');
      try {
        const moved = { release: 3, instances: [other.address, green.address] };
        await router.apply({ ...route('shop', 3), green: moved });
        await router.apply({ ...route('shop', 4), green: moved, live: 'green' });
        const read = await router.read('shop');
        if (!read) throw new Error('it is not known');
        for (let n = 0; n < 6; n++) expect(await sideAt(read.listen)).toBe('green');
        expect(other.arrivals).toHaveLength(3);
        await router.apply({ ...route('shop', 5), live: 'blue', green: { release: null, instances: [] } });
        expect(await sideAt(read.listen)).toBe('blue');
      } finally {
        await other.close();
      }
      expect(await process()).toBe(boot);
    });

    test('a connection that is kept goes to the new side with its next request', async () => {
      await router.apply(route('shop', 6));
      const read = await router.read('shop');
      const url = `http://127.0.0.1:${read?.listen.port}/`;
      const ask = async (): Promise<string> => (await fetch(url)).text();
      expect(await ask()).toBe('blue');
      await router.apply({ ...route('shop', 7), live: 'green' });
      expect(await ask()).toBe('green');
    });

    test('writes are counted apart from reads', async () => {
      const read = await router.read('shop');
      const before = await router.counters('shop');
      const url = `http://127.0.0.1:${read?.listen.port}/`;
      await (await fetch(url, { method: 'POST', body: 'x' })).text();
      await (await fetch(url)).text();
      const after = await router.counters('shop');
      expect(after.green.writes - before.green.writes).toBe(1);
      expect(after.green.requests - before.green.requests).toBe(2);
    });

    test('what somebody told HAProxy by hand is seen, and the next order mends it', async () => {
      const place = new HaproxyPlace(haproxy.settings);
      expect(await place.inForce(await place.load(), 'shop')).toEqual({ epoch: 7, live: 'green' });
      // HAProxy starts from a configuration of which the order was written but never taken to it.
      const text = readFileSync(haproxy.config, 'utf8');
      await router.apply(route('shop', 8));
      const newer = readFileSync(haproxy.config, 'utf8');
      writeFileSync(haproxy.config, text);
      await haproxy.end();
      await haproxy.begin();
      writeFileSync(haproxy.config, newer);
      expect(await router.read('shop')).toMatchObject({ epoch: 7, live: 'green' });
      expect(await router.apply(route('shop', 8))).toMatchObject({ changed: true });
      expect(await router.read('shop')).toMatchObject({ epoch: 8, live: 'blue' });
    });

    test('a second controller is held to the epochs of the first', async () => {
      const second = new TableRouter(new HaproxyPlace(haproxy.settings));
      expect((await refused(second.apply({ ...route('shop', 7), live: 'green' }))).code).toBe('stale-epoch');
      // Of many that come at once, each gets its turn or is refused; the newest is in force.
      const orders = [12, 9, 11, 10].map((epoch, n) =>
        (n % 2 ? second : router).apply(route('shop', epoch)).catch((error: unknown) => error),
      );
      await Promise.all(orders);
      expect(await second.read('shop')).toMatchObject({ epoch: 12 });
    });

    test('a configuration that is broken is refused and left as it was', async () => {
      const good = readFileSync(haproxy.config, 'utf8');
      const broken = good.replace('timeout connect 4s', 'timeout konnect 4s');
      writeFileSync(haproxy.config, broken);
      const error = await refused(router.apply({ ...route('shop', 20), live: 'green' }));
      expect(error.code).toBe('router-refused');
      expect(error.message).toContain('as it is');
      expect(error.detail.output?.join('\n')).toContain('konnect');
      expect(readFileSync(haproxy.config, 'utf8')).toBe(broken);
      expect(await router.read('shop')).toMatchObject({ epoch: 12, live: 'blue' });
      writeFileSync(haproxy.config, good);
    });

    test('a reload that does not come about leaves what was there', async () => {
      const before = readFileSync(haproxy.config, 'utf8');
      const stuck = new TableRouter(new HaproxyPlace({ ...haproxy.settings, reload: ['false'] }));
      const error = await refused(stuck.apply(route('blog', 1)));
      expect(error.code).toBe('router-refused');
      expect(readFileSync(haproxy.config, 'utf8')).toBe(before);
      expect(await router.read('blog')).toBeNull();
    });

    test('marks that are no pair, and a table that was changed by hand, are refused', async () => {
      const good = readFileSync(haproxy.config, 'utf8');
      for (const bad of [good.replace('# <<< cutover', ''), good.replace('"epoch":12', '"epoch":99')]) {
        writeFileSync(haproxy.config, bad);
        expect((await refused(router.apply(route('shop', 30)))).code).toBe('state-damaged');
        expect(readFileSync(haproxy.config, 'utf8')).toBe(bad);
      }
      writeFileSync(haproxy.config, good);
    });

    test('nobody at the socket is said to be so, and nothing is written', async () => {
      const before = readFileSync(haproxy.config, 'utf8');
      const elsewhere = { ...haproxy.settings, socket: `${haproxy.settings.socket}-not` };
      const error = await refused(new TableRouter(new HaproxyPlace(elsewhere)).apply(route('shop', 40)));
      expect(error.code).toBe('router-absent');
      expect(error.message).toContain(elsewhere.socket);
      expect(readFileSync(haproxy.config, 'utf8')).toBe(before);
    });
  });
});
