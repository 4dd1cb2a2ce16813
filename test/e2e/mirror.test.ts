import { afterEach, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { summarize, type DiffReport } from '../../src/core/mirror/diff-report.ts';
import type { RouteMirror } from '../../src/core/mirror/route-mirror.ts';
import { MirrorSpec, routeMirrorOf } from '../../src/core/spec/mirror.ts';
import type { Address } from '../../src/core/address.ts';
import { TestCertificates, tlsWith } from '../../src/proxy/tls/certificates.fixture.ts';
import type { Route } from '../../src/core/traffic.ts';
import { ProxyFixture, routeTo, runs, until } from '../fixtures/proxy.ts';

/** A program that answers by a function, and keeps what it was asked. */
interface Answering {
  readonly address: Address;
  readonly asked: { method: string; path: string; mirrored: boolean; cookie: string | null; body: string }[];
  close(): Promise<void>;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function answering(
  answer: (request: Request, body: string) => Response | Promise<Response>,
  tls?: { cert: string; key: string },
): Answering {
  const asked: Answering['asked'] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    ...(tls && { tls }),
    fetch: async (request) => {
      const body = await request.text();
      const { pathname, search } = new URL(request.url);
      asked.push({
        method: request.method,
        path: pathname + search,
        mirrored: request.headers.get('cutover-mirror') === '1',
        cookie: request.headers.get('cookie'),
        body,
      });
      return answer(request, body);
    },
  });
  closing.push(() => server.stop(true));
  return {
    address: { host: '127.0.0.1', port: server.port ?? 0 },
    asked,
    close: () => server.stop(true),
  };
}

async function proxied(workers = 2): Promise<ProxyFixture> {
  const proxy = await ProxyFixture.start(workers);
  closing.push(() => proxy.close());
  return proxy;
}

let mirrors = 0;
const mirrorOf = (rules: object): RouteMirror =>
  routeMirrorOf(MirrorSpec.parse({ share: '100%', ...rules }), `test-${++mirrors}`, 'green');

/** Puts both sides and a mirror in force; returns the route as it is. */
async function mirrored(
  proxy: ProxyFixture,
  blue: Answering,
  green: Answering,
  rules: object = {},
): Promise<Route & { mirror: RouteMirror }> {
  const mirror = mirrorOf(rules);
  await proxy.router.apply({ ...routeTo('shop', 1, 'blue', blue.address, green.address), mirror });
  const route = await proxy.router.read('shop');
  if (!route) throw new Error('no route');
  return { ...route, mirror };
}

const url = ({ listen }: Route, path: string): string => `http://${listen.host}:${listen.port}${path}`;

async function reportOf(proxy: ProxyFixture, { mirror }: { mirror: RouteMirror }): Promise<DiffReport> {
  const report = await proxy.router.mirrored('shop', mirror.id);
  if (!report) throw new Error('no report');
  return report;
}

/** The report once so many answers were compared. */
async function compared(
  proxy: ProxyFixture,
  route: { mirror: RouteMirror },
  least: number,
): Promise<DiffReport> {
  await until(
    `${least} compared`,
    async () => summarize(await reportOf(proxy, route)).compared >= least,
    20_000,
  );
  return reportOf(proxy, route);
}

test('a side that answers wrongly with 200 is found out, and users see nothing of it', async () => {
  const blue = answering((request) =>
    Response.json({ path: new URL(request.url).pathname, total: 10, side: 'same' }),
  );
  const green = answering((request) =>
    Response.json({ path: new URL(request.url).pathname, total: 11, side: 'same' }),
  );
  const proxy = await proxied();
  const route = await mirrored(proxy, blue, green);
  for (let n = 0; n < 60; n++) {
    const answer = (await (await fetch(url(route, `/orders/${n}`))).json()) as { total: number };
    expect(answer.total).toBe(10);
  }
  const report = await compared(proxy, route, 60);
  const summary = summarize(report);
  expect(summary).toMatchObject({ compared: 60, differing: 60, noisy: 0 });
  expect(summary.causes).toEqual([{ route: 'GET /orders/{n}', kind: 'changed', at: '$.total', count: 60 }]);
  expect(report.routes[0]?.causes[0]?.examples[0]).toMatchObject({ live: '10', idle: '11' });
  expect(report.chosen).toBe(60);
  expect(green.asked.every((each) => each.mirrored)).toBe(true);
  expect(blue.asked.filter((each) => !each.mirrored)).toHaveLength(60);
});

test('random ids, dates and tokens that live itself makes anew each time are not blamed', async () => {
  const app = (): Response =>
    Response.json(
      { requestId: crypto.randomUUID(), at: performance.now(), items: [{ etag: Math.random() }], total: 10 },
      { headers: { location: `/next?token=${Math.random()}` } },
    );
  const proxy = await proxied();
  const route = await mirrored(proxy, answering(app), answering(app));
  for (let n = 0; n < 60; n++) await (await fetch(url(route, '/'))).text();
  const summary = summarize(await compared(proxy, route, 60));
  expect(summary).toMatchObject({ compared: 60, differing: 0, noisy: 60, causes: [] });
  expect(summary.controls).toBeGreaterThanOrEqual(20);
});

test('what changes something is mirrored only if that is asked for, and then never sent to live again', async () => {
  const app = (_request: Request, body: string): Response => Response.json({ got: body, id: Math.random() });
  const blue = answering(app);
  const green = answering(app);
  const proxy = await proxied();
  const safe = await mirrored(proxy, blue, green);
  for (let n = 0; n < 10; n++) {
    await (await fetch(url(safe, '/orders'), { method: 'POST', body: `order ${n}` })).text();
    await (await fetch(url(safe, '/orders'))).text();
  }
  await compared(proxy, safe, 10);
  await until('the others are counted', async () => (await reportOf(proxy, safe)).skipped.method === 10);
  expect(green.asked.some(({ method }) => method === 'POST')).toBe(false);
  const mirror = mirrorOf({ methods: ['POST'], unsafe: true });
  await proxy.router.apply({ ...safe, mirror, epoch: 2 });
  for (let n = 0; n < 10; n++)
    await (await fetch(url(safe, '/orders'), { method: 'POST', body: `order ${n}` })).text();
  const summary = summarize(await compared(proxy, { mirror }, 10));
  expect(summary).toMatchObject({ controls: 0, differing: 10 });
  expect(
    green.asked
      .filter(({ method }) => method === 'POST')
      .map(({ body }) => body)
      .sort(),
  ).toEqual(Array.from({ length: 10 }, (_, n) => `order ${n}`).sort());
  expect(blue.asked.filter(({ method }) => method === 'POST')).toHaveLength(20);
});

test('secrets in heads, bodies, targets and answers are in no file', async () => {
  const secrets = {
    header: 'hdr-swordfish-1',
    cookie: 'cky-swordfish-2',
    query: 'qry-swordfish-3',
    body: 'bdy-swordfish-4',
    answer: 'ans-swordfish-5',
    own: 'own-swordfish-6',
    path: 'cGF0aC1zd29yZGZpc2gtNw1234',
  };
  const app = (total: number) => (): Response =>
    Response.json(
      { session: { token: secrets.answer + total }, note: `${secrets.own} ${total}`, total },
      {
        headers: {
          'set-cookie': `sid=${secrets.cookie}${total}`,
          location: `/x?api_key=${secrets.query}${total}`,
        },
      },
    );
  const proxy = await proxied();
  const route = await mirrored(proxy, answering(app(1)), answering(app(2)), {
    methods: ['POST', 'GET'],
    unsafe: true,
    compare: { headers: ['set-cookie', 'location'] },
    redact: { patterns: ['own-[a-z]+-\\d'] },
  });
  for (let n = 0; n < 5; n++)
    await (
      await fetch(url(route, `/reset/${secrets.path}?password=${secrets.query}`), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${secrets.header}`,
          cookie: `sid=${secrets.cookie}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ user: 'ada', password: secrets.body, note: secrets.own }),
      })
    ).text();
  const report = await compared(proxy, route, 5);
  expect(summarize(report).differing).toBe(5);
  expect(JSON.stringify(report)).toContain('[redacted]');
  const files = (readdirSync(proxy.home, { recursive: true, encoding: 'utf8' }) as string[])
    .map((file) => join(proxy.home, file))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
  expect(files.some((file) => file.includes(`${route.mirror.id}.json`))).toBe(true);
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    for (const [where, secret] of Object.entries(secrets))
      expect([file, where, text.includes(secret)]).toEqual([file, where, false]);
    if (file.includes('mirror')) expect(statSync(file).mode & 0o077).toBe(0);
  }
  // The other side is the same application: it gets them.
  expect(JSON.stringify(report)).not.toContain('swordfish');
});

test('cookies go along unless the spec strips them', async () => {
  const app = (): Response => new Response('same');
  const [blue, green] = [answering(app), answering(app)];
  const proxy = await proxied(1);
  const route = await mirrored(proxy, blue, green, { strip: ['Cookie'] });
  const ask = async (): Promise<void> =>
    void (await (await fetch(url(route, '/'), { headers: { cookie: 'a=1' } })).text());
  await ask();
  await compared(proxy, route, 1);
  expect(green.asked.at(-1)?.cookie).toBeNull();
  const mirror = mirrorOf({});
  await proxy.router.apply({ ...route, mirror, epoch: 2 });
  await ask();
  await compared(proxy, { mirror }, 1);
  expect(green.asked.at(-1)?.cookie).toBe('a=1');
});

test('a side that hangs neither slows users nor fills memory: what it cannot take is dropped and counted', async () => {
  const hung = Promise.withResolvers<Response>();
  closing.push(() => Promise.resolve(hung.resolve(new Response('late'))));
  const blue = answering(() => new Response('x'.repeat(20_000)));
  const green = answering(() => hung.promise);
  const proxy = await proxied();
  const route = await mirrored(proxy, blue, green, { queue: 50, concurrency: 4, timeout: '3s' });
  const ask = async (): Promise<number> => {
    const begun = performance.now();
    await (await fetch(url(route, '/'))).text();
    return performance.now() - begun;
  };
  const times: number[] = [];
  for (let round = 0; round < 100; round++)
    times.push(...(await Promise.all(Array.from({ length: 10 }, ask))));
  // A user who waited for the other side would wait for its timeout.
  times.sort((a, b) => a - b);
  expect(times[Math.floor(times.length * 0.99)]).toBeLessThan(2500);
  const report = await compared(proxy, route, 4);
  const { skipped } = report;
  expect((skipped['queue-full'] ?? 0) + (skipped['too-late'] ?? 0)).toBeGreaterThan(500);
  expect(summarize(report).causes[0]).toMatchObject({ kind: 'no-answer', at: 'timeout' });
  expect(await memoryOfMirror(proxy)).toBeLessThan(400 * 1024 * 1024);
});

async function mirrorPid({ keeperPid }: ProxyFixture): Promise<number> {
  const children = readFileSync(`/proc/${keeperPid}/task/${keeperPid}/children`, 'utf8').trim().split(' ');
  for (const pid of children.map(Number))
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('mirror')) return pid;
  throw new Error('no process mirrors');
}

async function memoryOfMirror(proxy: ProxyFixture): Promise<number> {
  const status = readFileSync(`/proc/${await mirrorPid(proxy)}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Infinity) * 1024;
}

test('a process that mirrors and dies is started again, and goes on with the report; users see nothing', async () => {
  const app = (): Response => new Response('same');
  const proxy = await proxied();
  const route = await mirrored(proxy, answering(app), answering(app));
  for (let n = 0; n < 20; n++) await (await fetch(url(route, '/'))).text();
  await compared(proxy, route, 20);
  const former = await mirrorPid(proxy);
  process.kill(former, 'SIGKILL');
  await until('it is gone', async () => !(await runs(former)));
  for (let n = 0; n < 5; n++) expect((await fetch(url(route, '/'))).status).toBe(200);
  await until('copies are compared again', async () => {
    await (await fetch(url(route, '/'))).text();
    const report = await proxy.router.mirrored('shop', route.mirror.id);
    return report !== null && report.restarts === 1 && summarize(report).compared > 20;
  });
});

test('mirroring begins and ends without a request being held, and its report stays', async () => {
  const app = (): Response => new Response('same');
  const [blue, green] = [answering(app), answering(app)];
  const proxy = await proxied();
  const route = await mirrored(proxy, blue, green);
  await (await fetch(url(route, '/'))).text();
  await compared(proxy, route, 1);
  const { mirror, ...bare } = route;
  const off = await proxy.router.apply({ ...bare, epoch: 2 });
  expect(off).toMatchObject({ changed: true, held: 0, holdMs: 0 });
  const asked = green.asked.length;
  for (let n = 0; n < 20; n++) await (await fetch(url(route, '/'))).text();
  await until('the report is closed', async () => !(await reportOf(proxy, { mirror })).running);
  expect(green.asked.length).toBe(asked);
  expect(summarize(await reportOf(proxy, { mirror })).compared).toBe(1);
  const on = await proxy.router.apply({ ...bare, mirror, epoch: 3 });
  expect(on).toMatchObject({ changed: true, held: 0, holdMs: 0 });
});

test('long and coded bodies: what is too long is counted, what is coded is compared by its content', async () => {
  const zip = (text: string, level: 1 | 9): Response =>
    new Response(Bun.gzipSync(Buffer.from(text), { level }), {
      headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain' },
    });
  const text = 'the same words again and again '.repeat(200);
  const app = (level: 1 | 9) => (request: Request) => {
    const { pathname } = new URL(request.url);
    return pathname === '/long' ? new Response('x'.repeat(300_000)) : zip(text, level);
  };
  const proxy = await proxied();
  const route = await mirrored(proxy, answering(app(1)), answering(app(9)), { body: 100_000 });
  for (let n = 0; n < 5; n++) {
    await (await fetch(url(route, '/coded'))).text();
    await (await fetch(url(route, '/long'))).text();
  }
  const report = await compared(proxy, route, 5);
  expect(summarize(report)).toMatchObject({ compared: 5, differing: 0, noisy: 0 });
  await until('the long ones are counted', async () => {
    const { skipped } = await reportOf(proxy, route);
    return skipped['response-too-long'] === 5;
  });
});

test('a share is kept over all workers, and requests that are not chosen go nowhere else', async () => {
  const app = (): Response => new Response('same');
  const green = answering(app);
  const proxy = await proxied();
  const route = await mirrored(proxy, answering(app), green, { share: '10%' });
  for (let n = 0; n < 400; n++) await (await fetch(url(route, '/'))).text();
  await until('all are counted', async () => {
    const { chosen } = await reportOf(proxy, route);
    return chosen >= 30 && summarize(await reportOf(proxy, route)).compared === chosen;
  });
  const { chosen } = await reportOf(proxy, route);
  expect(chosen).toBeGreaterThanOrEqual(36);
  expect(chosen).toBeLessThanOrEqual(44);
  expect(green.asked).toHaveLength(chosen);
});

test('requests of clients that speak HTTP/2 are mirrored to instances that speak TLS', async () => {
  using files = new TestCertificates();
  const certificate = await files.make('users', 'shop.example');
  await files.make('authority');
  await files.sign('instance', 'authority', 'IP:127.0.0.1');
  const tls = {
    cert: readFileSync(files.path('instance.crt'), 'utf8'),
    key: readFileSync(files.path('instance.key'), 'utf8'),
  };
  const answer = (total: number) => async (request: Request, body: string) =>
    Response.json({
      path: new URL(request.url).pathname,
      length: body.length,
      total: body === '' ? total : 0,
    });
  const blue = answering(answer(10), tls);
  const green = answering(answer(11), tls);
  const proxy = await proxied();
  const mirror = mirrorOf({ methods: ['GET', 'POST'], unsafe: true });
  const ca = { ca: files.path('authority.crt'), serverName: null, cert: null, key: null, verify: true };
  const upstream = { protocol: 'http1' as const, tls: ca };
  const route = routeTo('shop', 1, 'blue', blue.address, green.address);
  await proxy.router.apply({
    ...route,
    blue: { ...route.blue, upstream },
    green: { ...route.green, upstream },
    tls: tlsWith([certificate]),
    mirror,
  });
  const listen = (await proxy.router.read('shop'))?.listen;
  const session = connect(`https://127.0.0.1:${listen?.port}`, {
    rejectUnauthorized: false,
    servername: 'shop.example',
  });
  const ask = (headers: Record<string, string>, body = ''): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':authority': 'shop.example', ...headers });
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => void pieces.push(piece));
      stream.on('end', () => resolve(JSON.parse(Buffer.concat(pieces).toString())));
      stream.on('error', reject);
      stream.end(body);
    });
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, n) => ask({ ':method': 'GET', ':path': `/orders/${n}` })),
  );
  expect(all.every((each) => (each as { total: number }).total === 10)).toBe(true);
  expect(await ask({ ':method': 'POST', ':path': '/orders' }, 'x'.repeat(50_000))).toMatchObject({
    length: 50_000,
  });
  session.close();
  const report = await compared(proxy, { mirror }, 21);
  expect(summarize(report)).toMatchObject({ compared: 21, differing: 20 });
  expect(green.asked.filter(({ method }) => method === 'POST').map(({ body }) => body.length)).toEqual([
    50_000,
  ]);
});

test('what a mirror finds is in the metrics of the proxy', async () => {
  const proxy = await proxied();
  const route = await mirrored(
    proxy,
    answering(() => new Response('one')),
    answering(() => new Response('two')),
  );
  for (let n = 0; n < 10; n++) await (await fetch(url(route, '/'))).text();
  await compared(proxy, route, 10);
  const text = await (await fetch('http://proxy/v1/metrics', { unix: proxy.router.socket })).text();
  const of = '{service="shop",environment="green"';
  for (const line of [
    `mirror_compared_total${of}} 10`,
    `mirror_differing_total${of}} 10`,
    `mirror_noisy_total${of}} 0`,
    `mirror_skipped_total${of},reason="queue-full"} 0`,
    `mirror_share${of}} 1`,
  ])
    expect(text).toContain(`cutover_proxy_${line}\n`);
});
