import { afterEach, expect, test } from 'bun:test';
import { tmpdir } from 'node:os';
import { systemClock } from '../clocks/system.ts';
import type { RoundOrder } from '../ports/check.ts';
import { createChecker } from './index.ts';

const checker = createChecker({ clock: systemClock });
const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

function target(answer: (request: Request) => Response | Promise<Response>) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer });
  servers.push(server);
  return { address: { host: '127.0.0.1', port: server.port ?? 0 }, variables: {}, directory: tmpdir() };
}
const order = (change: Partial<RoundOrder> = {}): RoundOrder => ({
  paths: ['/'],
  method: 'GET',
  headers: {},
  expect: '200-399',
  requests: 20,
  concurrency: 4,
  timeoutMs: 5000,
  ...change,
});

test('each path is asked for as often as the others, with the method and headers, so many at a time', async () => {
  const seen = new Map<string, number>();
  let underWay = 0;
  let most = 0;
  const instance = target(async (request) => {
    most = Math.max(most, ++underWay);
    const key = `${request.method} ${new URL(request.url).pathname} ${request.headers.get('x-warm')}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    await new Promise(setImmediate);
    underWay--;
    return new Response('fine');
  });
  const result = await checker.round(
    order({ paths: ['/a', '/b'], method: 'HEAD', headers: { 'x-warm': '1' } }),
    instance,
  );
  expect(result).toMatchObject({ requests: 20, failed: 0, why: [] });
  expect(Object.fromEntries(seen)).toEqual({ 'HEAD /a 1': 10, 'HEAD /b 1': 10 });
  expect(most).toBeLessThanOrEqual(4);
  expect(result.p50Ms).toBeGreaterThan(0);
});

test('another status counts as failed and its latency does not count; it is told by its kind', async () => {
  let n = 0;
  const instance = target(() => new Response('', { status: ++n % 2 ? 500 : 404 }));
  const { requests, failed, firstMs, p50Ms, why } = await checker.round(order({ concurrency: 1 }), instance);
  expect({ requests, failed, firstMs, p50Ms }).toEqual({
    requests: 20,
    failed: 20,
    firstMs: null,
    p50Ms: null,
  });
  expect(why.toSorted()).toEqual(['10 × status 404 for /', '10 × status 500 for /']);
});

test('an instance that is not there fails every request and rejects none', async () => {
  const instance = target(() => new Response(''));
  await servers.splice(0)[0]?.stop(true);
  const { requests, failed, p50Ms } = await checker.round(order(), instance);
  expect({ requests, failed, p50Ms }).toEqual({ requests: 20, failed: 20, p50Ms: null });
});

test('one that never answers is given up when the signal is aborted, at once', async () => {
  const asked = Promise.withResolvers<void>();
  const instance = target(() => {
    asked.resolve();
    return new Promise<Response>(() => undefined);
  });
  const stop = new AbortController();
  const round = checker.round(order({ timeoutMs: 60_000 }), instance, stop.signal);
  await asked.promise;
  stop.abort();
  expect(await round).toMatchObject({ requests: 0, p50Ms: null });
});
