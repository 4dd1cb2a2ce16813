import { describe, expect, test } from 'bun:test';
import { closeDescriptor, libc } from '../keeper/libc.ts';
import { listenOn } from '../keeper/listening-socket.ts';
import { answering, get, ok, Origin, post, Rig, type Wire } from './rig.fixture.ts';

/** An address where nobody listens. */
function nobody(): { host: string; port: number } {
  const origin = new Origin(() => {});
  origin.close();
  return origin.address;
}
const head = (wire: Wire): Promise<void> => wire.has('\r\n\r\n');

describe('an instance that', () => {
  test('refuses connections is passed over, whatever the method; nothing is sent twice', async () => {
    await using rig = await Rig.start();
    const origin = rig.origin(answering(ok('x')));
    rig.route({ blue: [nobody(), origin.address, nobody()] });
    const client = await rig.connect();
    for (let n = 0; n < 6; n++) expect((await client.send(post('hello')).response()).status).toBe(200);
    expect(rig.side()).toMatchObject({ requests: 6, failed: {}, writes: 6 });
    expect(rig.side().retried).toBeGreaterThan(0);
  });
  test('refuses connections and is the only one: 502, and the client stays', async () => {
    await using rig = await Rig.start();
    rig.route({ blue: [nobody()] });
    const client = await rig.connect();
    for (let n = 0; n < 2; n++) expect((await client.send(post('hello')).response()).status).toBe(502);
    expect(rig.side()).toMatchObject({
      requests: 2,
      failed: { 'connect-failed': 2 },
      inFlight: 0,
      status: { '5xx': 0 },
    });
  });
  test('is not there: 503', async () => {
    await using rig = await Rig.start();
    rig.route({});
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(503);
    expect(rig.side().failed).toEqual({ 'no-instance': 1 });
  });
  test('closes before it answers: 502; the request is not repeated on a new connection', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.close();
    });
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(502);
    expect(rig.origins[0]!.wires).toHaveLength(1);
    expect(rig.side().failed).toEqual({ 'upstream-closed': 1 });
  });
  test('resets before it answers: 502', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.abort();
    });
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'upstream-closed': 1 });
  });
  test('closes inside its head: 502', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.send('HTTP/1.1 200 OK\r\nContent-Le').close();
    });
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'upstream-truncated': 1 });
  });
  for (const [name, start] of [
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
  ] as const)
    for (const how of ['close', 'abort'] as const)
      test(`breaks off a body with ${name} by ${how}: the client sees a reset, never an end`, async () => {
        await using rig = await Rig.with(async (wire) => {
          await head(wire);
          wire.send(start);
          await Bun.sleep(5);
          wire[how]();
        });
        const client = await rig.connect();
        client.send(get());
        await client.until(() => client.closed, 'reset');
        expect(client).toMatchObject({ reset: true, ended: false });
        expect(rig.side()).toMatchObject({
          failed: { 'upstream-truncated': 1 },
          inFlight: 0,
          status: { '2xx': 0 },
        });
      });
  test('resets in a body that ends with the connection: the client sees a reset', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.send('HTTP/1.1 200 OK\r\n\r\npart');
      await Bun.sleep(5);
      wire.abort();
    });
    const client = await rig.connect();
    client.send(get());
    await client.until(() => client.closed, 'reset');
    expect(client.reset).toBe(true);
    expect(rig.side().failed).toEqual({ 'upstream-truncated': 1 });
  });
  test('answers what can be read in two ways: 502', async () => {
    await using rig = await Rig.with(
      answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'),
    );
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(502);
    await rig.origins[0]!.wires[0]!.gone();
    expect(rig.side().failed).toEqual({ 'upstream-invalid': 1 });
  });
  test('sends a bad chunk: the client sees a reset', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
      await Bun.sleep(5);
      wire.send('zzz\r\n');
    });
    const client = await rig.connect();
    client.send(get());
    await client.until(() => client.closed, 'reset');
    expect(client.reset).toBe(true);
    expect(rig.side().failed).toEqual({ 'upstream-invalid': 1 });
  });
  test('sends more than its response has: the rest reaches nobody', async () => {
    await using rig = await Rig.with(answering(`${ok('x')}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`));
    const client = await rig.connect();
    for (let n = 0; n < 3; n++) expect((await client.send(get()).response()).body).toBe('x');
    expect(client.text).toBe('');
    expect(rig.origins[0]!.wires).toHaveLength(3);
  });
  test('speaks before it is asked: its connection is not used again', async () => {
    await using rig = await Rig.with(async (wire, index) => {
      await head(wire);
      wire.take();
      wire.send(ok('first'));
      if (index > 0) return;
      await Bun.sleep(5);
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    });
    const client = await rig.connect();
    await client.send(get()).response();
    await rig.origins[0]!.wires[0]!.gone();
    expect((await client.send(get()).response()).body).toBe('first');
  });
  test('says 101 when nobody asked: 502', async () => {
    await using rig = await Rig.with(
      answering('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    );
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'upstream-invalid': 1 });
  });
  test('does not accept in time: 504', async () => {
    await using rig = await Rig.start({ connectMs: 50 });
    // A queue of none, and one connection in it: the kernel lets further ones wait.
    const full = await listenOn({ host: '127.0.0.1', port: 0 });
    libc().listen(full.fd, 0);
    await rig.connect(full.address);
    rig.route({ blue: [full.address] });
    const client = await rig.connect();
    expect((await client.send(post('hello')).response()).status).toBe(504);
    const other = rig.origin(answering(ok('x')));
    rig.route({ blue: [full.address, other.address] });
    for (let n = 0; n < 2; n++) expect((await client.send(post('hello')).response()).status).toBe(200);
    expect(rig.side()).toMatchObject({ failed: { 'connect-failed': 1 }, inFlight: 0 });
    closeDescriptor(full.fd);
  });
  test('does not answer in time: 504', async () => {
    await using rig = await Rig.with(() => {}, { responseMs: 30 });
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(504);
    expect(rig.side()).toMatchObject({ failed: { 'upstream-timeout': 1 }, inFlight: 0 });
    await rig.origins[0]!.wires[0]!.gone();
  });
  test('falls silent in a body: the client sees a reset', async () => {
    await using rig = await Rig.with(
      async (wire) => {
        await head(wire);
        wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart');
      },
      { responseIdleMs: 30 },
    );
    const client = await rig.connect();
    client.send(get());
    await client.until(() => client.closed, 'reset');
    expect(client.reset).toBe(true);
    expect(rig.side().failed).toEqual({ 'upstream-timeout': 1 });
  });
});

describe('a pooled connection that the instance closes as the request comes', () => {
  /** Answers once on each connection; then closes without a word when the next request is there. */
  const once = async (wire: Wire): Promise<void> => {
    await head(wire);
    wire.take();
    wire.send(ok('x'));
    await head(wire);
    wire.close();
  };
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as const)
    test(`${method} goes again, once, on a new connection`, async () => {
      await using rig = await Rig.with(once);
      const client = await rig.connect();
      await client.send(get()).response();
      const request = method === 'PUT' ? post('body').replace('POST', method) : get().replace('GET', method);
      expect((await client.send(request).response(method === 'HEAD')).status).toBe(200);
      expect(rig.side()).toMatchObject({ requests: 2, retried: 1, failed: {} });
    });
  test('POST is not repeated: 502, and the instance saw it once', async () => {
    let posts = 0;
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.take();
      wire.send(ok('x'));
      await wire.has('hello');
      posts++;
      wire.close();
    });
    const client = await rig.connect();
    await client.send(get()).response();
    expect((await client.send(post('hello')).response()).status).toBe(502);
    expect(posts).toBe(1);
    expect(rig.side()).toMatchObject({ retried: 0, failed: { 'upstream-closed': 1 } });
  });
  test('a body that was not whole is not repeated', async () => {
    await using rig = await Rig.with(once);
    const client = await rig.connect();
    await client.send(get()).response();
    client.send('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
    expect((await client.response()).status).toBe(502);
  });
  test('POST does not go on a connection that has been idle for long', async () => {
    await using rig = await Rig.with(answering(ok('x')), { freshMs: -1 });
    const client = await rig.connect();
    await client.send(get()).response();
    expect((await client.send(post('hello')).response()).status).toBe(200);
    expect(rig.origins[0]!.wires).toHaveLength(2);
    expect((await client.send(get()).response()).status).toBe(200);
    expect(rig.origins[0]!.wires).toHaveLength(2);
  });
  test('an idle connection is closed after a while, and earlier if the instance says when it will', async () => {
    await using rig = await Rig.with(answering(ok('x')), { upstreamIdleMs: 30 });
    const client = await rig.connect();
    await client.send(get()).response();
    await rig.origins[0]!.wires[0]!.gone();
    rig.route({ blue: [rig.origin(answering(ok('x', 'Keep-Alive: timeout=1'))).address] });
    await client.send(get()).response();
    await rig.origins[1]!.wires[0]!.gone();
  });
});

describe('an early answer to an upload', () => {
  test('is delivered whole, the client’s connection closed, the instance’s never used again', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.send(`HTTP/1.1 413 Content Too Large\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
    });
    const client = await rig.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome');
    const { status, body, head: answer } = await client.response();
    expect([status, body.length]).toEqual([413, 200_000]);
    expect(answer).toContain('Connection: close');
    client.send('more of the body that nobody wants');
    await client.gone();
    expect(client.reset).toBe(false);
    await rig.origins[0]!.wires[0]!.gone();
    const next = await rig.connect();
    await next.send(get()).response();
    expect(rig.origins[0]!.wires).toHaveLength(2);
  });
  test('from an instance that resets at once is delivered if it came', async () => {
    await using rig = await Rig.with(async (wire) => {
      await head(wire);
      wire.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
      wire.close();
    });
    const client = await rig.connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n${'x'.repeat(100_000)}`);
    expect((await client.response()).status).toBe(413);
  });
});

describe('a client that', () => {
  test('leaves in an upload: the instance sees a reset, not an end', async () => {
    await using rig = await Rig.with(() => {});
    const client = await rig.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
    await rig.when(() => rig.origins[0]?.wires[0]?.text.includes('half') === true, 'forwarded');
    client.abort();
    const wire = rig.origins[0]!.wires[0]!;
    await wire.until(() => wire.closed, 'reset');
    expect(wire.reset).toBe(true);
    await rig.idle();
    expect(rig.side()).toMatchObject({ clientClosed: 1, failed: {} });
  });
  test('ends inside its request: the instance sees a reset', async () => {
    await using rig = await Rig.with(() => {});
    const client = await rig.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await rig.when(() => rig.origins[0]?.wires[0]?.text.includes('abc') === true, 'forwarded');
    client.shutdown();
    const wire = rig.origins[0]!.wires[0]!;
    await wire.until(() => wire.closed, 'reset');
    expect(wire.reset).toBe(true);
    expect(rig.side()).toMatchObject({ clientClosed: 1, failed: {} });
  });
  test('leaves while it waits: not a failure of ours', async () => {
    await using rig = await Rig.with(() => {});
    const client = await rig.connect();
    client.send(get());
    await rig.when(() => rig.origins[0]?.wires[0]?.text.includes('\r\n\r\n') === true, 'forwarded');
    client.abort();
    await rig.origins[0]!.wires[0]!.gone();
    await rig.idle();
    expect(rig.side()).toMatchObject({ clientClosed: 1, failed: {} });
  });
  test('leaves while its instance is being connected to', async () => {
    await using rig = await Rig.with(() => {});
    for (let n = 0; n < 20; n++) {
      const client = await rig.connect();
      client.send(get());
      client.abort();
    }
    await rig.when(() => rig.side().inFlight === 0, 'idle');
    expect(rig.side().failed).toEqual({});
  });
  test('does not read its response is cut, and the instance let go', async () => {
    const body = 'x'.repeat(20_000_000);
    await using rig = await Rig.with(answering(ok(body)), { bodyIdleMs: 50 });
    const client = await rig.connect();
    client.socket.pause();
    client.send(get());
    await rig.when(() => rig.side().clientClosed === 1, 'cut');
    expect(rig.side()).toMatchObject({ failed: {}, inFlight: 0 });
  });
});
