import { describe, expect, test } from 'bun:test';
import { answering, get, ok, post, Rig } from './rig.fixture.ts';

describe('a request', () => {
  test('reaches the live instance with who the client is, and its response comes back untouched', async () => {
    let seen = '';
    await using rig = await Rig.with(answering((head) => ((seen = head), ok('hello', 'X-Odd:   kept '))));
    const client = await rig.connect();
    client.send(
      get('/a?b', 'X-Forwarded-For: 6.6.6.6', 'X_Real_IP: 6.6.6.6', 'Connection: keep-alive', 'Accept: */*'),
    );
    const { head, body } = await client.response();
    expect(head).toBe('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Odd:   kept \r\n\r\n');
    expect(body).toBe('hello');
    expect(seen).toBe(
      'GET /a?b HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n' +
        'X-Forwarded-Host: shop.example\r\nForwarded: for=127.0.0.1;host="shop.example";proto=http\r\n\r\n',
    );
  });
  test('after a request uses the same connection on both sides', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    for (let n = 0; n < 5; n++) expect((await client.send(get()).response()).status).toBe(200);
    expect(rig.origins[0]!.wires).toHaveLength(1);
    expect(rig.side()).toMatchObject({ requests: 5, inFlight: 0, failed: {}, status: { '2xx': 5 } });
    expect(rig.side().latency.reduce((sum, [, count]) => sum + count, 0)).toBe(5);
  });
  test('may come in single octets, with its body', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    for (const octet of post('hello')) {
      client.send(octet);
      await Bun.sleep(0);
    }
    expect((await client.response()).status).toBe(200);
  });
  test('that comes ahead of its turn is answered in its turn', async () => {
    await using rig = await Rig.with(answering((head) => ok(head.split(' ')[1]!)));
    const client = await rig.connect();
    client.send(
      Array.from({ length: 300 }, (_, n) =>
        n % 3 === 0 ? post('x'.repeat(n)).replace('/write', `/${n}`) : get(`/${n}`),
      ).join(''),
    );
    for (let n = 0; n < 300; n++) expect((await client.response()).body).toBe(`/${n}`);
  });
  test('from HTTP/1.0 is served, and its connection closed unless it asks otherwise', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    client.send('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
    expect((await client.response()).head).toContain('Connection: keep-alive');
    client.send('GET / HTTP/1.0\r\n\r\n');
    expect((await client.response()).head).toContain('Connection: close');
    await client.gone();
  });
  test('of HTTP/1.0 whose response is chunked gets the content alone', async () => {
    await using rig = await Rig.with(
      answering(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX: 1\r\n\r\n',
      ),
    );
    const client = await rig.connect();
    client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    await client.gone();
    expect(client.text).toBe('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde');
  });
  test('that asks to close is the last one', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    expect((await client.send(get('/', 'Connection: close')).response()).head).toContain('Connection: close');
    await client.gone();
    expect(client.reset).toBe(false);
  });
  test('of a client that sends no more is answered', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      await Bun.sleep(20);
      wire.send(ok('late'));
    });
    const client = await rig.connect();
    client.send(get()).shutdown();
    expect((await client.response()).body).toBe('late');
    await client.gone();
    expect(rig.side()).toMatchObject({ clientClosed: 0, failed: {} });
  });
});

describe('a body', () => {
  test('of a request goes through chunked, with trailers, in any pieces', async () => {
    const body = '3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n';
    await using rig = await Rig.with(async (wire) => {
      await wire.has('X-Sum: 1\r\n\r\n');
      expect(wire.text.endsWith(`\r\n\r\n${body}`)).toBe(true);
      wire.send(ok('done'));
    });
    const client = await rig.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na');
    for (const octet of body.slice(4)) {
      await Bun.sleep(0);
      client.send(octet);
    }
    expect((await client.response()).body).toBe('done');
  });
  test('of a response goes through chunked, with trailers, and the connection is used again', async () => {
    const body = '3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n';
    await using rig = await Rig.with(async (wire) => {
      for (let n = 1; n <= 2; n++) {
        await wire.has('\r\n\r\n');
        wire.take();
        wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        for (const octet of body) {
          await Bun.sleep(0);
          wire.send(octet);
        }
      }
    });
    const client = await rig.connect();
    for (let n = 0; n < 2; n++) {
      client.send(get());
      await client.has('X-Sum: 1\r\n\r\n');
      expect(client.take()).toBe(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    }
    expect(rig.origins[0]!.wires).toHaveLength(1);
  });
  test('that ends when the instance closes ends when we close', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\npart one,');
      await Bun.sleep(5);
      wire.send(' part two');
      wire.close();
    });
    const client = await rig.connect();
    client.send(get());
    await client.gone();
    expect(client.text).toBe(
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\npart one, part two',
    );
    expect(client.reset).toBe(false);
    expect(rig.side()).toMatchObject({ failed: {}, status: { '2xx': 1 } });
  });
  test('is absent from responses to HEAD, from 204 and from 304, whatever their fields say', async () => {
    await using rig = await Rig.with(
      answering((head) =>
        head.startsWith('HEAD')
          ? 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n'
          : head.includes('/204')
            ? 'HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n'
            : 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
      ),
    );
    const client = await rig.connect();
    expect((await client.send(get().replace('GET', 'HEAD')).response(true)).head).toContain(
      'Content-Length: 5000',
    );
    expect((await client.send(get('/204')).response(true)).head).toBe('HTTP/1.1 204 No Content\r\n\r\n');
    expect((await client.send(get('/304')).response(true)).head).toContain('304');
    expect(rig.origins[0]!.wires).toHaveLength(1);
    expect(rig.side().status).toMatchObject({ '2xx': 2, '3xx': 1 });
  });
});

describe('an interim response', () => {
  test('100 is relayed, and the body sent after it', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      expect(wire.text).toContain('Expect: 100-continue');
      wire.take();
      wire.send('HTTP/1.1 100 Continue\r\n\r\n');
      await wire.has('hello');
      wire.send(ok('thanks'));
    });
    const client = await rig.connect();
    client.send(post('hello', 'Expect: 100-continue').slice(0, -5));
    expect((await client.response()).status).toBe(100);
    client.send('hello');
    expect((await client.response()).body).toBe('thanks');
  });
  test('103 is relayed to HTTP/1.1 and kept from HTTP/1.0', async () => {
    await using rig = await Rig.with(
      answering(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n${ok('x')}`),
    );
    const client = await rig.connect();
    client.send(get());
    expect((await client.response()).head).toBe('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    expect((await client.response()).status).toBe(200);
  });
  test('a final response instead of 100 ends the connection, and the body is not waited for', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n');
    });
    const client = await rig.connect();
    client.send(post('hello', 'Expect: 100-continue').slice(0, -5));
    const { status, head } = await client.response();
    expect(status).toBe(417);
    expect(head).toContain('Connection: close');
    await client.gone();
    await rig.origins[0]!.wires[0]!.gone();
  });
});
