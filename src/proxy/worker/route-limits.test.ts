import { describe, expect, test } from 'bun:test';
import { Limits, type RouteLimits } from '../../core/limits.ts';
import { defaultLimits, limitsOf } from './limits.ts';
import { answering, get, ok, post, Rig } from './rig.fixture.ts';

type Script = Parameters<typeof Rig.with>[0];
async function limited(limits: RouteLimits, script: Script = answering(ok('x'))): Promise<Rig> {
  const rig = await Rig.start();
  rig.route({ blue: [rig.origin(script).address], limits });
  return rig;
}
const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('a route’s limit', () => {
  test('is the worker’s own where the route says nothing, and the spec’s defaults are the worker’s', () => {
    expect(limitsOf(defaultLimits, undefined)).toBe(defaultLimits);
    expect(limitsOf(defaultLimits, Limits.parse({}))).toEqual(defaultLimits);
  });
  test('for the target: 414', async () => {
    await using rig = await limited({ target: 64 });
    const client = await rig.connect();
    expect((await client.send(get(`/${'a'.repeat(63)}`)).response()).status).toBe(200);
    await client.send(get(`/${'a'.repeat(64)}`)).has('414 URI Too Long');
    await client.gone();
  });
  test('for the head: 431', async () => {
    await using rig = await limited({ head: 1024 });
    const client = await rig.connect();
    expect((await client.send(get('/', `X: ${'a'.repeat(900)}`)).response()).status).toBe(200);
    await client.send(get('/', `X: ${'a'.repeat(1000)}`)).has('431 ');
  });
  test('for the number of headers: 431, and one above the worker’s own is kept too', async () => {
    await using rig = await limited({ headers: 8 });
    const lines = (count: number) => Array.from({ length: count }, (_, n) => `X-${n}: 1`);
    const client = await rig.connect();
    expect((await client.send(get('/', ...lines(7))).response()).status).toBe(200);
    await client.send(get('/', ...lines(8))).has('431 ');
    rig.route({ blue: [rig.origins[0]!.address], limits: { headers: 1000, head: 262_144 }, epoch: 2 });
    const other = await rig.connect();
    const long = Array.from({ length: 999 }, () => `Connection: ${'a'.repeat(200)}`);
    expect((await other.send(get('/', ...long)).response()).status).toBe(200);
  });
  test('for the body: 413 before an instance hears of it', async () => {
    await using rig = await limited({ body: 10 });
    const client = await rig.connect();
    expect((await client.send(post('0123456789')).response()).status).toBe(200);
    await client.send(post('0123456789a')).has('413 Content Too Large');
    await client.gone();
    const chunks = await rig.connect();
    await chunks.send(`${chunked}6\r\n012345\r\n0\r\n\r\n`).has('413 ');
    expect(rig.origins[0]!.wires).toHaveLength(1);
    expect(rig.refused()).toEqual({ 413: 2 });
  });
  test('for the body: 413 as a chunked one comes, and the instance a reset', async () => {
    await using rig = await limited({ body: 40 }, () => {});
    const client = await rig.connect();
    client.send(chunked);
    await rig.when(() => rig.origins[0]?.wires[0]?.text.includes('\r\n\r\n') === true, 'forwarded');
    const wire = rig.origins[0]!.wires[0]!;
    client.send('a\r\n0123456789\r\n');
    await wire.has('0123456789');
    client.send('14\r\n0123456789abcdefghij\r\n');
    await client.has('413 ');
    await wire.until(() => wire.closed, 'reset');
    expect(wire.reset).toBe(true);
    expect(wire.text).not.toContain('abcdefghij');
    expect(rig.side().failed).toEqual({});
  });
  test('for idle connections: closed without a word', async () => {
    await using rig = await limited({ idle: 40 });
    const client = await rig.connect();
    await client.gone();
    expect(client.text).toBe('');
  });
  test('for the time of a head: 408', async () => {
    await using rig = await limited({ headTime: 40 });
    const client = await rig.connect();
    await client.send('GET / HTTP/1.1\r\n').has('408 ');
  });
  test('for a body that stops: 408', async () => {
    await using rig = await limited({ bodyIdle: 40 }, () => {});
    const client = await rig.connect();
    await client.send(`${post('').replace('Content-Length: 0', 'Content-Length: 9')}half`).has('408 ');
  });
  test('for a body that drips: 408, however regularly', async () => {
    await using rig = await limited({ bodyIdle: 100, rate: 1000 }, () => {});
    const client = await rig.connect();
    client.send(post('').replace('Content-Length: 0', 'Content-Length: 99999'));
    const drip = setInterval(() => client.send('x'), 5);
    await client.has('408 ').finally(() => clearInterval(drip));
  });
  test('for the whole time of a request: 504, or cut if the response has begun', async () => {
    await using rig = await limited({ total: 40 }, async (wire, index) => {
      await wire.has('\r\n\r\n');
      if (index === 1) wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    });
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(504);
    await client.send(get()).has('half');
    await client.until(() => client.closed, 'reset');
    expect(client.reset).toBe(true);
    expect(rig.side().failed).toEqual({ 'upstream-timeout': 2 });
  });
  test('for the whole time of a request: 408 if the client is what it waits for', async () => {
    await using rig = await limited({ total: 40 }, () => {});
    const client = await rig.connect();
    await client.send(`${post('').replace('Content-Length: 0', 'Content-Length: 9')}half`).has('408 ');
    expect(rig.side().failed).toEqual({});
  });
  test('for the head of a response: 504; for a response that stops: a reset', async () => {
    await using rig = await limited({ response: 40, responseIdle: 60 }, async (wire, index) => {
      await wire.has('\r\n\r\n');
      if (index === 1) wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    });
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(504);
    await client.send(get()).has('half');
    await client.until(() => client.closed, 'reset');
    expect(client.reset).toBe(true);
  });
  test('for connections of one address: one more is closed, and there is room when one has gone', async () => {
    await using rig = await limited({ clientConnections: 2 });
    const first = await rig.connect();
    const second = await rig.connect();
    expect((await second.send(get()).response()).status).toBe(200);
    const third = await rig.connect();
    await third.gone();
    expect(rig.refused()).toEqual({ connections: 1 });
    first.close();
    await first.gone();
    const fourth = await rig.connect();
    expect((await fourth.send(get()).response()).status).toBe(200);
  });
  test('for the queue at a switch: 503', async () => {
    await using rig = await limited({ queue: 1 });
    const [waits, refused] = [await rig.connect(), await rig.connect()];
    rig.plane.hold();
    waits.send(get());
    await rig.when(() => rig.plane.waiting === 1, 'waiting');
    expect((await refused.send(get()).response()).status).toBe(503);
    rig.plane.release();
    expect((await waits.response()).status).toBe(200);
  });
});
