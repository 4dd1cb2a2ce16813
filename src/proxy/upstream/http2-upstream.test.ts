import { describe, expect, test } from 'bun:test';
import type { RouteUpstream } from '../../core/upstream.ts';
import { ErrorCode, frame, FrameType, Setting, settingsFrame } from '../http2/frame.ts';
import { HpackEncoder } from '../http2/hpack.ts';
import type { Limits } from '../worker/limits.ts';
import { answering, get, ok, type Origin, post, Rig, type Wire } from '../worker/rig.fixture.ts';
import { answeringHttp2, InstancePeer, type PeerStream } from './instance-peer.fixture.ts';

const h2: RouteUpstream = { protocol: 'h2', tls: null };
const route = (rig: Rig, ...origins: readonly Origin[]): void =>
  rig.route({ blue: origins.map(({ address }) => address), upstream: h2 });

/** A rig whose live side is one instance, which does on each connection what the script says. */
async function rigWith(
  script: (wire: Wire, index: number) => Promise<void>,
  limits: Partial<Limits> = {},
): Promise<Rig> {
  const rig = await Rig.start(limits);
  route(rig, rig.origin(script));
  return rig;
}
const chunked = (...chunks: string[]): string =>
  chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
const upload = (...fields: string[]): string =>
  ['POST /up HTTP/1.1', 'Host: shop.example', 'Transfer-Encoding: chunked', ...fields, '', ''].join('\r\n');
const okay = [':status', '200'] as const;
const grpc = ['content-type', 'application/grpc'] as const;

describe('a request reaches an instance that speaks HTTP/2', () => {
  test('with its fields in HTTP/2, without those of a connection of HTTP/1.1', async () => {
    let seen: PeerStream | undefined;
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => peer.answer((seen = stream), 'hello', ['x-a', '1'], ['x-a', '2'])),
    );
    const wire = await rig.connect();
    wire.send(
      get('/a?b=c', 'X-Mixed: Value', 'Connection: keep-alive, X-Gone', 'X-Gone: 1', 'TE: trailers, deflate'),
    );
    await wire.has('0\r\n\r\n');
    const text = wire.take();
    expect(text).toStartWith('HTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\n');
    expect(text).toEndWith('\r\n\r\n5\r\nhello\r\n0\r\n\r\n');
    expect(seen?.fields).toMatchObject({
      ':method': 'GET',
      ':scheme': 'http',
      ':authority': 'shop.example',
      ':path': '/a?b=c',
      'x-mixed': 'Value',
      'x-forwarded-for': '127.0.0.1',
      te: 'trailers',
    });
    for (const name of ['host', 'connection', 'x-gone', 'transfer-encoding'])
      expect(seen?.fields[name]).toBeUndefined();
  });

  test('with its body, by length or in chunks, and its trailers', async () => {
    await using rig = await rigWith(
      answeringHttp2(({ body, trailers, fields }, peer) => {
        const says = `${body} ${fields['content-length'] ?? '-'} ${trailers?.['x-sum'] ?? '-'}`;
        peer.answer(peer.streams.at(-1)!, says, ['content-length', String(says.length)]);
      }),
    );
    const wire = await rig.connect();
    expect((await wire.send(post('four')).response()).body).toBe('four 4 -');
    wire.send(`${upload()}${chunked('ab', 'cdef')}0\r\nX-Sum: 6\r\n\r\n`);
    expect((await wire.response()).body).toBe('abcdef - 6');
    wire.send(upload());
    for (const part of ['1\r', '\na\r', '\n0', '\r\n\r', '\n']) {
      wire.send(part);
      await Bun.sleep(0);
    }
    expect((await wire.response()).body).toBe('a - -');
  });

  test('on one session, many at once', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => peer.answer(stream, stream.fields[':path']!)),
    );
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const response = await fetch(`http://127.0.0.1:${rig.address.port}/${n}`, {
          method: 'POST',
          body: 'x',
        });
        return response.text();
      }),
    );
    expect(answers).toEqual(Array.from({ length: 40 }, (_, n) => `/${n}`));
    expect(rig.origins[0]!.wires.length).toBe(1);
  });

  test('and its answer goes to HTTP/1.0 without chunks', async () => {
    await using rig = await rigWith(answeringHttp2((stream, peer) => peer.answer(stream, 'plain')));
    const wire = await rig.connect();
    wire.send('GET / HTTP/1.0\r\n\r\n');
    await wire.gone();
    expect(wire.text).toEndWith('\r\n\r\nplain');
  });

  test('and what has no body has none', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => {
        const status = stream.fields[':path']!.slice(1);
        peer.headers(
          stream,
          [
            [':status', status],
            ['content-length', '7'],
          ],
          stream.fields[':method'] === 'GET',
        );
        if (stream.fields[':method'] === 'HEAD') peer.data(stream, '', true);
      }),
    );
    const wire = await rig.connect();
    expect((await wire.send('HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n').response(true)).head).toContain(
      'content-length: 7',
    );
    expect((await wire.send(get('/304')).response(true)).status).toBe(304);
    expect((await wire.send(get('/204')).response()).head).not.toContain('content-length');
    expect(rig.origins[0]!.wires.length).toBe(1);
    expect(rig.failures()).toBe(0);
  });
});

describe('what tells how a call ended', () => {
  test('reaches the client as trailers', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) =>
        peer
          .headers(stream, [okay, grpc, ['content-length', '5']])
          .data(stream, 'reply')
          .headers(stream, [['grpc-status', '0']], true),
      ),
    );
    const wire = await rig.connect();
    wire.send(post('x', 'TE: trailers'));
    await wire.has('5\r\nreply\r\n0\r\ngrpc-status: 0\r\n\r\n');
    expect(wire.text).toContain('transfer-encoding: chunked');
  });
  test('reaches it as fields where nothing else was said', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => peer.headers(stream, [okay, grpc, ['grpc-status', '12']], true)),
    );
    const wire = await rig.connect();
    const { head, status } = await wire.send(post('x')).response();
    expect(status).toBe(200);
    expect(head).toContain('grpc-status: 12');
  });
  test('passes before it as interim responses do', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) =>
        peer
          .headers(stream, [
            [':status', '103'],
            ['link', '</a>'],
          ])
          .answer(stream, 'x'),
      ),
    );
    const wire = await rig.connect();
    wire.send(get());
    await wire.has('0\r\n\r\n');
    expect(wire.text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });
});

test('both talk at the same time: a response begins before its request has ended', async () => {
  await using rig = await rigWith(async (wire) => {
    const peer = await InstancePeer.greet(wire);
    const stream = await peer.request(0, false);
    peer.headers(stream, [okay, grpc]);
    for (const word of ['one', 'two', 'three']) {
      await peer.until(() => stream.body.endsWith(word), word);
      peer.data(stream, `echo ${word}`);
    }
    await peer.until(() => stream.ended, 'end');
    peer.headers(stream, [['grpc-status', '0']], true);
  });
  const wire = await rig.connect();
  wire.send(upload());
  await wire.has('HTTP/1.1 200 OK');
  for (const word of ['one', 'two', 'three']) {
    wire.send(chunked(word));
    await wire.has(`echo ${word}`);
  }
  wire.send('0\r\n\r\n');
  await wire.has('grpc-status: 0');
  await rig.idle();
  expect(rig.failures()).toBe(0);
});

describe('the pace', () => {
  test('of an instance is kept: no more is sent than its windows allow', async () => {
    let most = 0;
    await using rig = await rigWith(async (wire) => {
      const peer = await InstancePeer.greet(wire, [Setting.initialWindowSize, 10]);
      const stream = await peer.request(0, false);
      let allowed = 10;
      for (let n = 0; n < 5; n++) {
        await peer.until(() => stream.bytes === allowed, `${allowed} bytes`);
        allowed += 7;
        peer.allow(stream.id, 7);
      }
      await peer.until(() => stream.bytes === allowed, 'all that is allowed');
      // Less than nothing: all of it has to be handed back first.
      peer.send(settingsFrame([[Setting.initialWindowSize, 5]]));
      await peer.until(() => peer.settingsAcks === 2, 'an acknowledgement');
      peer.allow(stream.id, 6);
      await peer.until(() => stream.bytes === allowed + 1, 'one byte');
      peer.send(settingsFrame([[Setting.initialWindowSize, 1000]]));
      await peer.until(() => stream.ended, 'the end');
      most = stream.bytes;
      peer.answer(stream, 'all');
    });
    const wire = await rig.connect();
    wire.send(post('x'.repeat(200)));
    await wire.has('all');
    expect(most).toBe(200);
  });

  test('the end of a body needs no window', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => peer.answer(stream, stream.body), [Setting.initialWindowSize, 5]),
    );
    const wire = await rig.connect();
    wire.send(`${upload()}${chunked('12345')}0\r\n\r\n`);
    await wire.has('12345');
    wire.send(`${upload()}${chunked('12345')}`);
    await Bun.sleep(5);
    wire.send('0\r\nX-After: 1\r\n\r\n');
    await wire.until(() => wire.text.split('12345').length === 3, 'the second answer');
  });

  test('of a client that does not read stops its own stream, and no other', async () => {
    let sent = 0;
    let slow: PeerStream | undefined;
    await using rig = await rigWith(async (wire) => {
      const peer = await InstancePeer.greet(wire);
      slow = await peer.request(0);
      peer.headers(slow, [okay]);
      const { id } = slow;
      const room = (): boolean =>
        slow?.reset === null && sent + 16_000 <= 262_144 + (peer.credits.get(id) ?? 0);
      const over = (): boolean => wire.closed || wire.ended;
      for (let at = 1; !over();) {
        for (; room(); sent += 16_000) peer.data(slow, new Uint8Array(16_000));
        await peer.until(() => over() || room() || peer.streams[at]?.ended === true, 'news');
        if (peer.streams[at]?.ended === true) peer.answer(peer.streams[at++]!, 'quick');
      }
    });
    const client = await rig.connect();
    client.socket.pause();
    client.send(get('/slow'));
    await rig.when(() => sent > 262_144, 'begun');
    let same = 0;
    for (let before = sent; same < 20; before = sent) {
      const response = await fetch(`http://127.0.0.1:${rig.address.port}/quick`);
      expect(await response.text()).toBe('quick');
      same = before === sent ? same + 1 : 0;
    }
    // What fits into the socket buffers of both ends and the window, and no more.
    expect(sent).toBeLessThan(12_000_000);
    client.abort();
    await rig.when(() => rig.side().clientClosed === 1, 'gone');
    const response = await fetch(`http://127.0.0.1:${rig.address.port}/quick`);
    expect(await response.text()).toBe('quick');
    expect(slow?.reset).toBe(ErrorCode.cancel);
  });

  test('of large bodies in both directions at once is each other’s', async () => {
    await using rig = await rigWith(async (wire) => {
      const peer = await InstancePeer.greet(wire);
      const stream = await peer.request(0, false);
      peer.headers(stream, [okay]);
      let echoed = 0;
      for (;;) {
        await peer.until(() => stream.bytes > echoed || stream.ended, 'more');
        const count = stream.bytes - echoed;
        peer.allow(0, Math.max(1, count)).allow(stream.id, Math.max(1, count));
        for (let at = 0; at < count; at += 16_000) {
          const size = Math.min(16_000, count - at);
          echoed += size;
          await peer.until(() => echoed <= 262_144 + (peer.credits.get(stream.id) ?? 0), 'room');
          peer.data(stream, new Uint8Array(size).fill(120));
        }
        if (stream.ended && echoed === stream.bytes) break;
      }
      peer.data(stream, '', true);
    });
    const body = 'x'.repeat(2_000_000);
    const response = await fetch(`http://127.0.0.1:${rig.address.port}/`, { method: 'POST', body });
    expect((await response.text()) === body).toBeTrue();
  });
});

describe('a request that the instance has not looked at', () => {
  test.each(['GOAWAY', 'REFUSED_STREAM'])('is sent again whatever it is: %s', async (what) => {
    await using rig = await rigWith(async (wire, index) => {
      const peer = await InstancePeer.greet(wire);
      const first = await peer.request(0);
      if (index > 0) {
        peer.answer(first, `again ${first.body}`);
        return;
      }
      if (what === 'GOAWAY') {
        peer.leave(0);
        await wire.gone();
        wire.close();
        return;
      }
      peer.reset(first, ErrorCode.refusedStream);
      const second = await peer.request(1);
      peer.answer(second, `again ${second.body}`);
    });
    const wire = await rig.connect();
    wire.send(post('once'));
    await wire.has('again once');
    expect(rig.side()).toMatchObject({ retried: 1, requests: 1, failed: {} });
  });

  test('is sent again with what has come of its body', async () => {
    await using rig = await rigWith(async (wire) => {
      const peer = await InstancePeer.greet(wire);
      const first = await peer.request(0, false);
      await peer.until(() => first.body === 'begun', 'a part');
      peer.reset(first, ErrorCode.refusedStream);
      const second = await peer.request(1);
      peer.answer(second, second.body);
    });
    const wire = await rig.connect();
    wire.send(upload()).send(chunked('begun'));
    await rig.when(() => rig.side().retried === 1, 'retried');
    wire.send(`${chunked(' and ended')}0\r\n\r\n`);
    await wire.has('begun and ended');
  });

  test('goes to another instance first, and not for ever', async () => {
    await using rig = await Rig.start();
    const refusing = answeringHttp2((stream, peer) => peer.reset(stream, ErrorCode.refusedStream));
    const busy = rig.origin(refusing);
    route(rig, busy, rig.origin(answeringHttp2((stream, peer) => peer.answer(stream, 'free'))));
    for (let n = 0; n < 4; n++) {
      const wire = await rig.connect();
      wire.send(post('x'));
      await wire.has('free');
    }
    expect(rig.failures()).toBe(0);
    route(rig, busy);
    const wire = await rig.connect();
    expect((await wire.send(post('x')).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'upstream-closed': 1 });
  });

  test('leaves those alone that it has looked at', async () => {
    await using rig = await rigWith(async (wire, index) => {
      const peer = await InstancePeer.greet(wire);
      const first = await peer.request(0);
      if (index > 0) {
        peer.answer(first, 'new session');
        return;
      }
      await peer.request(1);
      peer.leave(first.id);
      await Bun.sleep(5);
      peer.answer(first, 'old session');
      await wire.gone();
      wire.close();
    });
    const [one, two] = [await rig.connect(), await rig.connect()];
    one.send(post('1'));
    await rig.when(() => rig.origins[0]!.wires[0]?.text.includes('\r\n\r\n') === true, 'begun');
    two.send(post('2'));
    await one.has('old session');
    await two.has('new session');
    expect(rig.failures()).toBe(0);
  });
});

describe('a response that is not whole is never taken for one', () => {
  const cases: Record<string, (stream: PeerStream, peer: InstancePeer) => void> = {
    'reset after its head': (stream, peer) =>
      peer.headers(stream, [okay]).data(stream, 'half').reset(stream, ErrorCode.internal),
    'reset without an error': (stream, peer) =>
      peer.headers(stream, [okay]).data(stream, 'half').reset(stream, ErrorCode.none),
    'a connection that closes': (stream, peer) => {
      peer.headers(stream, [okay]).data(stream, 'half');
      peer.wire.close();
    },
    'a connection that is reset': (stream, peer) => {
      peer.headers(stream, [okay]).data(stream, 'half');
      setTimeout(() => peer.wire.abort(), 5);
    },
    'less than its length': (stream, peer) =>
      peer.headers(stream, [okay, ['content-length', '9']]).data(stream, 'half', true),
    'less than its length, with trailers': (stream, peer) =>
      peer
        .headers(stream, [okay, ['content-length', '9']])
        .data(stream, 'half')
        .headers(stream, [['x-a', '1']], true),
    'more than its length': (stream, peer) =>
      peer
        .headers(stream, [okay, ['content-length', '6']])
        .data(stream, 'half')
        .data(stream, 'more than', true),
    'trailers that are no end': (stream, peer) =>
      peer
        .headers(stream, [okay])
        .data(stream, 'half')
        .headers(stream, [['x-a', '1']]),
    'a pseudo-field among trailers': (stream, peer) =>
      peer
        .headers(stream, [okay])
        .data(stream, 'half')
        .headers(stream, [[':status', '200']], true),
    'a field of the head among trailers': (stream, peer) =>
      peer
        .headers(stream, [okay])
        .data(stream, 'half')
        .headers(stream, [['content-length', '4']], true),
  };
  test.each(Object.keys(cases))('%s', async (name) => {
    await using rig = await rigWith(answeringHttp2(cases[name]!));
    const wire = await rig.connect();
    wire.send(get());
    await wire.gone();
    expect(wire.text).not.toContain('0\r\n\r\n');
    expect(wire.text).not.toContain('more than');
    await rig.idle();
    expect(rig.failures()).toBe(1);
  });
});

describe('what is no response is answered for with 502', () => {
  const cases: Record<string, readonly (readonly [string, string])[]> = {
    'no status': [['x-a', '1']],
    'a status that is none': [[':status', '2000']],
    'status 101': [[':status', '101']],
    'another pseudo-field': [okay, [':path', '/']],
    'a field before the status': [['x-a', '1'], okay],
    'a name in capitals': [okay, ['X-A', '1']],
    'a name with a colon': [okay, ['x:a', '1']],
    'a name with a line break': [okay, ['x\r\ny', '1']],
    'a value with a line break': [okay, ['x-a', '1\r\nx-b: 2']],
    'a value with a NUL': [okay, ['x-a', '1\0']],
    'a value with space around it': [okay, ['x-a', ' 1']],
    'a field of HTTP/1.1': [okay, ['transfer-encoding', 'chunked']],
    'a connection field': [okay, ['connection', 'close']],
    'two lengths': [okay, ['content-length', '1'], ['content-length', '1']],
    'a length that is none': [okay, ['content-length', '-1']],
    'a length without a body': [okay, ['content-length', '3']],
  };
  test.each(Object.keys(cases))('%s', async (name) => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) =>
        stream.fields[':path'] === '/good'
          ? peer.answer(stream, 'good', ['content-length', '4'])
          : peer.headers(stream, cases[name]!, true),
      ),
    );
    const wire = await rig.connect();
    expect((await wire.send(get('/bad')).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'upstream-invalid': 1 });
    // It was one stream that was wrong.
    expect((await wire.send(get('/good')).response()).body).toBe('good');
    expect(rig.origins[0]!.wires.length).toBe(1);
  });
  test('an interim response that is the last, too many of them, content before a head', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => {
        const path = stream.fields[':path'];
        if (path === '/last') peer.headers(stream, [[':status', '103']], true);
        else if (path === '/many') for (let n = 0; n < 40; n++) peer.headers(stream, [[':status', '103']]);
        else peer.data(stream, 'early');
      }),
    );
    for (const path of ['/last', '/many', '/content']) {
      const wire = await rig.connect();
      wire.send(get(path));
      await wire.has('502 Bad Gateway');
    }
    expect(rig.side().failed).toEqual({ 'upstream-invalid': 3 });
  });
});

describe('an instance that does harm', () => {
  const cases: Record<string, (stream: PeerStream, peer: InstancePeer) => void> = {
    'sends a stream that nobody opened': (stream, peer) => peer.data({ ...stream, id: 99 }, 'x'),
    'opens one itself': (stream, peer) => peer.headers({ ...stream, id: 2 }, [okay]),
    pushes: (stream, peer) => peer.send(frame(FrameType.pushPromise, 4, stream.id, new Uint8Array(4))),
    'sends a block that nobody can unpack': (stream, peer) =>
      peer.send(frame(FrameType.headers, 4, stream.id, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff))),
    'sends a frame that is too large': (stream, peer) =>
      peer.send(frame(FrameType.data, 0, stream.id, new Uint8Array(70_000))),
    'overflows the window of the session': (_, peer) => peer.allow(0, 2 ** 31 - 1),
    'overflows by a setting': (stream, peer) =>
      peer
        .allow(stream.id, 2 ** 31 - 1 - 65_535)
        .send(settingsFrame([[Setting.initialWindowSize, 2 ** 31 - 1]])),
    'floods with pings': (_, peer) => {
      for (let n = 0; n < 5000; n++) peer.send(frame(FrameType.ping, 0, 0, new Uint8Array(8)));
    },
    'floods with settings': (_, peer) => {
      for (let n = 0; n < 5000; n++) peer.send(settingsFrame([]));
    },
    'floods with empty frames': (stream, peer) => {
      peer.headers(stream, [okay]);
      for (let n = 0; n < 5000; n++) peer.data(stream, '');
    },
    'floods with continuations': (stream, peer) => {
      peer.send(frame(FrameType.headers, 0, stream.id, new Uint8Array(0)));
      for (let n = 0; n < 100; n++) peer.send(frame(FrameType.continuation, 0, stream.id, new Uint8Array(0)));
    },
  };
  test.each(Object.keys(cases))('%s: that ends its session, and others are served', async (name) => {
    await using rig = await Rig.start();
    const bad = rig.origin(answeringHttp2(cases[name]!));
    const good = rig.origin(answeringHttp2((stream, peer) => peer.answer(stream, 'well')));
    route(rig, bad);
    const client = await rig.connect();
    client.send(get());
    await rig.when(() => rig.failures() === 1, 'failed');
    await bad.wires[0]!.gone();
    route(rig, good);
    const other = await rig.connect();
    other.send(get());
    await other.has('well');
  });

  test('sends more than the window of a stream while its client does not read: that ends the stream', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => {
        if (stream.fields[':path'] === '/good') return void peer.answer(stream, 'good');
        peer.headers(stream, [okay]);
        for (let n = 0; n < 1000; n++) peer.data(stream, new Uint8Array(16_000));
      }),
    );
    const client = await rig.connect();
    client.socket.pause();
    client.send(get());
    await rig.when(() => rig.failures() === 1, 'failed');
    const other = await rig.connect();
    other.send(get('/good'));
    await other.has('good');
    expect(rig.side().failed).toEqual({ 'upstream-invalid': 1 });
    expect(rig.origins[0]!.wires.length).toBe(1);
  });

  test('answers with a head beyond all measure', async () => {
    await using rig = await rigWith(
      answeringHttp2((stream, peer) => {
        const block = new HpackEncoder(0).encode([okay, ['x-a', 'a'.repeat(10_000)]]);
        const again = Array.from({ length: 10 }, () => block.subarray(1));
        const parts = [block, ...again].map((part, at) =>
          frame(at === 0 ? FrameType.headers : FrameType.continuation, at === 10 ? 4 : 0, stream.id, part),
        );
        peer.send(...parts);
      }),
    );
    const wire = await rig.connect();
    expect((await wire.send(get()).response()).status).toBe(502);
  });

  test('is told nothing more than once of what is wrong', async () => {
    await using rig = await rigWith(answering('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
    const wire = await rig.connect();
    for (let n = 0; n < 2; n++) expect((await wire.send(post('x')).response()).status).toBe(502);
    expect(rig.side().failed).toEqual({ 'connect-failed': 2 });
    expect(rig.warnings).toHaveLength(1);
    expect(rig.warnings[0]).toContain('it does not speak HTTP/2');
  });
});

describe('sessions', () => {
  test('are as many as the streams at once that the instance allows want', async () => {
    let most = 0;
    await using rig = await rigWith(async (wire) => {
      const peer = await InstancePeer.greet(wire, [Setting.maxConcurrentStreams, 2]);
      for (let answered = 0; !wire.closed && !wire.ended;) {
        await peer.until(() => wire.closed || wire.ended || peer.streams.length > answered, 'request');
        most = Math.max(most, peer.streams.length - answered);
        // The others get the time to come; what comes too many is seen.
        await Bun.sleep(5);
        while (answered < peer.streams.length) peer.answer(peer.streams[answered++]!, 'two by two');
      }
      wire.close();
    });
    const wires = await Promise.all(Array.from({ length: 6 }, () => rig.connect()));
    for (const wire of wires) wire.send(post('x'));
    await Promise.all(wires.map((wire) => wire.has('two by two')));
    expect(most).toBe(2);
    expect(rig.origins[0]!.wires.length).toBe(3);
    expect(rig.failures()).toBe(0);
  });

  test('that allow no stream let a request wait as long as for a connection', async () => {
    await using rig = await rigWith(
      async (wire) => {
        await InstancePeer.greet(wire, [Setting.maxConcurrentStreams, 0]);
      },
      { connectMs: 100 },
    );
    const wire = await rig.connect();
    expect((await wire.send(get()).response()).status).toBe(504);
  });

  test('take a request that waits as soon as one may go', async () => {
    await using rig = await rigWith(async (wire, index) => {
      if (index > 0) return;
      const peer = await InstancePeer.greet(wire, [Setting.maxConcurrentStreams, 1]);
      const first = await peer.request(0);
      peer.send(settingsFrame([[Setting.maxConcurrentStreams, 2]]));
      const second = await peer.request(1);
      peer.answer(second, 'second').answer(first, 'first');
    });
    const [one, two] = [await rig.connect(), await rig.connect()];
    one.send(get());
    await rig.when(() => rig.origins[0]!.wires.length === 1, 'begun');
    two.send(get());
    await two.has('second');
    await one.has('first');
  });

  test('are closed when they are idle, with a word', async () => {
    let peer: InstancePeer | undefined;
    await using rig = await rigWith(
      async (wire) => {
        peer = await InstancePeer.greet(wire);
        peer.answer(await peer.request(0), 'hello');
      },
      { upstreamIdleMs: 30 },
    );
    const wire = await rig.connect();
    wire.send(get());
    await wire.has('hello');
    await peer!.until(() => peer!.goAway === ErrorCode.none, 'GOAWAY');
    await peer!.wire.gone();
  });

  test('with an instance that leaves the table end with their last response', async () => {
    let peer: InstancePeer | undefined;
    await using rig = await rigWith(async (wire) => {
      peer = await InstancePeer.greet(wire);
      await peer.request(0);
    });
    const wire = await rig.connect();
    wire.send(get());
    await rig.when(() => peer?.streams.length === 1 || peer?.wire.text.includes('/') === true, 'begun');
    await peer!.request(0);
    rig.route({ blue: [], green: [rig.origin(answering(ok('green'))).address], live: 'green' });
    peer!.answer(peer!.streams[0]!, 'last');
    await wire.has('last');
    await peer!.wire.gone();
  });

  test('that were about to begin when their instance left the table still serve who waits for them', async () => {
    const gone = Promise.withResolvers<undefined>();
    let peer: InstancePeer | undefined;
    await using rig = await rigWith(async (wire) => {
      await gone.promise;
      peer = await InstancePeer.greet(wire);
      peer.answer(await peer.request(0), 'begun before');
    });
    const wire = await rig.connect();
    wire.send(post('x'));
    await rig.when(() => rig.origins[0]!.wires.length === 1, 'connected');
    rig.route({ blue: [], green: [rig.origin(answering(ok('green'))).address], live: 'green' });
    gone.resolve(undefined);
    await wire.has('begun before');
    await peer!.wire.gone();
  });

  test('lose one stream when a client leaves, and go on', async () => {
    let gone: number | null = null;
    await using rig = await rigWith(async (wire) => {
      const peer = await InstancePeer.greet(wire);
      const first = await peer.request(0);
      await peer.until(() => first.reset !== null, 'RST_STREAM');
      gone = first.reset;
      peer.answer(await peer.request(1), 'still here');
    });
    const leaver = await rig.connect();
    leaver.send(get('/leave'));
    await rig.when(
      () => rig.origins[0]!.wires[0]?.text.includes('leave') === true || rig.side().inFlight === 1,
      'begun',
    );
    await Bun.sleep(5);
    leaver.abort();
    await rig.when(() => gone !== null, 'reset');
    expect(gone as number | null).toBe(ErrorCode.cancel);
    const wire = await rig.connect();
    wire.send(get());
    await wire.has('still here');
    expect(rig.origins[0]!.wires.length).toBe(1);
    expect(rig.side().clientClosed).toBe(1);
  });

  test('that close while idle cost no request', async () => {
    await using rig = await rigWith(async (wire, index) => {
      const peer = await InstancePeer.greet(wire);
      peer.answer(await peer.request(0), `session ${index}`);
      if (index === 0) wire.close();
    });
    const wire = await rig.connect();
    wire.send(get());
    await wire.has('session 0');
    await rig.origins[0]!.wires[0]!.gone();
    wire.send(post('x'));
    await wire.has('session 1');
    expect(rig.failures()).toBe(0);
  });
});

test('a deadline of the response ends the stream, and the session is looked after', async () => {
  await using rig = await rigWith(
    async (wire) => {
      const peer = await InstancePeer.greet(wire);
      const silent = await peer.request(0);
      await peer.until(() => silent.reset === ErrorCode.cancel, 'RST_STREAM');
      peer.answer(await peer.request(1), 'next');
    },
    { responseMs: 60 },
  );
  const wire = await rig.connect();
  expect((await wire.send(get()).response()).status).toBe(504);
  wire.send(get());
  await wire.has('next');
  expect(rig.side().failed).toEqual({ 'upstream-timeout': 1 });
});
