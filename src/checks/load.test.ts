import { afterEach, expect, test } from 'bun:test';
import { tmpdir } from 'node:os';
import { systemClock } from '../clocks/system.ts';
import { Check } from '../core/spec/check.ts';
import type { CheckResult } from '../ports/check.ts';
import { createChecker } from './index.ts';

const checker = createChecker({ clock: systemClock });
const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

/** Instances that answer so. */
function instances(count: number, answer: (request: Request) => Response | Promise<Response>) {
  return Array.from({ length: count }, () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer });
    servers.push(server);
    return { host: '127.0.0.1', port: server.port ?? 0 };
  });
}

function run(
  load: Record<string, unknown>,
  [address, ...others]: { host: string; port: number }[],
  timeoutMs = 5000,
  signal?: AbortSignal,
): Promise<CheckResult> {
  if (!address) throw new Error('no instance');
  const target = { address, others, variables: {}, directory: tmpdir() };
  return checker.run(Check.parse({ load }), target, timeoutMs, signal);
}

test('as many requests as ordered go to all instances and all paths in turns, and the figures are told', async () => {
  const seen = new Map<string, number>();
  const addresses = instances(2, (request) => {
    const { host, pathname } = new URL(request.url);
    const key = `${addresses.findIndex(({ port }) => host.endsWith(`:${port}`))} ${pathname} ${request.headers.get('x-smoke')}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return new Response('fine');
  });
  const { ok, detail } = await run(
    { paths: ['/a', '/b'], rate: 400, duration: '500ms', headers: { 'x-smoke': '1' } },
    addresses,
  );
  expect(ok).toBe(true);
  expect(detail).toMatch(/^load: 200 requests in \S+ to 2 instances, 0 failed, p50 \S+, p99 \S+$/);
  expect(Object.fromEntries(seen)).toEqual({ '0 /a 1': 50, '0 /b 1': 50, '1 /a 1': 50, '1 /b 1': 50 });
});

test('one failure in fifty fails it at once where none may fail, and is told by its kind', async () => {
  let n = 0;
  const { ok, detail, output } = await run(
    { rate: 1000, duration: '60s', connections: 4 },
    instances(1, () => new Response('', { status: ++n % 50 === 0 ? 503 : 200 })),
  );
  expect(ok).toBe(false);
  expect(detail).toMatch(/^load: expected none of the requests to fail, found \d of \d\d$/);
  expect(output).toEqual(['1 × status 503']);
});

test('a share of failures that is allowed is no reason to fail', async () => {
  let n = 0;
  const addresses = instances(1, () => new Response('', { status: ++n % 50 === 0 ? 500 : 200 }));
  const { ok, detail, output } = await run({ rate: 1000, duration: '200ms', errors: '2%' }, addresses);
  expect({ ok, output }).toEqual({ ok: true, output: ['4 × status 500'] });
  expect(detail).toContain('200 requests');
  expect(detail).toContain('4 failed');
});

test('a latency above its limit fails it, and counts from when the request was due', async () => {
  // One connection and answers that take 20 ms: 50 a second at most, so of 200 a second most come too late.
  const slow = async (): Promise<Response> => {
    await systemClock.sleep(20);
    return new Response('slow');
  };
  const { ok, detail } = await run(
    { rate: 200, duration: '200ms', connections: 1, p50: '100ms' },
    instances(1, slow),
  );
  expect(ok).toBe(false);
  expect(detail).toMatch(/^load: expected a p50 of at most 100ms, found \d+ms over 40 requests$/);
});

test('a target that refuses, is cut off or never answers is told as such', async () => {
  const [gone] = instances(1, () => new Response(''));
  await servers.pop()?.stop(true);
  if (!gone) throw new Error('no instance');
  expect((await run({ rate: 10, duration: '100ms' }, [gone])).detail).toContain('found 1 of 1');
  const mute = instances(1, () => new Promise<Response>(() => undefined));
  const { output } = await run({ rate: 10, duration: '100ms' }, mute, 50);
  expect(output?.[0]).toContain('no whole answer within 50ms');
});

test('an abort ends it', async () => {
  const abort = new AbortController();
  const addresses = instances(1, () => {
    abort.abort();
    return new Response('');
  });
  const { ok, detail } = await run({ rate: 1, duration: '1h' }, addresses, 5000, abort.signal);
  expect(ok).toBe(false);
  expect(detail).toMatch(/^load: stopped after [01] of 3600 requests$/);
});

test('a proxy of the environment is not asked', async () => {
  const kept = process.env['http_proxy'];
  process.env['http_proxy'] = 'http://127.0.0.1:1';
  try {
    const { ok } = await run(
      { rate: 100, duration: '50ms' },
      instances(1, () => new Response('')),
    );
    expect(ok).toBe(true);
  } finally {
    if (kept === undefined) delete process.env['http_proxy'];
    else process.env['http_proxy'] = kept;
  }
});
