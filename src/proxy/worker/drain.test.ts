import { expect, test } from 'bun:test';
import { answering, get, ok, Rig } from './rig.fixture.ts';

test('a drain answers what has begun, says that it was the last, and then is over', async () => {
  const gate = Promise.withResolvers<void>();
  await using rig = await Rig.with(async (wire) => {
    await wire.has('\r\n\r\n');
    await gate.promise;
    wire.send(ok('x'));
  });
  const [idle, busy] = [await rig.connect(), await rig.connect()];
  busy.send(get());
  await rig.when(() => rig.side().inFlight === 1, 'begun');
  const drained = rig.plane.drain(5000);
  expect(rig.plane.drain(1)).toBe(drained);
  await idle.gone();
  expect(idle).toMatchObject({ reset: false, text: '' });
  gate.resolve();
  expect((await busy.response()).head).toContain('Connection: close');
  await busy.gone();
  await drained;
});
test('a request that comes on an idle connection as the drain begins is answered', async () => {
  await using rig = await Rig.with(answering(ok('x')), { drainIdleMs: 5000 });
  const client = await rig.connect();
  await client.send(get()).response();
  const drained = rig.plane.drain(5000);
  expect((await client.send(get()).response()).head).toContain('Connection: close');
  await drained;
});
test('no connection is accepted after a drain has begun', async () => {
  await using rig = await Rig.with(answering(ok('x')));
  await rig.plane.drain(0);
  const refused = await rig.connect().then(
    () => false,
    () => true,
  );
  expect(refused).toBe(true);
});
test('what is not over at the deadline is cut: exchanges with 504, tunnels by their end', async () => {
  await using rig = await Rig.with(async (wire) => {
    await wire.has('\r\n\r\n');
    if (wire.text.includes('Upgrade'))
      wire.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  });
  const [client, tunnel] = [await rig.connect(), await rig.connect()];
  client.send(get());
  tunnel.send(get('/', 'Connection: Upgrade', 'Upgrade: x'));
  await tunnel.has('101');
  await rig.when(() => rig.side().inFlight === 2, 'begun');
  await rig.plane.drain(30);
  expect((await client.response()).status).toBe(504);
  await tunnel.gone();
  expect(rig.side().inFlight).toBe(0);
});
