import { describe, expect, test } from 'bun:test';
import { answering, get, ok, Rig } from './rig.fixture.ts';

const size = 50_000_000;
/** Bytes whose order can be checked: a period that no power of two divides. */
const pattern = Buffer.alloc(size);
for (let i = 0; i < size; i++) pattern[i] = i % 251;
const sum = (bytes: Uint8Array): bigint => BigInt(Bun.hash(bytes));
/** What two kernel buffers and a chunk may hold; far less than the body. */
const atMost = 20_000_000;

describe('a body of 50 MB', () => {
  test('goes up whole', async () => {
    let digest = 0n;
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      const head = wire.text.indexOf('\r\n\r\n') + 4;
      const whole = Buffer.alloc(size);
      let at = 0;
      while (at < size) {
        await wire.until(() => wire.received.length > 0, 'bytes');
        const bytes = wire.received.subarray(at === 0 ? head : 0);
        wire.received = Buffer.alloc(0);
        at += bytes.copy(whole, at);
      }
      digest = sum(whole);
      wire.send(ok('got it'));
    });
    const client = await rig.connect();
    client.send(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`).send(pattern);
    expect((await client.response()).body).toBe('got it');
    expect(digest).toBe(sum(pattern));
    expect(rig.side().bytesIn).toBeGreaterThan(size);
  });
  test('comes down whole', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`).send(pattern);
    });
    const client = await rig.connect();
    client.send(get());
    await client.has('\r\n\r\n');
    const head = client.text.indexOf('\r\n\r\n') + 4;
    const whole = Buffer.alloc(size);
    let at = 0;
    while (at < size) {
      await client.until(() => client.received.length > 0, 'bytes');
      const bytes = client.received.subarray(at === 0 ? head : 0);
      client.received = Buffer.alloc(0);
      at += bytes.copy(whole, at);
    }
    expect(sum(whole)).toBe(sum(pattern));
    await rig.idle();
  });
  test('waits for a slow client without piling up here', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`).send(pattern);
    });
    const client = await rig.connect();
    client.keeps = false;
    client.socket.pause();
    client.send(get());
    await rig.when(() => rig.side().bytesOut > 0, 'begun');
    await Bun.sleep(100);
    expect(rig.origins[0]!.wires[0]!.flushed).toBe(false);
    expect(rig.side().bytesOut).toBeLessThan(atMost);
    client.socket.resume();
    await client.until(() => client.count > size, 'download');
  });
  test('waits for a slow instance without piling up here', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.keeps = false;
      wire.socket.pause();
      await Bun.sleep(100);
      expect(client.flushed).toBe(false);
      expect(rig.side().bytesIn).toBeLessThan(atMost);
      wire.socket.resume();
      await wire.until(() => wire.count > size, 'upload');
      wire.send(ok('got it'));
    });
    const client = await rig.connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`).send(pattern);
    expect((await client.response()).body).toBe('got it');
  });
  test('with a length of its own in each chunk keeps its end', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const count = 300;
    await using rig = await Rig.with(
      answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(count)}0\r\n\r\n`),
    );
    const client = await rig.connect();
    for (let n = 0; n < 2; n++) {
      client.count = 0;
      client.keeps = false;
      client.send(get());
      await client.until(() => client.count === 47 + chunk.length * count + 5, 'whole body');
    }
    expect(rig.origins[0]!.wires).toHaveLength(1);
  });
});
