import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import { z } from 'zod';
import { Spec } from '../../src/core/spec.ts';
import { startShop, type Shop } from './start-shop.ts';

const Order = z.object({
  id: z.string(),
  product: z.string(),
  quantity: z.int(),
  release: z.string(),
  environment: z.string(),
});
const Orders = z.object({ orders: z.array(Order) });
const Echo = z.object({ bytes: z.int(), sha256: z.string(), release: z.string(), environment: z.string() });
const running: Shop[] = [];

/** Ends with the test that started it. */
async function start(release: 1 | 2, environment: Record<string, string> = {}): Promise<Shop> {
  const shop = await startShop(release, environment);
  running.push(shop);
  return shop;
}
/** What it says when it does not start. */
const refusal = (release: 1 | 2, environment: Record<string, string>): Promise<string> =>
  start(release, environment).then(() => 'it started', String);
async function stopAll(): Promise<void> {
  await Promise.all(
    running.splice(0).map((shop) => {
      shop.signal('SIGKILL');
      return shop.exited;
    }),
  );
}

/** Resolves with the first value of an event; rejects with the socket's error. */
const event = (socket: WebSocket, name: 'open' | 'message' | 'close' | 'pong'): Promise<unknown[]> =>
  new Promise((resolve, reject) => {
    socket.once(name, (...values: unknown[]) => resolve(values));
    socket.once('error', reject);
  });

test('the spec of the example is valid', async () => {
  const spec = Spec.parse(Bun.YAML.parse(await readFile(`${import.meta.dirname}/cutover.yaml`, 'utf8')));
  expect(spec.service).toBe('shop');
  expect(spec.environments.layers.web?.instances).toBe(2);
});

test('what did not change between the releases is the same, byte for byte', async () => {
  for (const name of ['server.js', 'websocket.js', 'probes.js', 'journal.js', 'faults.js']) {
    const [one, two] = await Promise.all(
      [1, 2].map((release) => readFile(`${import.meta.dirname}/release-${release}/${name}`, 'utf8')),
    );
    expect(one).toBe(two ?? '');
  }
});

describe.each([1, 2] as const)('release %i', (release) => {
  let shop: Shop;
  let data: string;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'a shop '));
    shop = await startShop(release, {
      CUTOVER_RELEASE: `${release}`,
      CUTOVER_ENVIRONMENT: 'green',
      SHOP_DATA: data,
    });
  });
  afterAll(async () => {
    shop.signal('SIGKILL');
    await shop.exited;
    await rm(data, { recursive: true });
  });

  test.each(['/', '/products', '/products/mint', '/orders', '/live'])(
    '%s is a whole page that says who made it',
    async (path) => {
      const response = await fetch(shop.url + path);
      const page = await response.text();
      expect(response.status).toBe(200);
      expect(response.headers.get('x-shop-release')).toBe(`${release}`);
      expect(response.headers.get('x-shop-environment')).toBe('green');
      expect(page).toStartWith('<!doctype html>');
      expect(page).toEndWith(`<!-- end path=${path} release=${release} environment=green -->\n`);
      expect(page).toContain(`Kettle & Leaf ${release}.0`);
    },
  );

  test('the list is narrowed by kind in release 2 only', async () => {
    const page = await (await fetch(`${shop.url}/products?kind=herbal`)).text();
    expect(page.includes('Assam')).toBe(release === 1);
    expect(page).toContain('Mint');
  });

  test('unknown pages are 404, and known ones refuse other methods', async () => {
    expect((await fetch(`${shop.url}/none`)).status).toBe(404);
    expect((await fetch(`${shop.url}/constructor`)).status).toBe(404);
    const refused = await fetch(`${shop.url}/products`, { method: 'DELETE' });
    expect(refused.status).toBe(405);
    expect(refused.headers.get('allow')).toBe('GET');
    expect((await fetch(`${shop.url}/style.css`)).headers.get('content-type')).toStartWith('text/css');
    expect(await (await fetch(shop.url, { method: 'HEAD' })).text()).toBe('');
  });

  test('an order is answered with 201 and is in the journal by then', async () => {
    const body = JSON.stringify({ id: `order-${release}`, product: 'mint', quantity: 3 });
    const response = await fetch(`${shop.url}/orders`, { method: 'POST', body });
    expect(response.status).toBe(201);
    expect(Order.parse(await response.json())).toMatchObject({
      id: `order-${release}`,
      quantity: 3,
      environment: 'green',
    });
    expect(await readFile(join(data, 'orders.ndjson'), 'utf8')).toContain(`"order-${release}"`);
    expect(Orders.parse(await (await fetch(`${shop.url}/orders.json`)).json()).orders[0]?.id).toBe(
      `order-${release}`,
    );
    expect(await (await fetch(`${shop.url}/orders`)).text()).toContain(`order-${release}`);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"product":"coffee"}',
    '{"product":"mint","quantity":0}',
    '{"product":"mint","id":"<b>"}',
  ])('the order %j is refused', async (body) =>
    expect((await fetch(`${shop.url}/orders`, { method: 'POST', body })).status).toBe(400),
  );

  test('an order that is too long is refused', async () => {
    const response = await fetch(`${shop.url}/orders`, { method: 'POST', body: 'x'.repeat(17 * 1024) });
    expect(response.status).toBe(413);
  });

  test('an upload is answered with its length and hash, with Content-Length and in chunks', async () => {
    const bytes = Buffer.alloc(200_000, 'tea');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 30_000) controller.enqueue(bytes.subarray(at, at + 30_000));
        controller.close();
      },
    });
    for (const body of [bytes, stream]) {
      const response = await fetch(`${shop.url}/echo`, { method: 'POST', body });
      expect(Echo.parse(await response.json())).toMatchObject({ bytes: bytes.length, sha256 });
    }
  });

  test('a download has the length that was asked for and the pattern', async () => {
    const response = await fetch(`${shop.url}/download?bytes=300000`);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('content-length')).toBe('300000');
    expect(bytes.equals(Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251)))).toBe(true);
  });

  test('a stream comes in chunks, each naming its maker, with a mark at the end', async () => {
    const response = await fetch(`${shop.url}/stream?chunks=3&ms=5`);
    expect(response.headers.get('content-length')).toBeNull();
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines).toEqual(
      [...[1, 2, 3].map((n) => `chunk ${n}/3`), 'end 3'].map(
        (start) => `${start} release=${release} environment=green`,
      ),
    );
  });

  test('a slow answer takes its time', async () => {
    const before = performance.now();
    expect(await (await fetch(`${shop.url}/slow?ms=60`)).text()).toStartWith('slow ms=60 ');
    expect(performance.now() - before).toBeGreaterThan(58);
  });

  test('a WebSocket gives back text, binary, empty, long and fragmented messages, and pongs', async () => {
    const socket = new WebSocket(shop.url.replace('http', 'ws') + '/ws');
    const upgrade = new Promise<Record<string, unknown>>((resolve) =>
      socket.once('upgrade', ({ headers }) => resolve(headers)),
    );
    await event(socket, 'open');
    expect((await upgrade)['x-shop-environment']).toBe('green');
    for (const message of ['tea ☕', '', 'x'.repeat(70_000), Buffer.alloc(300, 7)]) {
      const [answer, isBinary] = (socket.send(message), await event(socket, 'message'));
      expect(isBinary).toBe(typeof message !== 'string');
      expect(Buffer.from(message).equals(z.instanceof(Buffer).parse(answer))).toBe(true);
    }
    socket.send('frag', { fin: false });
    socket.ping('between');
    socket.send('ment', { fin: true });
    const [[pong], [whole]] = await Promise.all([event(socket, 'pong'), event(socket, 'message')]);
    expect([String(pong), String(whole)]).toEqual(['between', 'fragment']);
    socket.close(1000);
    expect((await event(socket, 'close'))[0]).toBe(1000);
  });

  test('the clock says who and when', async () => {
    const socket = new WebSocket(shop.url.replace('http', 'ws') + '/ws/clock');
    const [tick] = await event(socket, 'message');
    expect(JSON.parse(String(tick))).toMatchObject({ environment: 'green', release: `${release}` });
    socket.terminate();
  });

  /** Code of the close frame that answers these raw frames; `status` if the handshake was refused. */
  const closeCodeAfter = (
    frames: Buffer,
    key = 'dGhlIHNhbXBsZSBub25jZQ==',
    version = '13',
  ): Promise<number> =>
    new Promise((resolve, reject) => {
      let got = Buffer.alloc(0);
      const socket = connect(shop.address.port, shop.address.host);
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: ${version}\r\n\r\n`,
      );
      socket.write(frames);
      socket.on('data', (chunk: Buffer) => (got = Buffer.concat([got, chunk])));
      socket.on('error', reject);
      socket.on('end', () => {
        socket.end();
        const frame = got.subarray(got.indexOf('\r\n\r\n') + 4);
        resolve(
          frame.length >= 4 && frame[0] === 0x88
            ? frame.readUInt16BE(2)
            : Number(got.toString('latin1', 9, 12)),
        );
      });
    });
  const mask = [0, 0, 0, 0];

  test.each([
    ['an unmasked frame', [0x81, 0x01, 0x61], 1002],
    ['a reserved bit', [0xc1, 0x80, ...mask], 1002],
    ['an unknown opcode', [0x83, 0x80, ...mask], 1002],
    ['a ping in parts', [0x09, 0x80, ...mask], 1002],
    ['a continuation of nothing', [0x80, 0x80, ...mask], 1002],
    ['a message inside another', [0x01, 0x80, ...mask, 0x81, 0x80, ...mask], 1002],
    ['text that is not UTF-8', [0x81, 0x81, ...mask, 0xff], 1007],
    ['a message of 2 GB', [0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, ...mask], 1009],
    ['a close frame of one byte', [0x88, 0x81, ...mask, 3], 1002],
    ['a close code that may not be sent', [0x88, 0x82, ...mask, 0x03, 0xee], 1002],
  ])('a WebSocket is closed after %s', async (_name, bytes, code) => {
    expect(await closeCodeAfter(Buffer.from(bytes))).toBe(code);
  });

  test('a handshake with a bad key or version is refused', async () => {
    expect(await closeCodeAfter(Buffer.alloc(0), 'short')).toBe(400);
    expect(await closeCodeAfter(Buffer.alloc(0), undefined, '8')).toBe(426);
  });
});

describe('stopping', () => {
  afterEach(stopAll);

  test('SIGTERM lets a slow request finish, closes WebSockets with 1001, refuses new connections and ends with 0', async () => {
    const shop = await start(1);
    const socket = new WebSocket(shop.url.replace('http', 'ws') + '/ws');
    await event(socket, 'open');
    await (await fetch(shop.url)).text(); // leaves an idle kept connection behind
    const slow = fetch(`${shop.url}/stream?chunks=4&ms=60`);
    const response = await slow;
    const closed = event(socket, 'close');
    shop.signal('SIGTERM');
    expect((await closed)[0]).toBe(1001);
    expect(await fetch(`${shop.url}/?new`).then(String, () => 'refused')).toBe('refused');
    expect(await response.text()).toContain('end 4 ');
    expect(await shop.exited).toBe(0);
    expect(shop.output()).toContain('stopped');
  });

  test('with nothing under way SIGTERM ends it at once, kept connections or not', async () => {
    const shop = await start(2);
    await (await fetch(shop.url)).text();
    shop.signal('SIGTERM');
    expect(await shop.exited).toBe(0);
  });
});

describe('faults on purpose', () => {
  afterEach(stopAll);
  const status = async (shop: Shop, path: string): Promise<number> => (await fetch(shop.url + path)).status;

  test('it is 503 until it is warm, and for ever with never-healthy', async () => {
    const cold = await start(1, { SHOP_WARMUP_MS: '60000' });
    expect(await status(cold, '/health')).toBe(503);
    const shop = await start(1, { SHOP_WARMUP_MS: '1' });
    const deadline = Date.now() + 5000;
    while ((await status(shop, '/health')) !== 200) expect(Date.now()).toBeLessThan(deadline);
    const never = await start(1, { SHOP_FAULT: 'never-healthy', SHOP_WARMUP_MS: '1' });
    while (!never.output().includes(' warm')) {
      expect(Date.now()).toBeLessThan(deadline);
      expect(await status(never, '/health')).toBe(503);
    }
    expect(await status(never, '/health')).toBe(503);
  });

  test('crash-at-start ends before it listens and says why; an unknown fault too', async () => {
    expect(await refusal(1, { SHOP_FAULT: 'crash-at-start' })).toContain('payment provider');
    expect(await refusal(1, { SHOP_FAULT: 'no-such' })).toContain('SHOP_FAULT: expected one of');
    expect(await refusal(1, { SHOP_FAULT: 'error-rate' })).toContain('SHOP_FAULT: expected one of');
  });

  test('wrong-port listens elsewhere', async () => {
    const first = await start(1);
    // PORT is taken by the first one: only on another port can the second one listen.
    const second = await start(1, { SHOP_FAULT: 'wrong-port', PORT: String(first.address.port) });
    expect(second.address.port).not.toBe(first.address.port);
  });

  test('a taken port ends it with a message', async () => {
    const first = await start(1);
    expect(await refusal(1, { PORT: String(first.address.port) })).toContain('cannot listen');
  });

  test('exit-after-ms ends it with 1', async () => {
    const shop = await start(1, { SHOP_FAULT: 'exit-after-ms:20' });
    expect(await shop.exited).toBe(1);
  });

  test('error-rate fails exactly its share, never health', async () => {
    const shop = await start(1, { SHOP_FAULT: 'error-rate:0.25' });
    const found: number[] = [];
    for (let i = 0; i < 20; i++) found.push(await status(shop, '/'));
    expect(found.filter((one) => one === 500)).toHaveLength(5);
    for (let i = 0; i < 8; i++) expect(await status(shop, '/health')).not.toBe(500);
  });

  test('slow, wrong-content and ignore-sigterm do as they say', async () => {
    const slow = await start(1, { SHOP_FAULT: 'slow' });
    const before = performance.now();
    await status(slow, '/');
    expect(performance.now() - before).toBeGreaterThan(390);
    const wrong = await start(1, { SHOP_FAULT: 'wrong-content' });
    expect(await (await fetch(wrong.url)).text()).toBe('');
    const deaf = await start(1, { SHOP_FAULT: 'ignore-sigterm' });
    deaf.signal('SIGTERM');
    const deadline = Date.now() + 5000;
    while (!deaf.output().includes('SIGTERM: ignored')) {
      expect(Date.now()).toBeLessThan(deadline);
      expect(await status(deaf, '/')).toBe(200);
    }
  });
});
