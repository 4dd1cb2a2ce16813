import { describe, expect, test } from 'bun:test';
import { type Address } from '../../core/address.ts';
import { Rig, type Wire } from './rig.fixture.ts';

/** Sends back what comes, each piece behind the name, and ends when the client has. */
const echo =
  (name: string) =>
  async (wire: Wire): Promise<void> => {
    for (;;) {
      await wire.until(() => wire.closed || wire.ended || wire.received.length > 0, 'bytes');
      const text = wire.take();
      if (text !== '') wire.send(`${name}:${text}`);
      else if (wire.closed) return;
      else if (wire.ended) return void wire.shutdown();
    }
  };
async function tcp(...names: string[]): Promise<{ rig: Rig; instances: Address[] }> {
  const rig = await Rig.start();
  const instances = names.map((name) => rig.origin(echo(name)).address);
  rig.route({ protocol: 'tcp', blue: instances });
  return { rig, instances };
}

describe('a service switched as TCP', () => {
  test('gives a connection to an instance as it is, and counts it as a request', async () => {
    const { rig } = await tcp('a');
    await using _ = rig;
    const client = await rig.connect();
    await client.send('\0hello\r\n').has('a:\0hello\r\n');
    expect(rig.side()).toMatchObject({ requests: 1, inFlight: 1, failed: {} });
    client.close();
    await rig.idle();
    expect(rig.side().bytesIn).toBe(8);
  });
  test('passes on the end of each direction by itself', async () => {
    await using rig = await Rig.start();
    const origin = rig.origin(async (wire) => {
      await wire.until(() => wire.ended, 'end');
      wire.send(`after ${wire.text}`).shutdown();
    });
    rig.route({ protocol: 'tcp', blue: [origin.address] });
    const client = await rig.connect();
    client.send('all').shutdown();
    await client.has('after all');
    await client.gone();
    expect(client.reset).toBe(false);
    await rig.idle();
  });
  test('hears an instance that speaks first', async () => {
    await using rig = await Rig.start();
    rig.route({ protocol: 'tcp', blue: [rig.origin((wire) => void wire.send('220 ready\r\n')).address] });
    await (await rig.connect()).has('220 ready');
  });
  test('keeps the order of many bytes, with a reader that is slower', async () => {
    await using rig = await Rig.start();
    const large = new Uint8Array(20_000_000).map((_, n) => n % 251);
    const origin = rig.origin((wire) => void wire.send(large).shutdown());
    rig.route({ protocol: 'tcp', blue: [origin.address] });
    const client = await rig.connect();
    client.keeps = false;
    const hash = new Bun.CryptoHasher('sha1');
    const { data } = client.on;
    client.on.data = (bytes) => {
      hash.update(bytes);
      client.socket.pause();
      setImmediate(() => client.socket.resume());
      data(bytes);
    };
    await client.gone();
    expect(client.count).toBe(large.length);
    expect(hash.digest('hex')).toBe(new Bun.CryptoHasher('sha1').update(large).digest('hex'));
  });
  test('gives a connection to the instance with the fewest, and passes over one that refuses', async () => {
    const { rig, instances } = await tcp('a', 'b');
    await using _ = rig;
    const answers: string[] = [];
    for (let n = 0; n < 4; n++) {
      const client = await rig.connect();
      await client.send('x').has(':x');
      answers.push(client.text);
    }
    expect(answers.toSorted()).toEqual(['a:x', 'a:x', 'b:x', 'b:x']);
    rig.route({
      protocol: 'tcp',
      blue: [{ host: '127.0.0.1', port: 1 }, instances[1]!],
      release: 2,
      epoch: 2,
    });
    for (let n = 0; n < 4; n++) await (await rig.connect()).send('y').has('b:y');
    expect(rig.side().failed).toEqual({});
    expect(rig.side().retried).toBeGreaterThan(0);
  });
  test('resets a connection that no instance takes, and counts it', async () => {
    await using rig = await Rig.start();
    rig.route({ protocol: 'tcp', blue: [{ host: '127.0.0.1', port: 1 }] });
    await (await rig.connect()).gone();
    rig.route({ protocol: 'tcp', blue: [], epoch: 2 });
    await (await rig.connect()).gone();
    expect(rig.side()).toMatchObject({ failed: { 'connect-failed': 1, 'no-instance': 1 }, inFlight: 0 });
  });
  test('shows the other side on the preview address', async () => {
    await using rig = await Rig.start();
    rig.route({
      protocol: 'tcp',
      blue: [rig.origin(echo('blue')).address],
      green: [rig.origin(echo('green')).address],
    });
    await (await rig.connect(rig.previewAddress)).send('x').has('green:x');
  });
  test('holds new connections during a switch; those that have begun stay where they are', async () => {
    await using rig = await Rig.start();
    const sides = { blue: [rig.origin(echo('blue')).address], green: [rig.origin(echo('green')).address] };
    rig.route({ protocol: 'tcp', ...sides });
    const before = await rig.connect();
    await before.send('1').has('blue:1');
    rig.plane.hold();
    const during = await rig.connect();
    during.send('2');
    await before.send('3').has('blue:3');
    await rig.when(() => rig.plane.waiting === 1, 'held');
    rig.route({ protocol: 'tcp', ...sides, live: 'green', epoch: 2 });
    expect(rig.plane.release()).toBe(1);
    await during.has('green:2');
    await before.send('4').has('blue:4');
    expect(rig.plane.inFlight().map(({ colour, epoch, inFlight }) => [colour, epoch, inFlight])).toEqual([
      ['blue', 1, 1],
      ['green', 2, 1],
    ]);
    before.close();
    await rig.when(() => rig.side('blue').inFlight === 0, 'blue drained');
    expect(rig.side('green')).toMatchObject({ held: 1, inFlight: 1 });
  });
  test('loses no byte of any connection over many switches under load', async () => {
    await using rig = await Rig.start();
    const sides = { blue: [rig.origin(echo('blue')).address], green: [rig.origin(echo('green')).address] };
    rig.route({ protocol: 'tcp', ...sides });
    let over = false;
    let conversations = 0;
    const load = Array.from({ length: 16 }, async (_, seat) => {
      for (let n = 0; !over; n++) {
        const client = await rig.connect();
        const [first, second] = [`${seat}-${n}-first;`, `${seat}-${n}-second;`];
        await client.send(first).has(first);
        const colour = client.text.split(':')[0]!;
        // Whatever was switched meanwhile, a connection stays on one side.
        await client.send(second).has(second);
        client.shutdown();
        await client.gone();
        expect(client.text).toBe(`${colour}:${first}${colour}:${second}`);
        conversations++;
      }
    });
    for (let epoch = 2; epoch < 32; epoch++) {
      const reached = conversations + 10;
      await rig.when(() => conversations >= reached, 'going on');
      rig.plane.hold();
      await Bun.sleep(0);
      rig.route({ protocol: 'tcp', ...sides, live: epoch % 2 === 0 ? 'green' : 'blue', epoch });
      rig.plane.release();
    }
    over = true;
    await Promise.all(load);
    await rig.idle();
    expect(rig.side('blue').requests + rig.side('green').requests).toBe(conversations);
    expect([rig.side('blue').failed, rig.side('green').failed, rig.refused()]).toEqual([{}, {}, {}]);
  });
});
