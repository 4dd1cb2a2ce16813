import { describe, expect, test } from 'bun:test';
import {
  ErrorCode,
  Flag,
  frame,
  FrameType,
  pingFrame,
  resetFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from '../http2/frame.ts';
import { data, Http2Wire, request, upload } from './http2-wire.fixture.ts';
import { answering, ok, Rig } from './rig.fixture.ts';

const calm = ErrorCode.enhanceYourCalm;
const silent = (): void => undefined;
const times = (count: number, make: (n: number) => Uint8Array): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, n) => make(n)));
const ended = (code: number) => (client: Http2Wire) => (): boolean =>
  client.look().some((line) => new RegExp(`^goaway \\d+ ${code}$`).test(line));
/** Ended by us, with this code if the client still reads. */
async function endedFor(client: Http2Wire, code: number = calm): Promise<void> {
  await client.when(ended(code)(client), `goaway ${code}`);
  await client.wire.gone();
}

describe('a flood of', () => {
  test('requests that are reset at once (CVE-2023-44487) ends the connection; the instance gets a few', async () => {
    await using rig = await Rig.with(silent);
    const client = await Http2Wire.open(rig);
    client.send(
      times(1000, (n) =>
        Buffer.concat([client.headers(2 * n + 1, request()), resetFrame(2 * n + 1, ErrorCode.cancel)]),
      ),
    );
    await endedFor(client);
    await rig.idle();
    expect(rig.side().requests).toBeLessThan(400);
  });
  test('requests that we have to reset (CVE-2025-8671) ends it as well', async () => {
    await using rig = await Rig.with(silent);
    for (const wrong of [
      (id: number) => windowUpdateFrame(id, 0),
      (id: number) => windowUpdateFrame(id, 2 ** 31 - 1),
      (id: number) => frame(FrameType.priority, 0, id, new Uint8Array(4)),
      (id: number) => data(id, 'x'),
    ]) {
      const client = await Http2Wire.open(rig);
      const before = rig.side().requests;
      client.send(
        times(1000, (n) => Buffer.concat([client.headers(2 * n + 1, request()), wrong(2 * n + 1)])),
      );
      await endedFor(client);
      expect(rig.side().requests - before).toBeLessThan(400);
    }
    await rig.idle();
  });
  test('malformed requests ends it', async () => {
    await using rig = await Rig.with(silent);
    const client = await Http2Wire.open(rig);
    client.send(times(1000, (n) => client.headers(2 * n + 1, request('/', ['X', 'y']))));
    await endedFor(client);
    expect(rig.side().requests).toBe(0);
  });
  test('requests beyond the concurrency that we allow ends it', async () => {
    await using rig = await Rig.with(silent);
    const client = await Http2Wire.open(rig);
    client.send(times(1000, (n) => client.headers(2 * n + 1, request())));
    await endedFor(client);
    expect(rig.side().requests).toBe(100);
    await rig.idle();
  });
  test('CONTINUATION (CVE-2024-27316) ends it before a block is whole', async () => {
    await using rig = await Rig.with(silent);
    const client = await Http2Wire.open(rig);
    client.send(
      frame(FrameType.headers, Flag.endStream, 1, client.encode(request())),
      times(10_000, () => frame(FrameType.continuation, 0, 1)),
    );
    await endedFor(client);
  });
  test.each([
    ['PING', () => pingFrame(new Uint8Array(8))],
    ['SETTINGS', () => settingsFrame([[Setting.initialWindowSize, 65_535]])],
    ['acknowledged SETTINGS', () => frame(FrameType.settings, Flag.ack, 0)],
    ['PRIORITY', () => frame(FrameType.priority, 0, 99, Uint8Array.of(0, 0, 0, 1, 9))],
    ['WINDOW_UPDATE', () => windowUpdateFrame(0, 1)],
    ['unknown frames', () => frame(0x16 as FrameType, 0, 0)],
    ['RST_STREAM of a stream that is over', () => resetFrame(1, ErrorCode.cancel)],
  ])('%s ends it', async (_, make) => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await Http2Wire.open(rig);
    client.ask(1);
    await client.response(1);
    client.send(times(5000, make));
    await endedFor(client);
  });
  test('empty DATA ends it', async () => {
    await using rig = await Rig.with(silent);
    const client = await Http2Wire.open(rig);
    client.ask(1, upload(), false).send(times(5000, () => data(1, '', false)));
    await endedFor(client);
    await rig.idle();
  });
  test('PING whose answers are not read costs no memory', async () => {
    await using rig = await Rig.with(answering(ok('x'.repeat(30_000_000))));
    const client = await Http2Wire.open(rig, [[Setting.initialWindowSize, 2 ** 31 - 1]]);
    client.send(windowUpdateFrame(0, 2 ** 31 - 1 - 65_535));
    client.wire.socket.pause();
    client.ask(1);
    await rig.when(() => rig.side().bytesOut > 100_000, 'a full socket');
    client.send(times(5000, () => pingFrame(new Uint8Array(8))));
    await rig.idle();
    expect(rig.side()).toMatchObject({ clientClosed: 1 });
  });
});

describe('a small block that is large when it is read', () => {
  test('is answered 431 as soon as it is read', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await Http2Wire.open(rig);
    // One field of 3,900 bytes in the table, and then 10,000 times its index.
    client.ask(1, request('/', ['x-bomb', 'b'.repeat(1900)]));
    expect((await client.response(1)).status).toBe('200');
    const bomb = Buffer.concat([client.encode(request()), new Uint8Array(10_000).fill(0x80 | 62)]);
    client.send(frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 3, bomb));
    expect((await client.response(3)).status).toBe('431');
    expect(rig.refused()).toEqual({ 431: 1 });
  });
});

describe('a client that reads slowly', () => {
  test('or not at all loses its requests, whether it holds the window or the socket', async () => {
    await using rig = await Rig.with(answering(ok('x'.repeat(30_000_000))), { bodyIdleMs: 150 });
    const windowed = await Http2Wire.open(rig, [[Setting.initialWindowSize, 1]]);
    windowed.ask(1);
    await windowed.until('data 1 1');
    await windowed.when(() => windowed.look().some((line) => line.startsWith('reset 1')), 'reset');
    const deaf = await Http2Wire.open(rig, [[Setting.initialWindowSize, 2 ** 31 - 1]]);
    deaf.send(windowUpdateFrame(0, 2 ** 31 - 1 - 65_535));
    deaf.wire.socket.pause();
    deaf.ask(1);
    await rig.when(() => rig.side().inFlight === 1, 'begun');
    await rig.idle();
    expect(rig.side()).toMatchObject({ clientClosed: 2 });
  });
  test('octet by octet, below the least rate, loses them as well', async () => {
    await using rig = await Rig.with(answering(ok('x'.repeat(100_000))), { bodyIdleMs: 100, msPerByte: 10 });
    const client = await Http2Wire.open(rig, [[Setting.initialWindowSize, 1]]);
    client.ask(1);
    await client.until('data 1 1');
    const drip = setInterval(() => client.send(windowUpdateFrame(1, 1)), 40);
    await client.when(() => client.look().some((line) => line.startsWith('reset 1')), 'reset');
    clearInterval(drip);
  });
});

describe('honest clients are not taken for floods:', () => {
  test('many requests, each followed by PRIORITY, each with its WINDOW_UPDATE', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await Http2Wire.open(rig);
    for (let n = 0; n < 3000; n += 50) {
      client.send(
        times(50, (i) =>
          Buffer.concat([
            client.headers(2 * (n + i) + 1, request()),
            ...Array.from({ length: 3 }, () =>
              frame(FrameType.priority, 0, 2 * (n + i) + 1, Uint8Array.of(0, 0, 0, 0, 9)),
            ),
          ]),
        ),
      );
      for (let i = 0; i < 50; i++) await client.until(`end ${2 * (n + i) + 1}`);
      client.send(times(50, () => windowUpdateFrame(0, 1)));
    }
    expect(rig.side()).toMatchObject({ requests: 3000, status: { '2xx': 3000 } });
  });
  test('a page that is left with a hundred requests under way', async () => {
    await using rig = await Rig.with((wire) =>
      wire.text.includes('/left') ? silent() : answering(ok('x'))(wire),
    );
    const client = await Http2Wire.open(rig);
    client.send(times(100, (n) => client.headers(2 * n + 1, request('/left'))));
    client.send(times(100, (n) => resetFrame(2 * n + 1, ErrorCode.cancel)));
    client.ask(201);
    expect((await client.response(201)).status).toBe('200');
  });
});
