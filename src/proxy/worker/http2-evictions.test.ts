import { expect, test } from 'bun:test';
import { noneCut } from '../../core/cut.ts';
import { Http2Wire, request } from './http2-wire.fixture.ts';
import { ok, Rig, type Wire } from './rig.fixture.ts';

/** Begins a response of any length for /stream, and does not answer /slow. */
async function halfway(wire: Wire): Promise<void> {
  await wire.has('\r\n\r\n');
  if (wire.text.startsWith('GET /stream'))
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
}

test('streams on the old side are ended as streams: others of their connection go on, and it takes new ones', async () => {
  await using rig = await Rig.start();
  const answer = Promise.withResolvers<void>();
  const blue = rig.origin(halfway).address;
  const green = rig.origin(async (wire) => {
    await wire.has('\r\n\r\n');
    wire.take();
    await answer.promise;
    wire.send(ok('green'));
    await wire.has('\r\n\r\n');
    wire.send(ok('again'));
  }).address;
  const routeTo = (live: 'blue' | 'green', epoch: number): void =>
    rig.route({ blue: [blue], green: [green], live, epoch });
  routeTo('blue', 1);
  const client = await Http2Wire.open(rig);
  client.ask(1, request('/stream')).ask(3, request('/slow'));
  await client.when(() => client.body(1) === 'hello', 'the first bytes');
  await rig.when(() => rig.side('blue').inFlight === 2, 'both begun');
  routeTo('green', 2);
  client.ask(5);
  await rig.when(() => rig.side('green').inFlight === 1, 'one begun on the other side');
  rig.plane.evict('shop', 'blue', 0);
  await client.when(
    () => client.lines.some((line) => line.startsWith('reset 1 ')),
    'the reset of the stream',
  );
  expect((await client.response(3)).status).toBe('503');
  expect(client.lines).not.toContain('end 1');
  expect(rig.side('green').inFlight).toBe(1);
  answer.resolve();
  expect(await client.response(5)).toEqual({ status: '200', body: 'green' });
  client.ask(7);
  expect(await client.response(7)).toEqual({ status: '200', body: 'again' });
  expect(client.lines.filter((line) => line.startsWith('goaway'))).toEqual([]);
  expect(client.wire.ended).toBe(false);
  expect(rig.side('blue')).toMatchObject({
    inFlight: 0,
    failed: {},
    clientClosed: 0,
    cut: { ...noneCut(), streams: 1, requests: 1 },
  });
  expect(rig.side('green').cut).toEqual(noneCut());
});
