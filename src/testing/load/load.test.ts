import { afterEach, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import type { Socket, TCPSocketListener } from 'bun';
import type { Address } from '../../core/address.ts';
import { startShop } from '../../../examples/shop/start-shop.ts';
import { startLoad, type Load, type LoadOptions } from './load.ts';
import { pagesProfile } from './pages-profile.ts';
import type { Kind } from './profile.ts';
import { Random } from './random.ts';
import { shopProfile } from './shop-profile.ts';
import type { Reason, Snapshot } from './snapshot.ts';
import { spawnLoad } from './spawn-load.ts';

/** What a server does with bytes that came; `path` is that of the last request line. */
type Behave = (socket: Socket<{ text: string }>, path: string, text: string) => void;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server that does what it is told, on a free port. */
function serve(behave: Behave, opened?: (socket: Socket<{ text: string }>) => void): Address {
  const listener: TCPSocketListener<{ text: string }> = Bun.listen<{ text: string }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: '' };
        opened?.(socket);
      },
      data(socket, chunk) {
        socket.data.text += chunk.toString('latin1');
        const path = /(?:GET|POST) (\S+) HTTP/.exec(socket.data.text)?.[1];
        if (path === undefined || !socket.data.text.includes('\r\n\r\n')) return;
        const { text } = socket.data;
        socket.data.text = '';
        behave(socket, path, text);
      },
    },
  });
  ends.push(() => listener.stop(true));
  return { host: '127.0.0.1', port: listener.port };
}

function load(target: Address, kind: Kind, more: Partial<LoadOptions> = {}): Load {
  const running = startLoad({ target, connections: 1, seed: 1, mix: { [kind]: 1 }, ...more });
  ends.push(() => running.stop());
  return running;
}

async function until(running: Load, holds: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  const deadline = Date.now() + 4000;
  while (!holds(running.snapshot())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${JSON.stringify(running.snapshot())}`);
    await Bun.sleep(2);
  }
  return running.snapshot();
}

const side = {
  blue: 'X-Shop-Release: 1\r\nX-Shop-Environment: blue\r\n',
  green: 'X-Shop-Release: 2\r\nX-Shop-Environment: green\r\n',
};
const respond = (body: string, more: string = side.blue, status = '200 OK'): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
const page = (path: string, release = 1, environment = 'blue', inside = ''): string =>
  `<!doctype html>${inside}\n<!-- end path=${path} release=${release} environment=${environment} -->\n`;
const good: Behave = (socket, path) => void socket.write(respond(page(path)));

describe('a server that does right', () => {
  test('gets requests on one kept connection, and nothing fails', async () => {
    let connections = 0;
    const running = load(
      serve(good, () => connections++),
      'keep-alive',
    );
    await until(running, ({ requests }) => requests > 100);
    const last = await running.stop();
    expect(last).toMatchObject({
      failed: 0,
      failures: [],
      inFlight: 0,
      byEnvironment: { blue: last.requests },
    });
    expect(connections).toBe(1);
    expect(await running.stop()).toBe(last);
  });

  test('may close a kept connection that it said it would close', async () => {
    const target = serve(
      (socket, path) => void socket.end(respond(page(path), `${side.blue}Connection: close\r\n`)),
    );
    const { failures } = await until(load(target, 'keep-alive'), ({ reopened }) => reopened.announced > 5);
    expect(failures).toEqual([]);
  });

  test('may close a kept connection while nothing is asked', async () => {
    const target = serve((socket, path) => {
      socket.write(respond(page(path)));
      setTimeout(() => socket.end(), 5);
    });
    const { failures } = await until(
      load(target, 'keep-alive', { rate: 20 }),
      ({ reopened }) => reopened.idle > 2,
    );
    expect(failures).toEqual([]);
  });

  test('gets a new connection for each request of the kind close', async () => {
    let connections = 0;
    const running = load(
      serve(
        (socket, path) => void socket.end(respond(page(path), `${side.blue}Connection: close\r\n`)),
        () => connections++,
      ),
      'close',
    );
    await until(running, ({ requests }) => requests > 20);
    const { requests, failed } = await running.stop();
    expect([connections, failed]).toEqual([requests, 0]);
  });

  test('is asked at a rate', async () => {
    const running = load(serve(good), 'keep-alive', { rate: 200, connections: 4 });
    const { requests, seconds } = await until(running, (snapshot) => snapshot.seconds > 0.4);
    expect(requests / seconds).toBeLessThan(230);
    expect(requests).toBeGreaterThan(20);
  });
});

describe('a failure is found and named', () => {
  const cases: [name: string, kind: Kind, reason: Reason, behave: Behave][] = [
    ['a reset', 'keep-alive', 'reset', (socket) => socket.terminate()],
    ['an end without an answer', 'keep-alive', 'closed', (socket) => socket.end()],
    [
      'a body that is cut',
      'keep-alive',
      'truncated',
      (socket, path) => void socket.end(respond(page(path)).slice(0, -1)),
    ],
    ['a head that is cut', 'close', 'truncated', (socket) => void socket.end('HTTP/1.1 200 OK\r\n')],
    [
      'chunks without an end',
      'stream',
      'truncated',
      (socket) =>
        void socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${side.blue}\r\n3\r\nabc\r\n`),
    ],
    [
      'an error of the server',
      'keep-alive',
      'status',
      (socket) => void socket.write(respond('', side.blue, '502 Bad Gateway')),
    ],
    ['an unexpected status', 'order', 'status', (socket) => void socket.write(respond('{}'))],
    [
      'bytes after the response',
      'keep-alive',
      'malformed',
      (socket, path) => void socket.write(`${respond(page(path))}x`),
    ],
    [
      'a page of another path',
      'keep-alive',
      'wrong-content',
      (socket) => void socket.write(respond(page('/other'))),
    ],
    ['an empty page', 'keep-alive', 'wrong-content', (socket) => void socket.write(respond(''))],
    [
      'no word of who answers',
      'keep-alive',
      'wrong-content',
      (socket, path) => void socket.write(respond(page(path), '')),
    ],
    [
      'a head of one side and a body of the other',
      'keep-alive',
      'mixed',
      (socket, path) => void socket.write(respond(page(path), side.green)),
    ],
    [
      'heads of both sides',
      'keep-alive',
      'mixed',
      (socket, path) => void socket.write(respond(page(path), side.blue + side.green)),
    ],
    [
      'a stream whose chunks come from two sides',
      'stream',
      'mixed',
      (socket, path) => {
        const chunks = Number(/chunks=(\d+)/.exec(path)?.[1]);
        const lines = Array.from(
          { length: chunks },
          (_, i) => `chunk ${i + 1}/${chunks} release=1 environment=blue\n`,
        );
        socket.write(respond(`${lines.join('')}end ${chunks} release=2 environment=green\n`));
      },
    ],
    [
      'a stream without its end mark',
      'stream',
      'wrong-content',
      (socket) => void socket.write(respond('chunk 1/1 release=1 environment=blue\n')),
    ],
    [
      'an upload with a wrong hash',
      'upload',
      'wrong-content',
      (socket, _path, text) => {
        const bytes = Number(/Content-Length: (\d+)/.exec(text)?.[1] ?? 0);
        const sha256 = createHash('sha256').update('other').digest('hex');
        socket.write(respond(JSON.stringify({ bytes, sha256, release: '1', environment: 'blue' })));
      },
    ],
    [
      'a download that is too short',
      'download',
      'wrong-content',
      (socket) => void socket.write(respond('\0\x01')),
    ],
    ['an answer that does not come', 'slow', 'timeout', () => undefined],
    ['half an answer', 'keep-alive', 'timeout', (socket) => void socket.write('HTTP/1.1 200 OK\r\n')],
    [
      'a tunnel that is refused',
      'websocket',
      'status',
      (socket) => void socket.write(respond('', side.blue, '503 Busy')),
    ],
    [
      'a handshake for another key',
      'websocket',
      'wrong-content',
      (socket) => void socket.write(upgrade('other')),
    ],
    ['a handshake that is reset', 'websocket', 'reset', (socket) => socket.terminate()],
  ];
  test.each(cases)('%s (%s): %s', async (_name, kind, reason, behave) => {
    const running = load(serve(behave), kind, { timeoutMs: 150 });
    const { byReason, failures } = await until(running, ({ failed }) => failed > 0);
    expect(byReason).toEqual({ [reason]: failures.length });
    expect(failures[0]).toMatchObject({ kind, reason });
  });

  test('nobody listens: connect-refused', async () => {
    const target = serve(good);
    await ends.pop()?.();
    const { byReason } = await until(load(target, 'keep-alive'), ({ failed }) => failed > 1);
    expect(Object.keys(byReason)).toEqual(['connect-refused']);
  });

  test('a page that differs from its earlier copies', async () => {
    let count = 0;
    const running = load(
      serve((socket, path) => void socket.write(respond(page(path, 1, 'blue', count++ < 200 ? 'a' : 'b')))),
      'keep-alive',
    );
    const { byReason } = await until(running, ({ failed }) => failed > 0);
    expect(Object.keys(byReason)).toEqual(['wrong-content']);
  });
});

const upgrade = (key: string): string => {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n${side.blue}\r\n`;
};

describe('a tunnel', () => {
  /** Opens every tunnel, says `hello` at once if there is any, and then does `then`. */
  const tunnels = (
    hello: string | null,
    then: (socket: Socket<{ text: string }>) => void = () => undefined,
  ): Address =>
    serve((socket, _path, text) => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(text)?.[1] ?? '';
      socket.write(Buffer.concat([Buffer.from(upgrade(key)), Buffer.from(hello ?? '', 'latin1')]));
      then(socket);
    });

  test.each([
    ['with 1001', '\x88\x02\x03\xe9', { closedByServer: 1, cut: 0 }],
    ['with 1012', '\x88\x02\x03\xf4', { closedByServer: 1, cut: 0 }],
  ])('that the server closes %s is counted, and no failure', async (_name, hello, counts) => {
    const running = load(tunnels(hello), 'websocket');
    await until(running, ({ tunnels: { closedByServer } }) => closedByServer > 0);
    const { failures, requests, tunnels: ended } = await running.stop();
    expect(failures).toEqual([]);
    expect(ended.opened).toBe(requests);
    expect(ended.cut).toBe(counts.cut);
  });

  test.each([
    ['ended', (socket: Socket<{ text: string }>) => socket.end()],
    ['reset', (socket: Socket<{ text: string }>) => socket.terminate()],
  ])('that is %s without a close frame is counted as cut', async (_name, cut) => {
    const running = load(
      tunnels(null, (socket) => void setTimeout(() => cut(socket), 5)),
      'websocket',
    );
    const { failures } = await until(
      running,
      ({ tunnels: ended }) => ended.cut > 1 && ended.closedByServer === ended.cut,
    );
    expect(failures).toEqual([]);
  });

  test.each([
    ['closed with 1011', '\x88\x02\x03\xf3', 'closed'],
    ['that says what nobody said', '\x81\x01a', 'wrong-content'],
    ['with a masked frame', '\x81\x81\0\0\0\0a', 'malformed'],
    ['that does not answer', null, 'message-lost'],
  ] as const)('%s is a failure', async (_name, hello, reason) => {
    const running = load(tunnels(hello), 'websocket', { timeoutMs: 150 });
    const { failures } = await until(running, ({ failed }) => failed > 0);
    expect(failures[0]).toMatchObject({ kind: 'websocket', reason, environment: 'blue' });
  });
});

describe('marks', () => {
  test('tell who answered the requests that were sent after a moment, to the request', async () => {
    let live: 'blue' | 'green' = 'blue';
    const target = serve((socket, path) => {
      const [release, environment] = live === 'blue' ? ([1, 'blue'] as const) : ([2, 'green'] as const);
      // Answered later, so that many are in flight at every moment.
      setTimeout(() => socket.write(respond(page(path, release, environment), side[environment])), 3);
    });
    const running = load(target, 'keep-alive', { connections: 16 });
    await until(running, ({ requests }) => requests > 100);
    live = 'green';
    const mark = running.mark();
    await until(running, () => running.begunAfter(mark).requests > 100);
    expect(running.begunAfter(mark).byEnvironment.blue).toBeUndefined();
    const last = await running.stop();
    expect(last.failed).toBe(0);
    expect((last.byEnvironment.blue ?? 0) + (last.byEnvironment.green ?? 0)).toBe(last.requests);
    // One that is still answered by the old side is seen.
    const again = load(serve(good), 'keep-alive');
    const early = again.mark();
    await until(again, () => (again.begunAfter(early).byEnvironment.blue ?? 0) > 0);
  });
});

test('the same seed asks for the same things', () => {
  const target = { host: '127.0.0.1', port: 1 };
  const asked = (seed: number): string[] => {
    const profile = shopProfile(target, seed);
    return Object.values(profile.exchanges).flatMap((make) => {
      const next = make({ random: new Random(seed), index: 0 });
      return Array.from({ length: 20 }, () => Buffer.concat([...next().parts]).toString('latin1'));
    });
  };
  expect(asked(5)).toEqual(asked(5));
  expect(asked(5)).not.toEqual(asked(6));
});

describe('against the shop', () => {
  test('every kind is done, and nothing fails, also when the load is a process of its own', async () => {
    const shop = await startShop(1, { CUTOVER_RELEASE: '1', CUTOVER_ENVIRONMENT: 'blue' });
    ends.push(async () => {
      shop.signal('SIGKILL');
      await shop.exited;
    });
    const spawned = spawnLoad({ target: shop.address, connections: 24, seed: 3 });
    ends.push(() => spawned.stop());
    const mark = await spawned.mark();
    const deadline = Date.now() + 8000;
    let found = await spawned.snapshot();
    while (Object.keys(found.byKind).length < 8 || found.tunnels.messages < 10) {
      if (Date.now() > deadline) throw new Error(`waited in vain: ${JSON.stringify(found)}`);
      await Bun.sleep(20);
      found = await spawned.snapshot();
    }
    expect((await spawned.begunAfter(mark)).byRelease['1']).toBeGreaterThan(0);
    const last = await spawned.stop();
    expect(last.failures).toEqual([]);
    expect(last).toMatchObject({ failed: 0, inFlight: 0, byRelease: { 1: last.requests } });
  });

  test('a shop with wrong pages is found out', async () => {
    const shop = await startShop(2, {
      CUTOVER_RELEASE: '1',
      CUTOVER_ENVIRONMENT: 'blue',
      SHOP_FAULT: 'wrong-content',
    });
    ends.push(async () => {
      shop.signal('SIGKILL');
      await shop.exited;
    });
    const { failures } = await until(load(shop.address, 'keep-alive'), ({ failed }) => failed > 0);
    expect(failures[0]?.reason).toBe('wrong-content');
  });
});

test('any pages can be asked for; a copy that differs is found', async () => {
  let count = 0;
  const target = serve((socket) => void socket.write(respond(count++ < 50 ? 'same' : 'other', '')));
  const running = load(target, 'keep-alive', { profile: pagesProfile(target, ['/a']) });
  const { failures, requests } = await until(running, ({ failed }) => failed > 0);
  expect(requests).toBeGreaterThanOrEqual(50);
  expect(failures[0]).toMatchObject({ reason: 'wrong-content', label: 'GET /a' });
});

test('a mix that leaves nothing to do is refused', () => {
  const target = { host: '127.0.0.1', port: 1 };
  const start = (): Load =>
    startLoad({
      target,
      connections: 4,
      seed: 1,
      mix: { websocket: 1 },
      profile: pagesProfile(target, ['/']),
    });
  expect(start).toThrow('found none');
});
