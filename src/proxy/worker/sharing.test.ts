import { describe, expect, test } from 'bun:test';
import { answering, get, ok, Rig, type Origin, type Wire } from './rig.fixture.ts';

const named = (rig: Rig, name: string): Origin =>
  rig.origin(
    answering((head) =>
      ok(`${name} ${head.split(' ')[1]} ${/^x-forwarded-prefix: (.*)$/im.exec(head)?.[1] ?? '-'}`),
    ),
  );
const ask = async (wire: Wire, host: string, path = '/', method = 'GET'): Promise<string | number> => {
  const { status, body } = await wire.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).response();
  return status === 200 ? body : status;
};

describe('services that share an address', () => {
  test('get the requests for their hosts and paths, over one connection', async () => {
    await using rig = await Rig.start();
    const [shop, blog, api] = [named(rig, 'shop'), named(rig, 'blog'), named(rig, 'api')];
    rig.routes(
      { service: 'shop', to: shop.address, hosts: ['shop.example'] },
      { service: 'blog', to: blog.address, hosts: ['*.shop.example', 'blog.example'] },
      {
        service: 'api',
        to: api.address,
        hosts: ['shop.example', 'blog.example'],
        paths: [{ prefix: '/api', strip: true }],
      },
    );
    const client = await rig.connect();
    expect(await ask(client, 'shop.example')).toBe('shop / -');
    expect(await ask(client, 'Shop.Example:8080')).toBe('shop / -');
    expect(await ask(client, 'x.shop.example', '/api')).toBe('blog /api -');
    expect(await ask(client, 'shop.example', '/api/x?y')).toBe('api /x?y /api');
    expect(await ask(client, 'blog.example', '/api')).toBe('api / /api');
    expect(await ask(client, 'blog.example', '/api?y')).toBe('api /?y /api');
    expect(await ask(client, 'blog.example', '/api', 'OPTIONS')).toBe('api / /api');
    expect(await ask(client, 'blog.example', 'http://blog.example/api/z')).toBe('api /z /api');
    const counters = rig.plane.counters();
    expect(['shop', 'blog', 'api'].map((name) => counters.get(name)?.blue.requests)).toEqual([2, 1, 5]);
  });
  test('refuse what is for none of them, and what could be for two; that counts for none', async () => {
    await using rig = await Rig.start();
    rig.routes(
      { service: 'shop', to: named(rig, 'shop').address, hosts: ['shop.example'] },
      {
        service: 'api',
        to: named(rig, 'api').address,
        hosts: ['shop.example', 'api.example'],
        paths: [{ prefix: '/api', strip: true }],
      },
    );
    const refused = async (host: string, path: string) => ask(await rig.connect(), host, path);
    expect(await refused('other.example', '/')).toBe(421);
    expect(await refused('api.example', '/')).toBe(404);
    expect(await refused('shop.example', '/api/../x')).toBe(400);
    expect(await refused('shop.example', '/api//other.example/')).toBe(400);
    expect([...rig.plane.counters().values()].map((counters) => counters.refused)).toEqual([{}, {}]);
  });
  test('show the side that is not live for a preview host, on the same paths', async () => {
    await using rig = await Rig.start();
    const [blue, green, other] = [named(rig, 'blue'), named(rig, 'green'), named(rig, 'other')];
    rig.routes(
      {
        service: 'shop',
        to: blue.address,
        green: { release: 2, instances: [green.address] },
        hosts: ['shop.example'],
        previewHost: 'next.shop.example',
        preview: rig.previewAddress,
      },
      { service: 'other', to: other.address },
    );
    const client = await rig.connect();
    expect(await ask(client, 'shop.example')).toBe('blue / -');
    expect(await ask(client, 'next.shop.example')).toBe('green / -');
    expect(await ask(client, 'elsewhere.example')).toBe('other / -');
    const preview = await rig.connect(rig.previewAddress);
    expect(await ask(preview, 'shop.example')).toBe('green / -');
    expect(await ask(preview, 'other.example')).toBe(421);
  });
  test('are switched apart: connections and requests of the one do not feel a switch of the other', async () => {
    const gate = Promise.withResolvers<void>();
    await using rig = await Rig.start();
    const [blue, green] = [named(rig, 'blue').address, named(rig, 'green').address];
    const slow = rig.origin(async (wire) => {
      await wire.has('\r\n\r\n');
      await gate.promise;
      wire.send(ok('slow'));
    });
    const shop = { service: 'shop', hosts: ['shop.example'], green: { release: 2, instances: [green] } };
    const blog = { service: 'blog', to: slow.address, hosts: ['blog.example'] };
    rig.routes({ ...shop, to: blue }, blog);
    const [client, reader] = [await rig.connect(), await rig.connect()];
    reader.send(get().replace('shop', 'blog'));
    await rig.when(() => rig.plane.counters().get('blog')?.blue.inFlight === 1, 'begun');
    expect(await ask(client, 'shop.example')).toBe('blue / -');
    rig.routes({ ...shop, to: blue, live: 'green', epoch: 2 }, blog);
    expect(await ask(client, 'shop.example')).toBe('green / -');
    gate.resolve();
    expect((await reader.response()).body).toBe('slow');
    expect(slow.wires).toHaveLength(1);
    expect(rig.plane.counters().get('blog')?.blue).toMatchObject({ requests: 1, held: 0, inFlight: 0 });
  });
});
