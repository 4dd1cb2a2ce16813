import { describe, expect, test } from 'bun:test';
import { answering, get, ok, type Origin, Rig, type Wire } from './rig.fixture.ts';

const assets = { paths: ['/assets/*'] };
const missing = (body = 'gone', ...fields: string[]): string =>
  ['HTTP/1.1 404 Not Found', `Content-Length: ${body.length}`, 'X-From: live', ...fields, '', body].join(
    '\r\n',
  );
const chunkedMissing =
  'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nX-From: live\r\n\r\n2\r\ngo\r\n2\r\nne\r\n0\r\n\r\n';

type Script = (wire: Wire, index: number) => Promise<void> | void;

/** Green is live and has nothing; blue, which was live before, is kept. */
async function house(
  before: Script,
  live: Script = answering(missing()),
  change: Parameters<Rig['route']>[0] = {},
) {
  const rig = await Rig.start({ avoidMs: 50 });
  const blue: Origin = rig.origin(before);
  const green: Origin = rig.origin(live);
  const sides = { blue: [blue.address], green: [green.address], live: 'green', kept: true, assets } as const;
  rig.route({ ...sides, ...change });
  const wire = await rig.connect();
  return {
    rig,
    sides,
    origins: { blue, green },
    wire,
    ask: (path: string, ...fields: string[]) => wire.send(get(path, ...fields)).response(),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

describe('what the live side has not', () => {
  test('comes from the side before if its path fits, on the same connection as all else', async () => {
    await using it = await house(answering(ok('old', 'X-From: before')));
    for (let n = 0; n < 3; n++) {
      const { status, body, head } = await it.ask('/assets/app.1a.js?v=1');
      expect([status, body]).toEqual([200, 'old']);
      expect(head).toContain('X-From: before');
      expect((await it.ask('/other')).status).toBe(404);
    }
    await it.rig.idle();
    expect(it.rig.side('green')).toMatchObject({
      requests: 6,
      fromBefore: 3,
      status: { '2xx': 3, '4xx': 3 },
    });
    // The side before has no request of a user.
    expect(it.rig.side('blue')).toMatchObject({ requests: 0, inFlight: 0 });
    expect([it.origins.blue.wires.length, it.origins.green.wires.length]).toEqual([1, 1]);
  });

  test('is asked for with the same words: ranges and conditions are its to answer', async () => {
    const heads: string[] = [];
    await using it = await house(
      answering((head) => {
        heads.push(head);
        if (head.includes('If-None-Match')) return 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n';
        return 'HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nContent-Range: bytes 0-1/3\r\n\r\nol';
      }),
    );
    const part = await it.ask('/assets/a', 'Range: bytes=0-1');
    expect([part.status, part.body]).toEqual([206, 'ol']);
    expect((await it.ask('/assets/a', 'If-None-Match: "1"')).status).toBe(304);
    expect(heads[0]).toContain('\r\nRange: bytes=0-1\r\n');
  });

  test('is answered to HEAD without a body', async () => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n';
    const gone = 'HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n';
    await using it = await house(answering(head), answering(gone));
    it.wire.send('HEAD /assets/a HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    expect(await it.wire.response(true)).toMatchObject({ status: 200 });
    it.wire.send('HEAD /other HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    expect(await it.wire.response(true)).toMatchObject({ status: 404 });
  });

  test('comes from the side before also where the 404 is chunked, comes in drops, or is longer than is kept', async () => {
    const drops: Script = async (wire) => {
      await wire.has('\r\n\r\n');
      for (const octet of chunkedMissing) {
        wire.send(octet);
        await new Promise(setImmediate);
      }
    };
    const long = missing('x'.repeat(1_000_000));
    for (const live of [answering(chunkedMissing), drops, answering(long)]) {
      await using it = await house(answering(ok('old')), live);
      expect((await it.ask('/assets/a')).body).toBe('old');
    }
  });
});

describe('the 404 of the live side is given as it came', () => {
  const given = async (before: Script, live: Script = answering(missing())): Promise<void> => {
    await using it = await house(before, live);
    for (let n = 0; n < 2; n++) {
      const { status, head } = await it.ask('/assets/a');
      expect(status).toBe(404);
      expect(head).toContain('X-From: live');
    }
    await it.rig.idle();
    expect(it.rig.side('green')).toMatchObject({
      requests: 2,
      fromBefore: 0,
      status: { '4xx': 2 },
      failed: {},
    });
    expect(it.rig.failures('blue')).toBe(0);
  };
  test('if the side before has not got it either, or says anything but that it has', async () => {
    for (const status of ['404 Not Found', '500 Oops', '302 Found', '401 Unauthorized'])
      await given(answering(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nX-From: before\r\n\r\n`));
  });
  test('if the side before does not answer, or not in HTTP, or half', async () => {
    await given((wire) => wire.abort());
    await given(answering('what?\r\n\r\n'));
    await given(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send('HTTP/1.1 200 O');
      wire.abort();
    });
  });
  test('if nobody listens there', async () => {
    await using it = await house(answering(ok('old')));
    it.origins.blue.close();
    expect((await it.ask('/assets/a')).body).toBe('gone');
  });
  test('whole, where it is chunked', async () => {
    await using it = await house(answering(missing('', 'X-From: before')), answering(chunkedMissing));
    await it.wire.send(get('/assets/a')).has('0\r\n\r\n');
    expect(it.wire.take()).toBe(chunkedMissing);
    it.wire.send(get('/assets/a'));
    await it.wire.has('0\r\n\r\n');
  });
  test('by a line of ours, if it is longer than is kept', async () => {
    await using it = await house(answering(missing()), answering(missing('x'.repeat(1_000_000))));
    const { status, body } = await it.ask('/assets/a');
    expect([status, body]).toEqual([404, '404 Not Found\n']);
    expect((await it.ask('/assets/a')).status).toBe(404);
  });
  test('for what does not only read, for paths that servers read in two ways, and where there is no side before', async () => {
    await using it = await house(answering(ok('old')));
    const posted = await it.wire
      .send('POST /assets/a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n')
      .response();
    expect(posted.status).toBe(404);
    for (const path of [
      '/assets/../admin',
      '/assets/%2e%2e/admin',
      '/assets//a',
      '/assets/a%2Fb',
      '/a?/assets/b',
    ])
      expect([path, (await it.ask(path)).status]).toEqual([path, 404]);
    it.rig.route({ ...it.sides, kept: false, epoch: 2 });
    expect((await it.ask('/assets/a')).status).toBe(404);
    it.rig.route({ ...it.sides, blue: [], epoch: 3 });
    expect((await it.ask('/assets/a')).status).toBe(404);
    expect(it.origins.blue.wires).toEqual([]);
  });
});

test('a connection that the side before had closed while it was idle costs nothing', async () => {
  const once: Script = async (wire) => {
    await wire.has('\r\n\r\n');
    wire.send(ok('old'));
    // Closed when the next request comes, as if it had been idle for too long.
    wire.take();
    await wire.until(() => wire.text.includes('\r\n\r\n') || wire.closed || wire.ended, 'the next request');
    wire.abort();
  };
  await using it = await house(once);
  for (let n = 0; n < 4; n++) expect((await it.ask('/assets/a')).body).toBe('old');
});

test('while an answer of the side before is under way, it is in flight there', async () => {
  let answer: () => void = () => undefined;
  await using it = await house(async (wire) => {
    await wire.has('\r\n\r\n');
    await new Promise<void>((resolve) => (answer = resolve));
    wire.send(ok('old'));
  });
  it.wire.send(get('/assets/a'));
  await it.rig.when(() => it.rig.side('blue').inFlight === 1, 'in flight on blue');
  expect(it.rig.side('green').inFlight).toBe(1);
  await it.rig.when(() => it.origins.blue.wires[0]?.text.includes('\r\n\r\n') === true, 'asked');
  answer();
  expect((await it.wire.response()).body).toBe('old');
  await it.rig.idle();
});

test('a client that leaves meanwhile leaves nothing in flight', async () => {
  await using it = await house((wire) => wire.has('\r\n\r\n'));
  it.wire.send(get('/assets/a'));
  await it.rig.when(() => it.rig.side('blue').inFlight === 1, 'in flight on blue');
  it.wire.abort();
  await it.rig.idle();
});
