import { expect, test } from 'bun:test';
import { noneCut } from '../../core/cut.ts';
import { answering, get, ok, Rig, type Wire } from './rig.fixture.ts';

const upgraded = (protocol: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

/** A side whose instances do as `script` says, which has just lost the traffic. */
async function leftover(script: (wire: Wire) => Promise<void>, ask: string, protocol?: 'tcp') {
  const rig = await Rig.start();
  const blue = rig.origin(script);
  const green = rig.origin(answering(ok('green')));
  const routeTo = (live: 'blue' | 'green', epoch: number): void =>
    rig.route({
      blue: [blue.address],
      green: [green.address],
      live,
      epoch,
      ...(protocol && { protocol }),
    });
  routeTo('blue', 1);
  const client = await rig.connect();
  client.send(ask);
  await rig.when(() => rig.side('blue').inFlight === 1, 'begun');
  return { rig, client, instance: () => blue.wires[0]!, routeTo };
}

const webSocket =
  (sends = ''): ((wire: Wire) => Promise<void>) =>
  async (wire) => {
    await wire.has('\r\n\r\n');
    wire.take();
    wire.send(upgraded('websocket') + sends);
  };
const opening = get('/', 'Connection: Upgrade', 'Upgrade: websocket');

test('a WebSocket is told 1012 between two frames, its instance 1001, and both connections end in order', async () => {
  const { rig, client, instance, routeTo } = await leftover(webSocket('\x81\x02hi'), opening);
  await using _ = rig;
  await client.has('hi');
  client.take();
  routeTo('green', 2);
  rig.plane.evict('shop', 'blue', 0);
  await client.gone();
  expect(client.text).toBe('\x88\x02\x03\xf4');
  expect(client.reset).toBe(false);
  await instance().gone();
  const word = instance().received;
  expect([...word.subarray(0, 2)]).toEqual([0x88, 0x82]);
  expect(((word[6]! ^ word[2]!) << 8) | (word[7]! ^ word[3]!)).toBe(1001);
  expect(rig.side('blue')).toMatchObject({
    inFlight: 0,
    failed: {},
    clientClosed: 0,
    cut: { ...noneCut(), websockets: 1 },
  });
});

test('a frame in progress is finished first, and nothing of the next one is sent', async () => {
  const { rig, client, instance, routeTo } = await leftover(webSocket('\x82\x05he'), opening);
  await using _ = rig;
  await client.has('he');
  routeTo('green', 2);
  rig.plane.evict('shop', 'blue', 0);
  await rig.when(() => rig.side('blue').cut.websockets === 1, 'told to end');
  client.take();
  instance().send('llo\x81\x02no');
  await client.gone();
  expect(client.text).toBe('llo\x88\x02\x03\xf4');
});

test('a frame that does not end is not waited for longer than two seconds, and no close frame is put into it', async () => {
  const { rig, client, routeTo } = await leftover(webSocket('\x82\x05he'), opening);
  await using _ = rig;
  await client.has('he');
  client.take();
  routeTo('green', 2);
  rig.plane.evict('shop', 'blue', 0);
  await client.gone();
  expect(client.text).toBe('');
  expect(rig.side('blue').inFlight).toBe(0);
});

test('an instance that has said farewell itself is not answered for', async () => {
  const { rig, client, routeTo } = await leftover(webSocket('\x88\x02\x03\xe8'), opening);
  await using _ = rig;
  await client.has('\x88\x02\x03\xe8');
  client.take();
  routeTo('green', 2);
  rig.plane.evict('shop', 'blue', 0);
  await client.gone();
  expect(client.text).toBe('');
});

test('another tunnel, and a connection of a TCP service, are closed', async () => {
  for (const [kind, protocol] of [
    ['tunnels', undefined],
    ['connections', 'tcp'],
  ] as const) {
    const { rig, client, instance, routeTo } = await leftover(
      async (wire) => {
        await wire.has('\r\n\r\n');
        wire.send(upgraded('echo'));
      },
      get('/', 'Connection: Upgrade', 'Upgrade: echo'),
      protocol,
    );
    await using _ = rig;
    await client.has('101');
    client.take();
    routeTo('green', 2);
    rig.plane.evict('shop', 'blue', 0);
    await client.gone();
    await instance().gone();
    expect([kind, client.text, client.reset]).toEqual([kind, '', false]);
    expect(rig.side('blue')).toMatchObject({ inFlight: 0, failed: {}, cut: { ...noneCut(), [kind]: 1 } });
  }
});

for (const [what, head, reset] of [
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', false],
  ['a length', 'Content-Length: 100\r\n\r\nhello', false],
  ['nothing that says where it ends', '\r\nhello', true],
] as const) {
  test(`a response with ${what} that has begun ends so that it does not look whole`, async () => {
    const { rig, client, routeTo } = await leftover(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send(`HTTP/1.1 200 OK\r\n${head}`);
    }, get());
    await using _ = rig;
    await client.has('hello');
    client.take();
    routeTo('green', 2);
    rig.plane.evict('shop', 'blue', 0);
    await client.gone();
    expect([client.text, client.reset]).toEqual(['', reset]);
    expect(rig.side('blue')).toMatchObject({ inFlight: 0, failed: {}, cut: { ...noneCut(), streams: 1 } });
  });
}

test('a request without a response gets 503 and the end of its connection', async () => {
  const { rig, client, routeTo } = await leftover(async (wire) => {
    await wire.has('\r\n\r\n');
  }, get());
  await using _ = rig;
  routeTo('green', 2);
  rig.plane.evict('shop', 'blue', 0);
  const { status, head } = await client.response();
  expect([status, head.includes('Connection: close')]).toEqual([503, true]);
  await client.gone();
  expect(rig.side('blue')).toMatchObject({ inFlight: 0, failed: {}, cut: { ...noneCut(), requests: 1 } });
});

test('many are ended one after the other over the whole time, what is on the other side and what comes later is let alone', async () => {
  const rig = await Rig.start();
  await using _ = rig;
  const blue = rig.origin(webSocket()).address;
  const green = rig.origin(webSocket()).address;
  const route = (live: 'blue' | 'green', epoch: number): void =>
    rig.route({ blue: [blue], green: [green], live, epoch });
  route('blue', 1);
  const open = async (): Promise<Wire> => {
    const wire = (await rig.connect()).send(opening);
    await wire.has('101');
    wire.take();
    return wire;
  };
  const old: Wire[] = [];
  for (let n = 0; n < 40; n++) old.push(await open());
  route('green', 2);
  const fresh = await open();
  const begun = performance.now();
  rig.plane.evict('shop', 'blue', 800);
  const ends = await Promise.all(
    old.map(async (wire) => {
      await wire.gone();
      return performance.now() - begun;
    }),
  );
  ends.sort((a, b) => a - b);
  expect(old.every(({ text }) => text === '\x88\x02\x03\xf4')).toBe(true);
  expect(ends[39]).toBeGreaterThan(600);
  // No two hundred milliseconds see more than a good quarter of them, on a machine that is busy with other things half.
  for (const [index, end] of ends.entries())
    expect(ends.filter((other, at) => at >= index && other < end + 200).length).toBeLessThan(21);
  fresh.send('x');
  await rig.when(() => rig.origins[1]!.wires[0]!.text.includes('x'), 'the new one goes on');
  expect([fresh.ended, fresh.text]).toEqual([false, '']);
  expect(rig.side('blue').cut.websockets).toBe(40);
  expect(rig.side('green').cut).toEqual(noneCut());
});

test('a side that gets the traffic back keeps what is still there', async () => {
  const { rig, client, instance, routeTo } = await leftover(webSocket(), opening);
  await using _ = rig;
  await client.has('101');
  routeTo('green', 2);
  rig.plane.evict('shop', 'blue', 60);
  const due = performance.now() + 60;
  routeTo('blue', 3);
  const other = (await rig.connect()).send(opening);
  await other.has('101');
  routeTo('green', 4);
  rig.plane.evict('shop', 'green', 0);
  client.take();
  for (let n = 0; performance.now() < due + 100; n++) {
    client.send(`ping ${n};`);
    await instance().has(`ping ${n};`);
    instance().take();
  }
  expect([client.ended, client.text, rig.side('blue').cut]).toEqual([false, '', noneCut()]);
});

test('a drain leaves everything its whole time, then ends what may go on for ever, one after the other', async () => {
  const rig = await Rig.start();
  await using _ = rig;
  const answer = Promise.withResolvers<void>();
  rig.route({
    blue: [
      rig.origin(async (wire) => {
        await wire.has('\r\n\r\n');
        if (wire.text.includes('websocket')) return void wire.send(upgraded('websocket'));
        await answer.promise;
        wire.send(ok('late'));
      }).address,
    ],
  });
  const tunnel = (await rig.connect()).send(opening);
  await tunnel.has('101');
  tunnel.take();
  const request = (await rig.connect()).send(get());
  await rig.when(() => rig.side().inFlight === 2, 'begun');
  const began = performance.now();
  const drained = rig.plane.drain(1000);
  answer.resolve();
  expect((await request.response()).body).toBe('late');
  await tunnel.gone();
  const lived = performance.now() - began;
  expect(tunnel.text).toBe('\x88\x02\x03\xf4');
  // A timer of the runtime may be a millisecond early.
  expect(lived).toBeGreaterThanOrEqual(998);
  await drained;
  expect(rig.side()).toMatchObject({ failed: {}, cut: { ...noneCut(), websockets: 1 } });
});
