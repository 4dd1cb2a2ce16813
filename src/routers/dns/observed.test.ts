import { afterAll, expect, test } from 'bun:test';
import { routeTo } from '../../../test/fixtures/proxy.ts';
import { CutoverError } from '../../core/errors.ts';
import { observed } from './observed.ts';

let answer: () => Response = () => Response.json({ inFlight: 2, requests: 7 });
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => answer() });
afterAll(() => server.stop(true));
const { port = 0 } = server;
const here = { host: '127.0.0.1', port: 80 };
const route = routeTo('shop', 1, 'blue', here, here);
const url = `http://127.0.0.1:${port}/counts`;
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof CutoverError ? error.code : String(error)),
  );

test('agents tell what is in flight and how many have come, once for each host', async () => {
  const second = { ...here, port: 81 };
  const blue = { release: 1, instances: [here, second] };
  const counted = await observed({ ...route, blue }, { agents: port, can: [] }, '/');
  expect(counted.blue).toMatchObject({ requests: 7, inFlight: 2, writes: 0 });
});

test('what is told beyond requests counts only where the spec says that it can', async () => {
  const sides = { bootId: 'b', blue: { requests: 3, writes: 2, inFlight: 1 }, green: {} };
  answer = () => Response.json(sides);
  expect((await observed(route, { url, can: [] }, '/')).blue).toMatchObject({
    requests: 3,
    writes: 0,
    inFlight: 0,
  });
  expect((await observed(route, { url, can: ['counters', 'inFlight'] }, '/')).blue).toMatchObject(sides.blue);
  const command = ['/bin/echo', JSON.stringify(sides)];
  expect((await observed(route, { command, can: ['inFlight'] }, '/')).blue).toMatchObject({
    requests: 3,
    inFlight: 1,
  });
});

test('a source that does not answer well is told', async () => {
  for (const bad of [
    () => new Response('no', { status: 500 }),
    () => new Response('no JSON'),
    () => Response.json({ blue: {} }),
    () => new Response('x'.repeat(300_000)),
  ]) {
    answer = bad;
    expect(await codeOf(observed(route, { url, can: [] }, '/'))).toBe('router-absent');
    expect(await codeOf(observed(route, { agents: port, can: [] }, '/'))).toBe('router-absent');
  }
  expect(await codeOf(observed(route, { command: ['/bin/false'], can: [] }, '/'))).toBe('router-absent');
});
