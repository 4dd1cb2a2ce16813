import { Mode } from '../../core/mode.ts';
import type { Route } from '../../core/traffic.ts';
import { describe, expect, test } from 'bun:test';
import { answering, get, ok, post, Rig, type Wire } from './rig.fixture.ts';

const named = (name: string) => answering((head) => ok(`${name} ${head.split(' ')[1]}`));
const held = async (wire: Wire, release: Promise<void>, answer: string): Promise<void> => {
  await wire.has('\r\n\r\n');
  await release;
  wire.send(answer);
};

describe('a table', () => {
  test('sends the preview address and the preview host to the side that is not live', async () => {
    await using rig = await Rig.start();
    const [blue, green] = [rig.origin(named('blue')).address, rig.origin(named('green')).address];
    rig.route({ blue: [blue], green: [green], previewHost: 'Preview.shop.example' });
    const client = await rig.connect();
    const preview = await rig.connect(rig.previewAddress);
    expect((await client.send(get()).response()).body).toBe('blue /');
    expect((await preview.send(get()).response()).body).toBe('green /');
    expect(
      (await client.send(get().replace('shop.example', 'preview.shop.example:80')).response()).body,
    ).toBe('green /');
    rig.route({ blue: [blue], green: [green], live: 'green', epoch: 2 });
    expect((await client.send(get()).response()).body).toBe('green /');
    expect((await preview.send(get()).response()).body).toBe('blue /');
  });
  test('that was made ready changes nothing until it is swapped to, and then is in force as a whole', async () => {
    await using rig = await Rig.start();
    const [blue, green] = [rig.origin(named('blue')).address, rig.origin(named('green')).address];
    rig.route({ blue: [blue] });
    const client = await rig.connect();
    const route = (mode: 'open' | 'closed', epoch: number): Route => ({
      ...{ service: 'shop', epoch, live: 'green', listen: rig.address, preview: null, previewHost: null },
      blue: { release: 1, instances: [blue] },
      green: { release: 2, instances: [green] },
      mode: Mode.parse({ mode }),
    });
    const swap = rig.plane.prepare({ version: 7, routes: [route('open', 7)] });
    const never = rig.plane.prepare({ version: 8, routes: [route('closed', 8)] });
    expect((await client.send(get()).response()).body).toBe('blue /');
    swap();
    expect((await client.send(get()).response()).body).toBe('green /');
    // It was made beside a table that is in force no more.
    never();
    expect((await client.send(get()).response()).status).toBe(503);
    rig.plane.swap({ version: 9, routes: [route('open', 9)] });
    expect((await (await rig.connect()).send(get()).response()).body).toBe('green /');
  });
  test('that replaces another moves the next request of a connection, and not the one that has begun', async () => {
    const gate = Promise.withResolvers<void>();
    await using rig = await Rig.start();
    const blue = rig.origin((wire) => held(wire, gate.promise, ok('blue'))).address;
    const green = rig.origin(named('green')).address;
    rig.route({ blue: [blue], green: [green] });
    const client = await rig.connect();
    client.send(get('/1') + get('/2'));
    await rig.when(() => rig.side('blue').inFlight === 1, 'begun');
    rig.route({ blue: [blue], green: [green], live: 'green', epoch: 2 });
    expect(rig.plane.inFlight()).toEqual([{ service: 'shop', colour: 'blue', epoch: 1, inFlight: 1 }]);
    gate.resolve();
    expect((await client.response()).body).toBe('blue');
    expect((await client.response()).body).toBe('green /2');
    expect(rig.plane.inFlight()).toEqual([]);
  });
  test('in which an instance is replaced closes the idle connections to it, though the address be the same', async () => {
    await using rig = await Rig.start();
    const blue = rig.origin(named('blue'));
    rig.route({ blue: [blue.address] });
    const client = await rig.connect();
    await client.send(get()).response();
    rig.route({ blue: [blue.address], epoch: 2 });
    await client.send(get()).response();
    expect(blue.wires).toHaveLength(1);
    rig.route({ blue: [blue.address], epoch: 3, release: 3 });
    await blue.wires[0]!.gone();
    await client.send(get()).response();
    expect(blue.wires).toHaveLength(2);
  });
  test('with several instances gives each request to the one with the fewest in flight', async () => {
    const gate = Promise.withResolvers<void>();
    await using rig = await Rig.start();
    const origins = [1, 2, 3].map(() => rig.origin((wire) => held(wire, gate.promise, ok('x'))));
    rig.route({ blue: origins.map(({ address }) => address) });
    const clients = await Promise.all(Array.from({ length: 9 }, () => rig.connect()));
    for (const client of clients) client.send(get());
    await rig.when(() => origins.every(({ wires }) => wires.length === 3), 'spread evenly');
    gate.resolve();
    for (const client of clients) expect((await client.response()).status).toBe(200);
  });
});

describe('the barrier', () => {
  test('holds new requests, lets begun ones go on, and releases in order by the table in force', async () => {
    const order: string[] = [];
    await using rig = await Rig.start();
    const blue = rig.origin(named('blue')).address;
    const green = rig.origin(answering((head) => (order.push(head.split(' ')[1]!), ok('green')))).address;
    rig.route({ blue: [blue], green: [green] });
    const clients = await Promise.all(Array.from({ length: 5 }, () => rig.connect()));
    rig.plane.hold();
    rig.plane.hold();
    for (const [n, client] of clients.entries()) {
      const before = rig.plane.waiting;
      client.send(n === 4 ? post('body').replace('/write', '/4') : get(`/${n}`));
      await rig.when(() => rig.plane.waiting === before + 1, 'waiting');
    }
    rig.route({ blue: [blue], green: [green], live: 'green', epoch: 2 });
    expect(rig.plane.release()).toBe(5);
    for (const client of clients) expect((await client.response()).body).toBe('green');
    expect(order.toSorted()).toEqual(['/0', '/1', '/2', '/3', '/4']);
    expect(rig.side('green')).toMatchObject({ requests: 5, held: 5 });
    expect(rig.side('blue')).toMatchObject({ requests: 0, held: 0 });
    expect(rig.plane.release()).toBe(0);
  });
  test('is bounded: beyond it 503', async () => {
    await using rig = await Rig.with(answering(ok('x')), { held: 1 });
    const [first, second] = [await rig.connect(), await rig.connect()];
    rig.plane.hold();
    first.send(get());
    await rig.when(() => rig.plane.waiting === 1, 'waiting');
    expect((await second.send(get()).response()).status).toBe(503);
    expect(rig.plane.release()).toBe(1);
    expect((await first.response()).status).toBe(200);
    expect(rig.refused()).toEqual({ 503: 1 });
  });
  test('forgets a client that left while it waited', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    rig.plane.hold();
    client.send(get());
    await rig.when(() => rig.plane.waiting === 1, 'waiting');
    client.abort();
    await rig.when(() => rig.plane.waiting === 0, 'forgotten');
    expect(rig.plane.release()).toBe(0);
    expect(rig.side().requests).toBe(0);
  });

  test('under load: 40 switches, every response whole and from the side that was live when its request began', async () => {
    await using rig = await Rig.start();
    const blue = rig.origin(named('blue')).address;
    const green = rig.origin(named('green')).address;
    let live: 'blue' | 'green' = 'blue';
    let epoch = 1;
    rig.route({ blue: [blue], green: [green], live, epoch });
    let stop = false;
    let answered = 0;
    const load = Array.from({ length: 24 }, async (_, c) => {
      let client = await rig.connect();
      for (let n = 0; !stop; n++) {
        const closes = (c + n) % 7 === 0;
        const path = `/${c}-${n}`;
        // Only the switches that happen between these two marks may decide.
        const possible = new Set([live]);
        const watch = epoch;
        client.send(
          c % 3 === 0
            ? post('x'.repeat(n % 50), ...(closes ? ['Connection: close'] : [])).replace('/write', path)
            : get(path, ...(closes ? ['Connection: close'] : [])),
        );
        const { status, body } = await client.response();
        possible.add(live);
        if (epoch > watch + 1) possible.add('blue').add('green');
        expect(status).toBe(200);
        expect([...possible].map((side) => `${side} ${path}`)).toContain(body);
        answered++;
        if (closes) {
          await client.gone();
          client = await rig.connect();
        }
      }
    });
    for (let n = 0; n < 40; n++) {
      const before = answered;
      await rig.when(() => answered > before + 50, 'progress');
      rig.plane.hold();
      await Bun.sleep(n % 3);
      live = live === 'blue' ? 'green' : 'blue';
      epoch++;
      rig.route({ blue: [blue], green: [green], live, epoch });
      rig.plane.release();
    }
    stop = true;
    await Promise.all(load);
    const total = rig.side('blue').requests + rig.side('green').requests;
    expect(total).toBe(answered);
    expect(rig.failures('blue') + rig.failures('green')).toBe(0);
    expect(rig.side('blue').held + rig.side('green').held).toBeGreaterThan(0);
    await rig.idle();
  });
});
