import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../../core/address.ts';
import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { ProxyFixture, routeTo, startOrigin, type Origin } from '../../../test/fixtures/proxy.ts';
import { EmbeddedRouter } from './embedded-router.ts';

let blue: Origin;
let green: Origin;
beforeAll(() => {
  blue = startOrigin('blue');
  green = startOrigin('green');
});
afterAll(() => Promise.all([blue.close(), green.close()]));

async function sideAt({ host, port }: Address): Promise<Colour | null> {
  try {
    const response = await fetch(`http://${host}:${port}/`, { headers: { connection: 'close' } });
    const text = await response.text();
    return text === 'blue' || text === 'green' ? text : null;
  } catch {
    return null;
  }
}

routerSuite('embedded', async () => {
  const proxy = await ProxyFixture.start();
  const sockets: WebSocket[] = [];
  const stranger = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  return {
    router: proxy.router,
    route: (service, epoch) => ({
      ...routeTo(service, epoch, 'blue', blue.address, green.address),
      preview: { host: '127.0.0.1', port: 0 },
    }),
    request: ({ listen }) => sideAt(listen),
    preview: async ({ preview }) => (preview ? sideAt(preview) : null),
    async linger({ listen }, count) {
      for (let n = 0; n < count; n++) {
        const socket = new WebSocket(`ws://${listen.host}:${listen.port}/`);
        sockets.push(socket);
        await new Promise((resolve, reject) => {
          socket.onopen = resolve;
          socket.onerror = () => reject(new Error('the WebSocket was not opened'));
        });
      }
    },
    async restart() {
      await proxy.stop();
      await proxy.startKeeper();
    },
    takenAddress: () => Promise.resolve({ host: '127.0.0.1', port: stranger.port }),
    async close() {
      for (const socket of sockets) socket.close();
      stranger.stop(true);
      await proxy.close();
    },
  };
});

describe('embedded router without a proxy', () => {
  test('says that the proxy is absent, where it looked and what to do', async () => {
    const home = mkdtempSync(join(tmpdir(), 'cutover absent '));
    try {
      const router = new EmbeddedRouter(home);
      const error: unknown = await router.read('shop').catch((error: unknown) => error);
      expect(error).toBeInstanceOf(CutoverError);
      expect(error).toMatchObject({
        code: 'proxy-absent',
        next: expect.stringContaining('cutover up') as string,
      });
      expect(String(error)).toContain(router.socket);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});
