import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { enterOwnNetwork } from '../../../test/fixtures/network.ts';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import type { Address } from '../../core/address.ts';
import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { KernelSettings } from '../../core/spec/kernel.ts';
import type { Route } from '../../core/traffic.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { KernelRouter } from './kernel-router.ts';
import { runProgram } from './program.ts';

const reason = enterOwnNetwork();

const settings = KernelSettings.parse({});
const nft = async (...words: string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await runProgram(['nft', ...words], '');
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
};

/** Says its name to whoever connects, and stays until the client goes. */
function speaker(name: string, host = '127.0.0.1') {
  const listener = Bun.listen({
    hostname: host,
    port: 0,
    socket: { open: (socket) => void socket.write(name), data: () => undefined },
  });
  return { address: { host, port: listener.port }, stop: () => listener.stop(true) };
}

/** Connects, and returns the first words with the connection; null if nobody is there. */
function call({ host, port }: Address): Promise<{ words: string; socket: Socket } | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('error', () => resolve(null));
    socket.once('data', (data) => resolve({ words: data.toString(), socket }));
  });
}
async function sideAt(address: Address): Promise<Colour | null> {
  const answer = await call(address);
  answer?.socket.destroy();
  return answer?.words === 'blue' || answer?.words === 'green' ? answer.words : null;
}

const tcp = (service: string, epoch: number, blue: Address, green: Address): Route => ({
  ...routeTo(service, epoch, 'blue', blue, green),
  protocol: 'tcp',
});
const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof CutoverError ? error.code : String(error)),
  );

describe.skipIf(reason !== null)(`the kernel${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  routerSuite('kernel', () => {
    const [blue, green] = [speaker('blue'), speaker('green')];
    const stranger = speaker('stranger');
    const sockets: Socket[] = [];
    return Promise.resolve({
      router: new KernelRouter(settings, Date.now),
      route: (service, epoch) => ({
        ...tcp(service, epoch, blue.address, green.address),
        preview: { host: '127.0.0.1', port: 0 },
      }),
      request: ({ listen }) => sideAt(listen),
      preview: ({ preview }) => (preview ? sideAt(preview) : Promise.resolve(null)),
      async linger({ listen }, count) {
        for (let n = 0; n < count; n++) {
          const answer = await call(listen);
          if (answer) sockets.push(answer.socket);
        }
      },
      takenAddress: () => Promise.resolve(stranger.address),
      async close() {
        for (const socket of sockets) socket.destroy();
        for (const each of [blue, green, stranger]) each.stop();
        await nft('delete', 'table', 'inet', 'cutover');
      },
    });
  });

  const withTable = async (
    name: string,
    act: (router: KernelRouter, table: string, route: Route) => Promise<void>,
  ): Promise<void> => {
    const [blue, green] = [speaker('blue'), speaker('green')];
    try {
      const router = new KernelRouter(KernelSettings.parse({ table: name }), Date.now);
      const asked = tcp('shop', 1, blue.address, green.address);
      await router.apply(asked);
      const route = await router.read('shop');
      if (!route) throw new Error('not in force');
      await act(router, name, route);
    } finally {
      for (const each of [blue, green]) each.stop();
      await runProgram(['nft', 'delete', 'table', 'inet', name], '');
    }
  };

  test('a connection stays where it began, and is counted there until it ends', () =>
    withTable('stays', async (router, _, route) => {
      const old = await call(route.listen);
      await router.apply({ ...route, live: 'green', epoch: 2 });
      expect(await sideAt(route.listen)).toBe('green');
      expect((await router.counters('shop')).blue.inFlight).toBe(1);
      old?.socket.destroy();
      let left = 1;
      while (left > 0) left = (await router.counters('shop')).blue.inFlight;
    }));

  test('instances of a side get equal parts of the new connections, and weights are kept to the connection', () =>
    withTable('parts', async (router, _, route) => {
      const more = [speaker('second'), speaker('third')];
      try {
        const blue = {
          release: 1,
          instances: [...route.blue.instances, ...more.map(({ address }) => address)],
        };
        await router.apply({ ...route, blue, epoch: 2 });
        const seen: Record<string, number> = {};
        const count = async (calls: number): Promise<void> => {
          for (let n = 0; n < calls; n++) {
            const answer = await call(route.listen);
            answer?.socket.destroy();
            const words = answer?.words ?? 'nobody';
            seen[words] = (seen[words] ?? 0) + 1;
          }
        };
        await count(30);
        expect(seen).toEqual({ blue: 10, second: 10, third: 10 });
        await router.apply({ ...route, blue, epoch: 3, weights: { blue: 3, green: 1 } });
        await count(40);
        expect(seen).toEqual({ blue: 20, second: 20, third: 20, green: 10 });
      } finally {
        for (const each of more) each.stop();
      }
    }));

  test('every address of the machine can be listened on', () =>
    withTable('any', async (router, _, route) => {
      const port = await freePort();
      const listen = { host: '0.0.0.0', port };
      expect(await codeOf(router.apply({ ...route, listen, epoch: 2 }))).toBe('router-cannot');
      writeFileSync('/proc/sys/net/ipv4/conf/all/route_localnet', '1');
      await router.apply({ ...route, listen, epoch: 2 });
      expect(await sideAt({ host: '127.0.0.1', port })).toBe('blue');
      expect(await sideAt({ host: '127.9.9.9', port })).toBe('blue');
    }));

  test('IPv6 goes to IPv6, however it is written, and never to IPv4', () =>
    withTable('six', async (router, _, route) => {
      const six = speaker('blue', '::1');
      try {
        const side = { release: 1, instances: [{ host: '0:0:0:0:0:0:0:1', port: six.address.port }] };
        const listen = { host: '::1', port: await freePort() };
        expect(await codeOf(router.apply({ ...route, listen, epoch: 2 }))).toBe('router-cannot');
        await router.apply({ ...route, listen, blue: side, green: side, epoch: 2 });
        expect(await sideAt(listen)).toBe('blue');
        expect((await router.read('shop'))?.epoch).toBe(2);
      } finally {
        six.stop();
      }
    }));

  test('names are refused', () =>
    withTable('names', async (router, _, route) => {
      const blue = { release: 1, instances: [{ host: 'shop.internal', port: 80 }] };
      expect(await codeOf(router.apply({ ...route, blue, epoch: 2 }))).toBe('router-cannot');
      expect(await router.read('shop')).toEqual(route);
    }));

  test('what somebody else changed is not in force, and is put right by the next order', () =>
    withTable('meddled', async (router, table, route) => {
      await nft('flush', 'map', 'inet', table, 'here4');
      expect(await sideAt(route.listen)).toBeNull();
      expect(await router.read('shop')).toBeNull();
      expect(await router.apply(route)).toMatchObject({ epoch: 1 });
      expect(await sideAt(route.listen)).toBe('blue');
      expect(await router.read('shop')).toEqual(route);
    }));

  test('what the kernel has lost is put back with the next order, also for other services', () =>
    withTable('lost', async (router, table, route) => {
      const blog = { ...route, service: 'blog', listen: { host: '127.0.0.1', port: await freePort() } };
      await router.apply(blog);
      await nft('delete', 'table', 'inet', table);
      expect(await router.read('shop')).toBeNull();
      await router.apply({ ...route, live: 'green', epoch: 2 });
      expect(await sideAt(route.listen)).toBe('green');
      expect(await sideAt(blog.listen)).toBe('blue');
    }));

  test('a table of another program is refused and left as it is', async () => {
    await nft('add', 'table', 'inet', 'foreign');
    const before = await nft('list', 'table', 'inet', 'foreign');
    const router = new KernelRouter(KernelSettings.parse({ table: 'foreign' }), Date.now);
    const route = tcp('shop', 1, { host: '127.0.0.1', port: 1 }, { host: '127.0.0.1', port: 2 });
    expect(await codeOf(router.apply(route))).toBe('router-refused');
    expect(await nft('list', 'table', 'inet', 'foreign')).toBe(before);
    await nft('delete', 'table', 'inet', 'foreign');
  });

  test('of many who write at the same time each is either in force for a moment or refused by its epoch', () =>
    withTable('many', async (_, table, route) => {
      const routers = Array.from(
        { length: 6 },
        () => new KernelRouter(KernelSettings.parse({ table }), Date.now),
      );
      const codes = await Promise.all(
        routers.map((each, index) =>
          codeOf(each.apply({ ...route, live: index % 2 ? 'green' : 'blue', epoch: 2 + index })),
        ),
      );
      expect(codes.every((code) => code === 'none' || code === 'stale-epoch')).toBeTrue();
      const inForce = await routers[0]?.read('shop');
      expect(inForce).toMatchObject({ epoch: 7, live: 'green' });
      expect(await sideAt(route.listen)).toBe('green');
    }));

  test('a program that is not there, and rights that are missing, are told with what to do', async () => {
    const absent = new KernelRouter(settings, Date.now, () => runProgram(['cutover-no-such-program'], ''));
    expect(await codeOf(absent.read('shop'))).toBe('router-absent');
    const denied = new KernelRouter(settings, Date.now, () =>
      Promise.resolve({ exitCode: 1, stdout: '', stderr: 'Error: Operation not permitted' }),
    );
    const error: unknown = await denied.read('shop').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'router-refused',
      next: expect.stringContaining('CAP_NET_ADMIN') as string,
    });
  });
});

async function freePort(): Promise<number> {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return Promise.resolve(port);
}
