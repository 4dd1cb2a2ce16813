import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'bun:test';
import {
  ErrorCode,
  goAwayFrame,
  pingFrame,
  resetFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from '../http2/frame.ts';
import { data, Http2Wire, request, upload } from './http2-wire.fixture.ts';
import { answering, get, ok, Rig, type Wire } from './rig.fixture.ts';

/** Takes one request with its body, however it comes, and goes on as the script says. */
const once =
  (script: (wire: Wire, head: string) => Promise<void> | void) =>
  async (wire: Wire): Promise<void> => {
    await wire.has('\r\n\r\n');
    const end = wire.text.indexOf('\r\n\r\n') + 4;
    const head = wire.text.slice(0, end);
    wire.received = wire.received.subarray(end);
    await script(wire, head);
  };
const silent = (): void => undefined;

describe('a request of HTTP/2', () => {
  test('reaches an instance as HTTP/1.1, with one Host and one Cookie, and is answered', async () => {
    let seen = '';
    await using rig = await Rig.with(
      answering((head) => ((seen = head), ok('hello', 'X-Test: Yes', 'Connection: keep-alive'))),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, request('/a?b', ['cookie', 'a=b'], ['x-one', '1'], ['cookie', 'c=d'], ['te', 'trailers']));
    expect(await client.response(1)).toEqual({ status: '200', body: 'hello' });
    expect(seen).toStartWith('GET /a?b HTTP/1.1\r\nhost: shop.example\r\nx-one: 1\r\ncookie: a=b; c=d\r\n');
    expect(seen).toContain('TE: trailers\r\nConnection: te\r\n');
    expect(seen).toContain('X-Forwarded-For: 127.0.0.1\r\n');
    expect(seen).not.toContain('close');
    expect(client.heads.get(1)).toEqual([
      [
        [':status', '200'],
        ['content-length', '5'],
        ['x-test', 'Yes'],
      ],
    ]);
    await rig.idle();
    expect(rig.side()).toMatchObject({ requests: 1, inFlight: 0, status: { '2xx': 1 }, failed: {} });
  });
  test('without a body says so where its method would have one', async () => {
    const seen: string[] = [];
    await using rig = await Rig.with(answering((head) => (seen.push(head), ok(''))));
    const client = await Http2Wire.open(rig);
    client.ask(1, upload('/a')).ask(3, request('/b'));
    await client.response(1);
    await client.response(3);
    expect(seen.find((head) => head.startsWith('POST'))).toContain('content-length: 0\r\n');
    expect(seen.find((head) => head.startsWith('GET'))).not.toContain('content-length');
  });
  test('with a body of a known length brings it as it is, without one in chunks; trailers go on', async () => {
    const bodies: string[] = [];
    await using rig = await Rig.with(
      once(async (wire, head) => {
        const chunked = head.includes('transfer-encoding: chunked');
        await wire.until(
          () => (chunked ? wire.text.endsWith('\r\n\r\n') : wire.received.length === 6),
          'body',
        );
        bodies.push(wire.take());
        wire.send(ok('x', 'Connection: close'));
        wire.close();
      }),
    );
    const client = await Http2Wire.open(rig);
    client.send(
      client.headers(1, upload('/', ['content-length', '6']), false),
      data(1, 'abc', false),
      data(1, 'def'),
    );
    expect((await client.response(1)).status).toBe('200');
    client.send(
      client.headers(3, upload(), false),
      data(3, 'abc', false),
      data(3, '', false),
      data(3, 'defghijklmnop'),
    );
    expect((await client.response(3)).status).toBe('200');
    client.send(
      client.headers(5, upload(), false),
      data(5, 'abc', false),
      client.headers(5, [['x-sum', '9']]),
    );
    expect((await client.response(5)).status).toBe('200');
    expect(bodies).toEqual([
      'abcdef',
      '3\r\nabc\r\nd\r\ndefghijklmnop\r\n0\r\n\r\n',
      '3\r\nabc\r\n0\r\nx-sum: 9\r\n\r\n',
    ]);
  });
  test('gets interim responses before the final one', async () => {
    await using rig = await Rig.with(
      once(async (wire) => {
        wire.send('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
        await wire.has('x');
        wire.send(ok('done'));
      }),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, upload('/', ['expect', '100-continue'], ['content-length', '1']), false);
    await client.until('headers 1 103');
    expect(client.lines).toContain('headers 1 100');
    client.send(data(1, 'x'));
    expect(await client.response(1)).toEqual({ status: '200', body: 'done' });
  });
  test('gets chunks as content and trailers as trailers', async () => {
    await using rig = await Rig.with(
      once((wire) => {
        wire.send(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n\r\n5;x=y\r\nhel',
        );
        wire.send('lo\r\n1\r\n!\r\n0\r\nGrpc-Status: 0\r\n\r\n');
      }),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1);
    expect(await client.response(1)).toEqual({ status: '200', body: 'hello!' });
    expect(client.heads.get(1)).toEqual([
      [
        [':status', '200'],
        ['trailer', 'Grpc-Status'],
      ],
      [['grpc-status', '0']],
    ]);
  });
  test('gets a response without a length until its end, and a reset if it is cut', async () => {
    await using rig = await Rig.with(
      once((wire, head) => {
        wire.send('HTTP/1.1 200 OK\r\n\r\nhello');
        if (head.startsWith('GET /whole')) wire.close();
        else wire.abort();
      }),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, request('/whole'));
    expect(await client.response(1)).toEqual({ status: '200', body: 'hello' });
    client.ask(3, request('/cut'));
    await client.when(
      () => client.lines.some((line) => line.startsWith('reset 3') || line === 'headers 3 502'),
      'failure',
    );
    expect(client.lines).not.toContain('end 3');
    await rig.idle();
    expect(rig.failures()).toBe(1);
  });
  test('of HEAD gets the length, and no content', async () => {
    await using rig = await Rig.with(
      once((wire) => void wire.send('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n')),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, [[':method', 'HEAD'], ...request().slice(1)]);
    expect(await client.response(1)).toEqual({ status: '200', body: '' });
    expect(client.field(1, 'content-length')).toBe('99');
  });
  test('talks in both directions at once', async () => {
    await using rig = await Rig.with(
      once(async (wire) => {
        wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        for (const word of ['one', 'two']) {
          await wire.has(word);
          wire.send(`5\r\n${word}!!\r\n`.replace('5', (word.length + 2).toString(16)));
        }
        await wire.has('0\r\n\r\n');
        wire.send('0\r\n\r\n');
      }),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, upload(), false);
    await client.until('headers 1 200');
    client.send(data(1, 'one', false));
    await client.when(() => client.body(1) === 'one!!', 'the first answer');
    client.send(data(1, 'two', true));
    expect((await client.response(1)).body).toBe('one!!two!!');
    expect(client.lines).not.toContain('reset 1 0');
  });
  test('that is answered before it is whole is told that its rest is not wanted', async () => {
    await using rig = await Rig.with(once((wire) => void wire.send(ok('early'))));
    const client = await Http2Wire.open(rig);
    client.ask(1, upload(), false);
    expect((await client.response(1)).body).toBe('early');
    await client.until(`reset 1 ${ErrorCode.none}`);
    client.send(data(1, 'late', true), pingFrame(Buffer.from('12345678')));
    await client.until('ping ack 12345678');
    expect(client.lines.filter((line) => line.startsWith('goaway'))).toEqual([]);
  });
  test('that is given up leaves its instance, and the connection goes on', async () => {
    await using rig = await Rig.with((wire, index) => (index === 0 ? silent() : answering(ok('x'))(wire)));
    const client = await Http2Wire.open(rig);
    client.ask(1);
    await rig.when(() => rig.origins[0]!.wires.length === 1, 'asked');
    client.send(resetFrame(1, ErrorCode.cancel));
    await rig.origins[0]!.wires[0]!.gone();
    client.ask(3);
    expect((await client.response(3)).status).toBe('200');
    expect(rig.side()).toMatchObject({ clientClosed: 1 });
  });
  test('is answered by us where no instance is, and its body is not waited for', async () => {
    await using rig = await Rig.start();
    rig.route({});
    const client = await Http2Wire.open(rig);
    client.ask(1, upload(), false);
    expect((await client.response(1)).status).toBe('503');
    await client.until('reset 1 0');
  });
  test.each([
    ['a target', request(`/${'x'.repeat(9000)}`), '414'],
    [
      'fields',
      request('/', ...Array.from({ length: 130 }, (_, n): [string, string] => [`x-${n}`, ''])),
      '431',
    ],
    [
      'a head',
      request('/', ...Array.from({ length: 40 }, (_, n): [string, string] => [`x-${n}`, 'y'.repeat(1000)])),
      '431',
    ],
  ])('with %s beyond the limit is answered so', async (_, fields, status) => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await Http2Wire.open(rig);
    client.ask(1, fields);
    expect((await client.response(1)).status).toBe(status);
    expect(rig.refused()).toEqual({ [status]: 1 });
    client.ask(3);
    expect((await client.response(3)).status).toBe('200');
  });
  test('with a body beyond the limit is answered 413, announced or not', async () => {
    await using rig = await Rig.start();
    rig.route({ blue: [rig.origin(silent).address], limits: { body: 10 } });
    const client = await Http2Wire.open(rig);
    client.ask(1, upload('/', ['content-length', '11']), false);
    expect((await client.response(1)).status).toBe('413');
    client.ask(3, upload(), false).send(data(3, 'x'.repeat(20), false));
    expect((await client.response(3)).status).toBe('413');
  });
  test('does not come on a connection that began as HTTP/1.1', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(200);
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect((await client.response()).status).toBe(505);
  });
});

describe('flow control', () => {
  const body = 'x'.repeat(300_000);
  test('sends as much as the client allows and no octet more, and the instance waits', async () => {
    await using rig = await Rig.with(answering(ok('x'.repeat(20_000_000))));
    const client = await Http2Wire.open(rig);
    client.ask(1);
    await client.when(() => client.body(1).length === 65_535, 'a full window');
    client.send(pingFrame(Buffer.from('12345678')));
    await client.until('ping ack 12345678');
    expect(client.body(1)).toHaveLength(65_535);
    // Only what the windows and the kernel hold has left the instance.
    expect(rig.side().bytesOut).toBeLessThan(10_000_000);
    client.send(windowUpdateFrame(0, 1000), windowUpdateFrame(1, 2000));
    await client.when(() => client.body(1).length === 66_535, 'a thousand more');
  });
  test('lets streams share what the connection allows', async () => {
    await using rig = await Rig.with(answering(ok(body)));
    const client = await Http2Wire.open(rig, [[Setting.initialWindowSize, 1_000_000]]);
    for (const stream of [1, 3, 5]) client.ask(stream);
    const seen = (): number[] => [1, 3, 5].map((stream) => client.body(stream).length);
    const sum = (): number => seen().reduce((a, b) => a + b);
    await client.when(() => sum() === 65_535, 'a full window');
    for (let n = 1; n < 9; n++) {
      client.send(windowUpdateFrame(0, 90_000));
      await client.when(() => sum() === 65_535 + 90_000 * n, `${n} windows more`);
    }
    client.send(windowUpdateFrame(0, 1_000_000));
    for (const stream of [1, 3, 5]) expect((await client.response(stream)).body).toBe(body);
  });
  test('takes an upload of any length as the instance takes it', async () => {
    let taken = 0;
    const length = 3_000_000;
    await using rig = await Rig.with(
      once(async (wire) => {
        await wire.until(() => (taken = wire.received.length) === length, 'upload');
        wire.send(ok('thanks'));
      }),
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, upload('/', ['content-length', String(length)]), false);
    // Only as much as we are allowed: the connection's window is 65535 and what it was opened by.
    const opened = (stream: number): number =>
      client.frames
        .filter(({ type, stream: its }) => type === 8 && its === stream)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    let sent = 0;
    while (sent < length) {
      await client.when(() => Math.min(262_144 + opened(1), 65_535 + opened(0)) > sent, 'room');
      const allowed = Math.min(262_144 + opened(1), 65_535 + opened(0)) - sent;
      const count = Math.min(allowed, 16_384, length - sent);
      client.send(data(1, new Uint8Array(count), sent + count === length));
      sent += count;
    }
    expect((await client.response(1)).body).toBe('thanks');
    expect(taken).toBe(length);
  });
  test('stops an upload that the instance does not take, and no other stream', async () => {
    await using rig = await Rig.with((wire, index) => {
      if (index === 0) return void wire.socket.pause();
      return answering(ok('x'))(wire);
    });
    const client = await Http2Wire.open(rig);
    client.ask(1, upload('/', ['content-length', '100000000']), false);
    await rig.when(() => rig.origins[0]!.wires.length === 1, 'connected');
    const opened = (): number =>
      client.frames
        .filter(({ type, stream }) => type === 8 && stream === 1)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 262_144);
    let sent = 0;
    // Until the window stays shut: then what is between here and there is full.
    for (let ping = 0; ; ping++) {
      while (sent + 16_384 <= opened()) {
        client.send(data(1, new Uint8Array(16_384), false));
        sent += 16_384;
      }
      const mark = String(ping).padStart(8, '0');
      client.send(pingFrame(Buffer.from(mark)));
      await client.until(`ping ack ${mark}`);
      if (sent + 16_384 > opened()) {
        client.ask(3 + 2 * ping);
        expect((await client.response(3 + 2 * ping)).status).toBe('200');
        if (sent + 16_384 > opened()) break;
      }
      if (sent > 60_000_000) throw new Error('nothing stops the upload');
    }
  });
});

describe('a connection of HTTP/2', () => {
  test('holds the requests of a switch and gives them to the new side', async () => {
    await using rig = await Rig.start();
    const [blue, green] = [
      rig.origin(answering(ok('blue'))).address,
      rig.origin(answering(ok('green'))).address,
    ];
    rig.route({ blue: [blue], green: [green] });
    const client = await Http2Wire.open(rig);
    client.ask(1);
    expect((await client.response(1)).body).toBe('blue');
    rig.plane.hold();
    client.ask(3).send(client.headers(5, upload(), false), data(5, 'x'));
    await rig.when(() => rig.plane.waiting === 2, 'held');
    rig.route({ blue: [blue], green: [green], live: 'green', epoch: 2 });
    rig.plane.release();
    expect((await client.response(3)).body).toBe('green');
    expect((await client.response(5)).body).toBe('green');
    expect(rig.side('green')).toMatchObject({ requests: 2, held: 2 });
  });
  test('that drains says so in two steps, answers what has begun and what was on its way, and ends', async () => {
    const going = Promise.withResolvers<void>();
    await using rig = await Rig.with(
      once(async (wire, head) => {
        if (head.startsWith('GET /slow')) await going.promise;
        wire.send(ok('x', 'Connection: close'));
        wire.close();
      }),
      { drainIdleMs: 60_000 },
    );
    const client = await Http2Wire.open(rig);
    client.ask(1, request('/slow'));
    await rig.when(() => rig.side().inFlight === 1, 'begun');
    const drained = rig.plane.drain(10_000);
    await client.until(`goaway ${2 ** 31 - 1} 0`);
    await client.until('ping');
    client.ask(3);
    expect((await client.response(3)).status).toBe('200');
    const ping = client.frames.findLast(({ type }) => type === 6)!;
    const ack = pingFrame(ping.payload);
    ack[4] = 1;
    client.send(ack);
    await client.until('goaway 3 0');
    client.ask(5);
    going.resolve();
    expect((await client.response(1)).status).toBe('200');
    await client.wire.gone();
    expect(client.lines).not.toContain('end 5');
    client.wire.close();
    await drained;
    expect(rig.side()).toMatchObject({ requests: 2, inFlight: 0 });
  });
  test('is cut at the end of a drain: what has not begun to be answered gets 504', async () => {
    await using rig = await Rig.with(silent, { drainIdleMs: 10 });
    const client = await Http2Wire.open(rig);
    client.ask(1);
    await rig.when(() => rig.side().inFlight === 1, 'begun');
    const drained = rig.plane.drain(100);
    expect((await client.response(1)).status).toBe('504');
    await client.wire.gone();
    await drained;
  });
  test('that is idle ends in order', async () => {
    await using rig = await Rig.with(answering(ok('x')), { idleMs: 100, drainIdleMs: 20 });
    const client = await Http2Wire.open(rig);
    client.ask(1);
    await client.response(1);
    await client.until('goaway 1 0');
    await client.wire.gone();
  });
  test.each([
    ['never says anything', (_: Http2Wire): readonly Uint8Array[] => [], true, null],
    [
      'does not finish a header block',
      (w: Http2Wire) => [w.headers(1, request()).fill(1, 4, 5)],
      false,
      ErrorCode.protocol,
    ],
  ])('that %s is ended', async (_, frames, bare, code) => {
    await using rig = await Rig.with(answering(ok('x')), { headMs: 100, idleMs: 100, drainIdleMs: 20 });
    const client = await Http2Wire.open(rig, [], bare);
    client.send(...frames(client));
    if (code !== null) await client.until(`goaway 0 ${code}`);
    await client.wire.gone();
  });
  test('whose SETTINGS are not acknowledged in time is ended', async () => {
    await using rig = await Rig.with(answering(ok('x')), { headMs: 100 });
    const client = await Http2Wire.open(rig, [], true);
    client.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settingsFrame([]));
    await client.until(`goaway 0 ${ErrorCode.settingsTimeout}`);
    await client.wire.gone();
  });
  test('whose client leaves takes its requests along', async () => {
    await using rig = await Rig.with(silent);
    const client = await Http2Wire.open(rig);
    for (const stream of [1, 3, 5]) client.ask(stream);
    await rig.when(() => rig.side().inFlight === 3, 'begun');
    client.wire.abort();
    await rig.idle();
    expect(rig.side()).toMatchObject({ clientClosed: 3 });
  });
  test('counts once for the address of its client, whatever is on it', async () => {
    await using rig = await Rig.start();
    rig.route({ blue: [rig.origin(answering(ok('x'))).address], limits: { clientConnections: 1 } });
    const client = await Http2Wire.open(rig);
    for (const stream of [1, 3, 5]) client.ask(stream);
    for (const stream of [1, 3, 5]) expect((await client.response(stream)).status).toBe('200');
    const second = await rig.connect();
    await second.gone();
    expect(rig.refused()).toEqual({ connections: 1 });
  });
  test('goes on after the client has said GOAWAY', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await Http2Wire.open(rig);
    client.ask(1).send(goAwayFrame(0, ErrorCode.none));
    expect((await client.response(1)).status).toBe('200');
  });
});

test('docs/http2.md says what the client is told', async () => {
  const page = readFileSync(join(import.meta.dir, '../../../docs/http2.md'), 'utf8');
  const said = (name: string): number => Number(new RegExp(`^\\| ${name} *\\| (\\d+)`, 'm').exec(page)?.[1]);
  await using rig = await Rig.with(answering(ok('x')));
  const client = await Http2Wire.open(rig);
  await client.until('settings ack');
  const { payload } = client.frames[0]!;
  const told = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6)
    told.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  expect(told).toEqual(
    new Map([
      [Setting.maxConcurrentStreams, said('`MAX_CONCURRENT_STREAMS`')],
      [Setting.initialWindowSize, said('`INITIAL_WINDOW_SIZE`')],
      [Setting.maxHeaderListSize, said('`MAX_HEADER_LIST_SIZE`')],
      [Setting.enableConnectProtocol, said('`ENABLE_CONNECT_PROTOCOL`')],
    ]),
  );
  expect(client.frames[1]!.payload.readUInt32BE(0)).toBe(said('window of the connection') - 65_535);
});
