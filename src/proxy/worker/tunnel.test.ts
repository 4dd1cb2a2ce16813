import { describe, expect, test } from 'bun:test';
import { answering, get, ok, Rig, type Wire } from './rig.fixture.ts';

const upgrade = get('/socket', 'Connection: Upgrade', 'Upgrade: echo');
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

/** Accepts the upgrade, with `first` behind the 101, and then echoes. */
const echo =
  (first = '') =>
  async (wire: Wire): Promise<void> => {
    await wire.has('\r\n\r\n');
    expect(wire.text).toContain('Connection: upgrade\r\n');
    wire.received = wire.received.subarray(wire.text.indexOf('\r\n\r\n') + 4);
    wire.send(switching + first);
    for (;;) {
      await wire.until(() => wire.received.length > 0 || wire.ended || wire.closed, 'bytes');
      if (wire.received.length > 0) wire.send(Buffer.from(wire.take(), 'latin1'));
      else break;
    }
    if (!wire.closed) wire.send('bye').close();
  };

describe('an upgrade', () => {
  test('becomes a tunnel; bytes next to the request and next to the 101 are not lost', async () => {
    await using rig = await Rig.with(echo('welcome '));
    const client = await rig.connect();
    client.send(`${upgrade}early `);
    await client.has('early ');
    expect(client.text).toBe(`${switching}welcome early `);
    client.take();
    for (let n = 0; n < 20; n++) {
      client.send(`message ${n};`);
      await client.has(`message ${n};`);
    }
    expect(rig.side()).toMatchObject({ upgrades: 1, inFlight: 1, status: { '1xx': 1 } });
    expect(rig.plane.inFlight()).toEqual([{ service: 'shop', colour: 'blue', epoch: 1, inFlight: 1 }]);
  });
  test('each direction ends by itself', async () => {
    await using rig = await Rig.with(echo());
    const client = await rig.connect();
    client.send(upgrade);
    await client.has(switching);
    client.send('last').shutdown();
    await client.has('lastbye');
    await client.gone();
    expect(client.reset).toBe(false);
    await rig.idle();
    expect(rig.side()).toMatchObject({ failed: {}, clientClosed: 0, latency: [] });
  });
  test('the instance may end first and go on reading', async () => {
    let read = '';
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.take();
      wire.send(`${switching}all I have`).shutdown();
      await wire.until(() => wire.ended || wire.closed, 'end of the client');
      read = wire.text;
      wire.close();
    });
    const client = await rig.connect();
    client.send(upgrade);
    await client.until(() => client.ended, 'end');
    expect(client.text).toEndWith('all I have');
    client.send('still speaking').shutdown();
    await rig.when(() => read !== '', 'read');
    expect(read).toBe('still speaking');
    await rig.idle();
  });
  test('a reset on one side is a reset on the other', async () => {
    await using rig = await Rig.with(echo());
    const client = await rig.connect();
    client.send(upgrade);
    await client.has(switching);
    const wire = rig.origins[0]!.wires[0]!;
    client.abort();
    await wire.until(() => wire.closed, 'reset');
    expect(wire.reset).toBe(true);
    const second = await rig.connect();
    second.send(upgrade);
    await second.has(switching);
    rig.origins[0]!.wires[1]!.abort();
    await second.until(() => second.closed, 'reset');
    expect(second.reset).toBe(true);
    await rig.idle();
  });
  test('that is declined is an ordinary exchange; the next request follows', async () => {
    await using rig = await Rig.with(answering(ok('no')));
    const client = await rig.connect();
    client.send(upgrade + get('/next'));
    expect((await client.response()).body).toBe('no');
    expect((await client.response()).body).toBe('no');
    expect(rig.side()).toMatchObject({ requests: 2, upgrades: 0 });
  });
  test('with a slow reader holds the other side back, and loses nothing', async () => {
    const size = 20_000_000;
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send(switching).send(new Uint8Array(size)).shutdown();
      await wire.until(() => wire.closed || wire.ended, 'end');
      if (!wire.closed) wire.close();
    });
    const client = await rig.connect();
    client.keeps = false;
    client.send(upgrade);
    client.socket.pause();
    const wire = await (async () => {
      await rig.when(() => rig.side().upgrades === 1, 'upgraded');
      return rig.origins[0]!.wires[0]!;
    })();
    // What the kernel and one chunk of ours can hold is far less than all of it.
    await Bun.sleep(100);
    expect(wire.flushed).toBe(false);
    client.socket.resume();
    await client.until(() => client.ended, 'end');
    expect(client.count).toBe(switching.length + size);
    client.shutdown();
    await rig.idle();
  });
});
