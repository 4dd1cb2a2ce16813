import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { startLoad } from '../fixtures/http-load.ts';
import { ProxyFixture, routeTo, until } from '../fixtures/proxy.ts';

setDefaultTimeout(60_000);

/** A release with one asset of its own name; it knows no other one. */
const release = (name: string) =>
  Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      if (!pathname.startsWith('/assets/')) return new Response(name, { headers: { 'x-name': name } });
      return pathname === `/assets/${name}.js`
        ? new Response(`of ${name}`)
        : new Response('', { status: 404 });
    },
  });

let blue: Bun.Server<undefined>;
let green: Bun.Server<undefined>;
let proxy: ProxyFixture;
beforeAll(async () => {
  blue = release('blue');
  green = release('green');
  proxy = await ProxyFixture.start(2);
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([blue.stop(true), green.stop(true)]);
});

test('open pages get their assets across switches under load, over HTTP/1.1 and HTTP/2, and nothing is lost', async () => {
  const { router } = proxy;
  const at = (server: Bun.Server<undefined>) => ({ host: '127.0.0.1', port: server.port ?? 0 });
  const route = { ...routeTo('shop', 1, 'blue', at(blue), at(green)), assets: { paths: ['/assets/*'] } };
  await router.apply(route);
  const { listen } = (await router.read('shop'))!;
  const url = (path: string): string => `http://127.0.0.1:${listen.port}${path}`;
  const fetched = async (path: string): Promise<string> => {
    const answer = await fetch(url(path));
    return `${answer.status} ${await answer.text()}`;
  };
  // Not live yet, and so nobody's to answer.
  expect(await fetched('/assets/green.js')).toBe('404 ');

  const load = startLoad(listen, 8);
  const begun = { ended: false };
  const seen = new Set<string>();
  const pages = Array.from({ length: 4 }, async () => {
    while (!begun.ended) seen.add(await fetched('/assets/blue.js'));
  });
  let epoch = 1;
  for (let turn = 0; turn < 10; turn++) {
    const live = turn % 2 === 0 ? 'green' : 'blue';
    await router.apply({ ...route, listen, live, kept: true, epoch: ++epoch });
    const { [live]: before } = await router.counters('shop');
    await until(
      'requests go on',
      async () => (await router.counters('shop'))[live].requests > before.requests + 50,
    );
  }
  await router.apply({ ...route, listen, live: 'green', kept: true, epoch: ++epoch });
  begun.ended = true;
  await Promise.all(pages);
  expect([...seen]).toEqual(['200 of blue']);

  for (const [path, expected] of [
    ['/assets/blue.js', 'of blue 200 2'],
    ['/assets/none.js', ' 404 2'],
  ] as const) {
    const format = ' %{http_code} %{http_version}';
    const curl = Bun.spawn(['curl', '-sS', '--http2-prior-knowledge', '-w', format, url(path)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(await curl.stdout.text()).toBe(expected);
    expect(await curl.exited).toBe(0);
  }

  const { failed } = await load.stop();
  expect(failed).toEqual([]);
  const { green: counted } = await router.counters('shop');
  expect(counted.fromBefore).toBeGreaterThan(0);
  expect(counted.failed).toEqual({});
  await until('nothing is in flight', async () => {
    const { blue, green } = await router.counters('shop');
    return blue.inFlight + green.inFlight === 0;
  });
});
