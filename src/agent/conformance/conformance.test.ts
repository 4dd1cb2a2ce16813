import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../clocks/system.ts';
import { createHealth } from '../../health/index.ts';
import { Conformance, placeOf } from './conformance.ts';
import type { Observation } from './observation.ts';

type Role = 'live' | 'standby';
interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
}

const token = 'a-token-of-24-characters';
let folder: string;
let server: Bun.Server<undefined>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover conformance '));
});
afterEach(async () => {
  await server.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

const place = { hostname: '127.0.0.1', port: 0, development: false } as const;
const observe = (enable: boolean, given?: string): Promise<readonly Observation[]> =>
  new Conformance(systemClock, placeOf(`http://127.0.0.1:${server.port}`), {
    enable,
    token: given,
    timeoutMs: 5000,
  }).observe();
const failed = (seen: readonly Observation[]): string[] =>
  seen.filter(({ result }) => result === 'fail').map(({ look }) => look);

test('the library conforms, before and after a change of its role, and has the role it had', async () => {
  const health = createHealth({ file: join(folder, 'role.json'), token });
  server = Bun.serve({
    ...place,
    fetch: async (request, own) => (await health.bun(request, own)) ?? new Response(''),
  });
  expect((await observe(false)).every(({ result }) => result === 'ok')).toBe(true);
  const seen = await observe(true, token);
  expect(seen.filter(({ result }) => result !== 'ok')).toEqual([]);
  expect(seen.map(({ look }) => look)).toContain('a wrong token is refused');
  expect(health.role()).toBe('live');
  health.enable('standby');
  expect(failed(await observe(true, token))).toEqual([]);
  expect(health.role()).toBe('standby');
});

test('one that is not healthy is no breach, and nothing is enabled there', async () => {
  const health = createHealth({ file: join(folder, 'role.json'), healthy: () => false });
  server = Bun.serve({
    ...place,
    fetch: async (request, own) => (await health.bun(request, own)) ?? new Response(''),
  });
  const seen = await observe(true);
  expect(failed(seen)).toEqual([]);
  expect(seen.find(({ look }) => look === 'POST /enable changes the role')?.result).toBe('warn');
});

test('without a token from elsewhere it says what to do', async () => {
  const health = createHealth({ file: join(folder, 'role.json'), token });
  server = Bun.serve({
    ...place,
    fetch: async (request, own) => (await health.bun(request, own)) ?? new Response(''),
  });
  const seen = await observe(true);
  expect(failed(seen)).toContain('POST /enable/SIDE changes the role before it answers');
  expect(seen.find(({ next }) => next?.includes('--token-file'))?.found).toContain('found 401');
});

/** A server by hand that does all rightly, but for what `wrong` answers in its stead; null: rightly. */
function serveWrong(wrong: (asked: Asked, role: { now: Role }) => Response | null): { now: Role } {
  const role = { now: 'live' as Role };
  const say = (status: number, text = ''): Response =>
    new Response(text, { status, headers: { 'cache-control': 'no-store' } });
  server = Bun.serve({
    ...place,
    fetch(request) {
      const asked = {
        method: request.method,
        path: request.url.replace(/^http:\/\/[^/]+/, ''),
        authorization: request.headers.get('authorization'),
      };
      const instead = wrong(asked, role);
      if (instead) return instead;
      const { method, path } = asked;
      if (path === '/live' || path === '/standby') return say(path === `/${role.now}` ? 200 : 500);
      if (path === '/health') return say(200, JSON.stringify({ role: role.now }));
      const [, to] = /^\/enable\/(live|standby)$/.exec(path) ?? [];
      if (to === undefined) return say(404);
      if (method !== 'POST') return say(405);
      if (asked.authorization !== `Bearer ${token}`) return say(401);
      role.now = to === 'live' ? 'live' : 'standby';
      return say(200);
    },
  });
  return role;
}

test('a server that does all rightly has nothing to mend', async () => {
  serveWrong(() => null);
  expect(failed(await observe(true, token))).toEqual([]);
});

test.each([
  [
    'answers 200 to both',
    'exactly one of /live and /standby answers 200',
    ({ path }: Asked) => (path === '/standby' ? new Response('') : null),
  ],
  [
    'answers 404 where it should answer 500',
    'exactly one of /live and /standby answers 200',
    ({ path }: Asked, role: { now: Role }) =>
      /^\/(live|standby)$/.test(path) && path !== `/${role.now}` ? new Response('', { status: 404 }) : null,
  ],
  [
    'answers 500 to both and says that it is healthy',
    'exactly one of /live and /standby answers 200',
    ({ path }: Asked) => (/^\/(live|standby)$/.test(path) ? new Response('', { status: 500 }) : null),
  ],
  [
    'does not know HEAD',
    'HEAD /live is answered as GET is',
    ({ method }: Asked) => (method === 'HEAD' ? new Response('', { status: 405 }) : null),
  ],
  [
    'names another role than it answers by',
    'GET /health tells the role, as JSON',
    ({ path }: Asked) => (path === '/health' ? Response.json({ role: 'standby' }) : null),
  ],
  [
    'tells its health in words',
    'GET /health tells the role, as JSON',
    ({ path }: Asked) => (path === '/health' ? new Response('fine') : null),
  ],
  [
    'changes its role for a GET',
    'GET /enable/SIDE changes nothing',
    ({ method, path }: Asked, role: { now: Role }) => {
      if (method !== 'GET' || path !== '/enable/standby') return null;
      role.now = 'standby';
      return new Response('');
    },
  ],
  [
    'takes any token',
    'a wrong token is refused',
    ({ method, path, authorization }: Asked, role: { now: Role }) => {
      if (method !== 'POST' || path !== '/enable/standby' || authorization === null) return null;
      role.now = 'standby';
      return new Response('');
    },
  ],
  [
    'says that it has changed and has not',
    'POST /enable/SIDE changes the role before it answers',
    ({ method, path, authorization }: Asked) =>
      method === 'POST' && path === '/enable/standby' && authorization === `Bearer ${token}`
        ? new Response('')
        : null,
  ],
  [
    'changes back when it is told the same twice',
    'POST /enable/SIDE twice is as once',
    ({ method, path, authorization }: Asked, role: { now: Role }) => {
      if (method !== 'POST' || path !== '/enable/standby' || authorization !== `Bearer ${token}`) return null;
      role.now = role.now === 'live' ? 'standby' : 'live';
      return new Response('');
    },
  ],
  [
    'takes what is no role',
    'POST /enable of what is no role is refused',
    ({ path }: Asked) => (path === '/enable/nothing-of-ours' ? new Response('') : null),
  ],
])('a server that %s is found out', async (_, look, wrong) => {
  const role = serveWrong(wrong);
  expect(failed(await observe(true, token))).toContain(look);
  expect(role.now).toBe('live');
});

test('without --enable nothing is sent that could change anything', async () => {
  const asked: Asked[] = [];
  serveWrong((each) => {
    asked.push(each);
    return null;
  });
  await observe(false);
  expect(asked.length).toBeGreaterThan(5);
  for (const { method, path } of asked) {
    expect(['GET', 'HEAD', 'OPTIONS']).toContain(method);
    expect(['/live', '/standby', '/health']).toContain(path);
  }
});

test('an answer that does not come is named as what it is', async () => {
  server = Bun.serve({ ...place, fetch: () => new Response('') });
  const { port } = server;
  await server.stop(true);
  const conformance = new Conformance(systemClock, placeOf(`127.0.0.1:${port}/`), {
    enable: false,
    token: undefined,
    timeoutMs: 500,
  });
  expect(await conformance.observe().catch((error: unknown) => error)).toMatchObject({
    code: 'agent-absent',
    message: `http://127.0.0.1:${port}/live: expected an answer, found: connection refused at 127.0.0.1:${port}`,
  });
});

test.each(['', 'http://', 'http://a/?b', 'ftp://a', 'http://me@a/'])('%p is no place', (text) => {
  expect(() => placeOf(text)).toThrow('expected a URL');
});
