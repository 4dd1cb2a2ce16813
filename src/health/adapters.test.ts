import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { createHealth, type Health, type HealthOptions } from './index.ts';

/** One program that answers `hello` to everything that is not ours. */
interface Program {
  readonly port: number;
  close(): Promise<unknown>;
}
type Start = (health: Health) => Promise<Program>;

const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
};
const listening = async (server: Server): Promise<Program> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
};

const programs = {
  'node:http': (health) =>
    listening(
      createServer((request, response) => void (health.node(request, response) || response.end('hello'))),
    ),
  Express: (health) => {
    const app = express();
    app.use(health.express);
    app.use((_request, response) => void response.send('hello'));
    return listening(createServer(app));
  },
  'Express, below a router': (health) => {
    const app = express();
    app.use('/', express.Router().use(health.express));
    app.use((_request, response) => void response.send('hello'));
    return listening(createServer(app));
  },
  Fastify: async (health) => {
    const app = fastify();
    await app.register(health.fastify);
    app.setNotFoundHandler((_request, reply) => void reply.code(200).send('hello'));
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: portOf(app.server), close: () => app.close() };
  },
  Hono: (health) => {
    const app = new Hono();
    app.use(health.hono);
    app.all('*', (context) => context.text('hello'));
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: app.fetch });
    return Promise.resolve({ port: server.port ?? 0, close: () => server.stop(true) });
  },
  Bun: (health) => {
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (request, own) => (await health.bun(request, own)) ?? new Response('hello'),
    });
    return Promise.resolve({ port: server.port ?? 0, close: () => server.stop(true) });
  },
} satisfies Readonly<Record<string, Start>>;

let folder: string;
let program: Program | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover health '));
});
afterEach(async () => {
  await program?.close();
  program = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const begin = async (start: Start, options: Partial<HealthOptions> = {}): Promise<Health> => {
  const health = createHealth({ file: join(folder, 'role.json'), ...options });
  program = await start(health);
  return health;
};
const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${program?.port}${path}`, init);
const statuses = (): Promise<number[]> =>
  Promise.all(['/live', '/standby', '/health'].map(async (path) => (await ask(path)).status));

describe.each(Object.entries(programs))('in %s', (_, start) => {
  test('exactly one side answers 200, before and after the role is changed', async () => {
    const health = await begin(start);
    expect(await statuses()).toEqual([200, 500, 200]);
    const changed = await ask('/enable/standby', { method: 'POST', body: 'of no matter' });
    expect([changed.status, await changed.json()]).toEqual([
      200,
      expect.objectContaining({ role: 'standby' }),
    ]);
    expect(await statuses()).toEqual([500, 200, 200]);
    expect(health.role()).toBe('standby');
    expect(createHealth({ file: join(folder, 'role.json') }).role()).toBe('standby');
  });

  test('all else is for the program', async () => {
    await begin(start);
    for (const path of ['/', '/lively', '/live/er', '/enable', '/in-flight', '/x/live', '/enable/live/x']) {
      const answer = await ask(path);
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, 'hello']);
    }
  });

  test('HEAD, a question mark and wrong methods are met as the protocol says', async () => {
    await begin(start);
    const head = await ask('/live', { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('cache-control')]).toEqual([
      200,
      '',
      'no-store',
    ]);
    expect((await ask('/live?from=balancer')).status).toBe(200);
    const put = await ask('/live', { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    const get = await ask('/enable/standby');
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await ask('/enable/both', { method: 'POST' })).status).toBe(404);
    expect(await statuses()).toEqual([200, 500, 200]);
  });

  test('who comes through a proxy or from a page of a browser is not this machine', async () => {
    await begin(start);
    for (const headers of [{ 'x-forwarded-for': '10.0.0.1' }, { origin: 'http://evil.example' }]) {
      expect((await ask('/enable/standby', { method: 'POST', headers })).status).toBe(403);
    }
    expect(await statuses()).toEqual([200, 500, 200]);
  });

  test('a token is wanted from everybody where there is one, and a prefix moves all', async () => {
    const token = 'a-token-of-24-characters';
    await begin(start, { token, prefix: '/_cutover' });
    expect((await ask('/_cutover/enable/standby', { method: 'POST' })).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await ask('/_cutover/enable/standby', { method: 'POST', headers })).status).toBe(200);
    expect([(await ask('/_cutover/live')).status, (await ask('/_cutover/standby')).status]).toEqual([
      500, 200,
    ]);
    expect(await (await ask('/live')).text()).toBe('hello');
  });
});

test('Hono on Node.js tells who asks by the socket; where nobody tells, it is nobody', async () => {
  const health = createHealth({ file: join(folder, 'role.json') });
  const app = new Hono();
  app.use(health.hono);
  const enable = async (env: object): Promise<number> =>
    (await app.request('http://localhost/enable/standby', { method: 'POST' }, env)).status;
  expect(await enable({})).toBe(403);
  expect(await enable({ incoming: { socket: { remoteAddress: '10.0.0.1' } } })).toBe(403);
  expect(await enable({ incoming: { socket: { remoteAddress: undefined } } })).toBe(403);
  expect(health.role()).toBe('live');
  expect(await enable({ incoming: { socket: { remoteAddress: '127.0.0.1' } } })).toBe(200);
  expect(health.role()).toBe('standby');
});

describe('the condition of the program', () => {
  const http = programs['node:http'];
  test('is starting until it says that it is well, and then what it says', async () => {
    let well = false;
    await begin(http, { healthy: () => well });
    expect(await statuses()).toEqual([500, 500, 500]);
    expect(await (await ask('/health')).json()).toMatchObject({
      condition: 'starting',
      detail: 'its check failed',
    });
    well = true;
    expect(await statuses()).toEqual([200, 500, 200]);
    well = false;
    expect(await (await ask('/health')).json()).toMatchObject({ condition: 'unhealthy' });
  });

  test('is not healthy if the check throws, rejects, or does not answer', async () => {
    const never = new Promise<boolean>(() => undefined);
    for (const [healthy, detail] of [
      [
        () => {
          throw new Error('no database');
        },
        'no database',
      ],
      [() => Promise.reject(new Error('no cache')), 'no cache'],
      [() => never, 'no answer of its check within 5 ms'],
    ] as const) {
      await begin(http, { healthy, timeoutMs: 5 });
      expect(await statuses()).toEqual([500, 500, 500]);
      expect(await (await ask('/health')).json()).toMatchObject({ detail });
      await program?.close();
    }
  });

  test('is asked once for all who ask at the same time', async () => {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const health = await begin(http, { healthy: () => ((asked += 1), promise) });
    const looks = Array.from({ length: 20 }, () => health.endpoints.looks());
    resolve(true);
    expect(new Set((await Promise.all(looks)).map(({ condition }) => condition))).toEqual(
      new Set(['healthy']),
    );
    expect(asked).toBe(1);
  });

  test('is the same for all processes of a program that share the file', async () => {
    const one = await begin(http);
    const two = createHealth({ file: join(folder, 'role.json') });
    two.enable('standby');
    expect(one.role()).toBe('standby');
    expect(await statuses()).toEqual([500, 200, 200]);
  });
});
