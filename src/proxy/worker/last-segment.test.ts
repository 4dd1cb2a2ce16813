import { describe, expect, test } from 'bun:test';
import { answering, get, ok, Rig } from './rig.fixture.ts';

const last = (): string => get('/', 'Connection: close');

describe('a response after which the connection ends', () => {
  test('comes whole before the end, and the end is no reset', async () => {
    await using rig = await Rig.with(answering(ok('hello')));
    for (let n = 0; n < 20; n++) {
      const client = await rig.connect();
      client.send(last());
      await client.gone();
      expect(client.text).toEndWith('\r\nConnection: close\r\n\r\nhello');
      expect(client.reset).toBe(false);
    }
    await rig.idle();
    expect(rig.origins[0]!.wires).toHaveLength(1);
  });

  test('has its last byte also where the end of the body comes in a piece of its own', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
      await rig.when(() => client.text.includes('hello'), 'the first chunk');
      wire.send('5\r\nworld\r\n0\r\n\r\n');
    });
    const client = await rig.connect();
    client.send(last());
    await client.gone();
    expect(client.text).toEndWith('5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n');
    expect(client.reset).toBe(false);
  });

  test('waits as a whole for a client that reads late', async () => {
    const size = 30_000_000;
    await using rig = await Rig.with(answering(ok('x'.repeat(size))));
    const client = await rig.connect();
    client.keeps = false;
    client.socket.pause();
    client.send(last());
    await rig.when(() => rig.side().bytesOut > 0, 'the response');
    client.socket.resume();
    await client.gone();
    expect(client.count).toBeGreaterThan(size);
    expect(client.reset).toBe(false);
  });

  test('comes whole to a client that has sent more than was asked for', async () => {
    await using rig = await Rig.with(answering(ok('hello')));
    const client = await rig.connect();
    client.send(last() + get('/never'));
    await client.gone();
    expect(client.text).toEndWith('\r\nConnection: close\r\n\r\nhello');
    expect(client.reset).toBe(false);
    expect(rig.origins[0]!.wires).toHaveLength(1);
  });

  test('comes whole to a client that has said before that it sends no more', async () => {
    await using rig = await Rig.with(answering(ok('hello')));
    const client = await rig.connect();
    client.send(get()).shutdown();
    await client.gone();
    expect(client.text).toEndWith('\r\n\r\nhello');
    expect(client.reset).toBe(false);
  });
});
