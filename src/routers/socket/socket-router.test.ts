import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, setDefaultTimeout, test } from 'bun:test';
import { systemClock } from '../../clocks/system.ts';
import { startHolder, stopHolder } from '../../cli/processes/holder-starter.ts';
import type { Address } from '../../core/address.ts';
import { colours, type Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';
import { HolderClient } from '../../holder/client.ts';
import { SocketsOfHolder } from '../../holder/held-sockets.ts';
import { HolderStatus } from '../../holder/protocol.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { listenOnDescriptor } from '../../../test/fixtures/descriptor.ts';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import { SocketRouter } from './socket-router.ts';

// Processes are started, and one takes the place of another.
setDefaultTimeout(30_000);

/** A holder, with a client of it and what gives out sockets. */
function holding(home = mkdtempSync(join(tmpdir(), 'cutover holder '))) {
  const client = new HolderClient(home, () => startHolder(home, systemClock));
  const sockets = new SocketsOfHolder(home, client, [], () => undefined);
  return {
    client,
    sockets,
    router: new SocketRouter(client, Date.now),
    status: () => client.ask({ method: 'GET', path: '/v1/status' }, HolderStatus),
    async close() {
      sockets.close();
      await stopHolder(client);
      rmSync(home, { recursive: true });
    },
  };
}

/** The first words of whoever is at an address; null: nobody. */
function wordsAt({ host, port }: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('error', () => resolve(null));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
  });
}

routerSuite('socket', async () => {
  const { client, sockets, router, status, close } = holding();
  const programs: { stop(closeActive?: boolean): void }[] = [];
  const running = new Set<string>();
  const stranger = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const address = { host: '127.0.0.1', port: 1 };
  /** Has a program of each side accept, as the platform does when it starts instances. */
  const bringUp = async ({ service, listen }: Route): Promise<void> => {
    const key = `${service} ${listen.port}`;
    if (running.has(key)) return;
    running.add(key);
    for (const colour of colours) {
      const { fd } = await sockets.take({ service, colour, index: 0, instances: 1, listen, address });
      programs.push(listenOnDescriptor(fd, colour));
    }
  };
  return {
    router,
    route: (service, epoch) => routeTo(service, epoch, 'blue', address, address),
    async request(route) {
      // Of a service that is removed nobody has a socket any more.
      if ((await router.read(route.service)) !== null) await bringUp(route);
      const words = await wordsAt(route.listen);
      return words === 'blue' || words === 'green' ? (words satisfies Colour) : null;
    },
    async restart() {
      const { pid, second } = await status();
      expect(second).not.toBeNull();
      process.kill(pid, 'SIGKILL');
      await status();
    },
    takenAddress: () => Promise.resolve({ host: '127.0.0.1', port: stranger.port }),
    async close() {
      for (const program of programs) program.stop(true);
      stranger.stop(true);
      await close();
      expect(
        await client.askOnce({ method: 'GET', path: '/v1/status' }, HolderStatus).catch(String),
      ).toContain('expected an answer');
    },
  };
});

test('before the first switch nobody is heard, and who knocked then is answered after it', async () => {
  const { sockets, router, close } = holding();
  const place = {
    service: 'shop',
    colour: 'blue',
    index: 0,
    instances: 1,
    listen: { host: '127.0.0.1', port: 0 },
    address: { host: '127.0.0.1', port: 1 },
  } as const;
  const { fd } = await sockets.take(place);
  const program = listenOnDescriptor(fd, 'blue');
  try {
    await router.apply(routeTo('shop', 1, 'green', place.address, place.address));
    const route = await router.read('shop');
    if (!route) throw new Error('no route');
    await router.apply({ ...route, epoch: 2, green: { release: null, instances: [] } });
    const knocking = wordsAt(route.listen);
    await router.apply({ ...route, epoch: 3, live: 'blue' });
    expect(await knocking).toBe('blue');
  } finally {
    program.stop(true);
    await close();
  }
});

test('an address of IPv6 alone is refused', async () => {
  const { router, close } = holding();
  try {
    const route = routeTo('shop', 1, 'blue', { host: '::1', port: 1 }, { host: '::1', port: 1 });
    const thrown: unknown = await router
      .apply({ ...route, listen: { host: '::1', port: 0 } })
      .catch((e: unknown) => e);
    expect(thrown).toBeInstanceOf(CutoverError);
    expect(thrown).toMatchObject({ code: 'router-cannot' });
  } finally {
    await close();
  }
});
