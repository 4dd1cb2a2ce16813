import { describe, expect, test } from 'bun:test';
import type { Route } from '../../core/traffic.ts';
import { get, ok, post, Rig, type Wire } from './rig.fixture.ts';

/** Instances whose requests are answered one by one, when the test says so. */
class Desk {
  /** The paths of the requests that are with an instance, in the order in which they came. */
  readonly open: { readonly path: string; readonly wire: Wire }[] = [];
  most = 0;
  script = async (wire: Wire): Promise<void> => {
    for (;;) {
      await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
      if (!wire.text.includes('\r\n\r\n')) return;
      this.open.push({ path: wire.take().split(' ')[1] ?? '', wire });
      this.most = Math.max(this.most, this.open.length);
    }
  };
  /** Answers the one that has waited the longest. */
  answer(): void {
    const { path, wire } = this.open.shift()!;
    wire.send(ok(path));
  }
}

async function start(
  limits: NonNullable<Route['limits']>,
  instances = 1,
  more: Parameters<Rig['route']>[0] = {},
) {
  const desk = new Desk();
  const rig = await Rig.start();
  const blue = Array.from({ length: instances }, () => rig.origin(desk.script).address);
  rig.route({ blue, limits, ...more });
  const ask = async (path: string): Promise<Wire> => (await rig.connect()).send(get(path));
  return { desk, rig, blue, ask };
}

describe('instances that take only so many requests', () => {
  test('get no more, and the others in the order in which they came', async () => {
    const { desk, rig, ask } = await start({ perInstance: 1 }, 2);
    await using _ = rig;
    const clients: Wire[] = [];
    for (let n = 0; n < 8; n++) {
      clients.push(await ask(`/${n}`));
      await rig.when(() => rig.side().inFlight === n + 1, 'begun');
    }
    for (const [n, client] of clients.entries()) {
      await rig.when(() => desk.open.length === Math.min(2, 8 - n), 'full');
      desk.answer();
      expect((await client.response()).body).toBe(`/${n}`);
    }
    expect(desk.most).toBe(2);
    expect(rig.side()).toMatchObject({ requests: 8, inFlight: 0, failed: {} });
    // The connections that carried the first ones carried the others.
    expect(rig.origins.map(({ wires }) => wires.length)).toEqual([1, 1]);
  });

  test('have a queue that ends: what finds no room in it, or waits too long, gets 503', async () => {
    const { desk, rig, ask } = await start({ perInstance: 1, queue: 1, queueWait: 100 });
    await using _ = rig;
    const first = await ask('/first');
    await rig.when(() => desk.open.length === 1, 'full');
    const second = await ask('/second');
    await rig.when(() => rig.side().inFlight === 2, 'waiting');
    const third = await ask('/third');
    expect((await third.response()).status).toBe(503);
    expect((await second.response()).status).toBe(503);
    desk.answer();
    expect((await first.response()).body).toBe('/first');
    expect(rig.side()).toMatchObject({ failed: { 'instances-full': 2 }, inFlight: 0 });
    // They were not wrong, and their connections go on.
    second.send(get('/again'));
    await rig.when(() => desk.open.length === 1, 'asked');
    desk.answer();
    expect((await second.response()).body).toBe('/again');
  });

  test('forget a client that leaves while it waits, and keep the body of one that does not', async () => {
    const { desk, rig, ask } = await start({ perInstance: 1 });
    await using _ = rig;
    const first = await ask('/first');
    await rig.when(() => desk.open.length === 1, 'full');
    const leaver = await ask('/leaver');
    await rig.when(() => rig.side().inFlight === 2, 'waiting');
    const writer = await rig.connect();
    writer.send(post('abc').slice(0, -1));
    await rig.when(() => rig.side().inFlight === 3, 'waiting');
    writer.send('c');
    leaver.abort();
    await rig.when(() => rig.side().clientClosed === 1, 'gone');
    desk.answer();
    expect((await first.response()).body).toBe('/first');
    await rig.when(() => desk.open.length === 1, 'asked');
    desk.answer();
    expect((await writer.response()).body).toBe('/write');
    expect(rig.side()).toMatchObject({ inFlight: 0, failed: {} });
  });

  test('take what waits when a table lets them take more, or any number', async () => {
    const { desk, rig, blue, ask } = await start({ perInstance: 1 });
    await using _ = rig;
    for (const path of ['/1', '/2', '/3', '/4']) await ask(path);
    await rig.when(() => rig.side().inFlight === 4 && desk.open.length === 1, 'full');
    rig.route({ blue, limits: { perInstance: 2 }, epoch: 2 });
    await rig.when(() => desk.open.length === 2, 'one more');
    rig.route({ blue, epoch: 3 });
    await rig.when(() => desk.open.length === 4, 'all');
  });

  test('keep what waits on its side over a switch', async () => {
    const { desk, rig, blue, ask } = await start({ perInstance: 1 });
    await using _ = rig;
    const first = await ask('/first');
    const second = await ask('/second');
    await rig.when(() => rig.side().inFlight === 2 && desk.open.length === 1, 'full');
    rig.route({ blue, limits: { perInstance: 1 }, live: 'green', epoch: 2 });
    desk.answer();
    expect((await first.response()).body).toBe('/first');
    await rig.when(() => desk.open.length === 1, 'asked');
    desk.answer();
    expect((await second.response()).body).toBe('/second');
  });

  test('take only so many whole connections', async () => {
    const { rig } = await start({ perInstance: 1 }, 1, { protocol: 'tcp' });
    await using _ = rig;
    const [first, second] = [await rig.connect(), await rig.connect()];
    const [origin] = rig.origins;
    await rig.when(() => rig.side().inFlight === 2 && origin?.wires.length === 1, 'full');
    second.send('hello');
    first.abort();
    await rig.when(() => origin?.wires[1]?.text === 'hello', 'passed on');
  });
});
