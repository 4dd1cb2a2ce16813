import { describe, expect, test } from 'bun:test';
import { get, ok, Rig, type Wire } from './rig.fixture.ts';

/** Answers with the target of each request, or as the target says. */
async function origin(wire: Wire): Promise<void> {
  for (;;) {
    await wire.until(() => wire.closed || wire.ended || wire.text.includes('\r\n\r\n'), 'request');
    if (wire.closed || wire.ended) return wire.close();
    const end = wire.text.indexOf('\r\n\r\n') + 4;
    const [, target = ''] = /^\S+ (\S+)/.exec(wire.text) ?? [];
    const head = wire.text.slice(0, end);
    if (target === '/silent') {
      await wire.gone();
      return wire.close();
    }
    if (target === '/half') {
      wire.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
      return wire.close();
    }
    if (target === '/half-head') {
      wire.send('HTTP/1.1 200 OK\r\nContent-');
      return wire.close();
    }
    if (target === '/nonsense') {
      wire.send('nonsense\r\n\r\n');
      return wire.close();
    }
    if (/^transfer-encoding/im.test(head)) await wire.has('\r\n0\r\n\r\n');
    const after = /^transfer-encoding/im.test(head) ? wire.text.indexOf('\r\n0\r\n\r\n') + 7 : end;
    wire.received = wire.received.subarray(after);
    if (target === '/chunked')
      wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
    else if (target === '/error') wire.send('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
    else wire.send(head.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' : ok(target));
  }
}

/** Ways in which a request may end, each of a client that goes away with it. */
const endings: Readonly<Record<string, (client: Wire, rig: Rig) => Promise<unknown>>> = {
  'a whole answer': (client) => client.send(get('/a')).response(),
  'an answer without its body': (client) => client.send('HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n').response(true),
  'chunks that an old client gets without their framing': (client) =>
    client
      .send('GET /chunked HTTP/1.0\r\n\r\n')
      .gone()
      .then(() => expect(client.text).toEndWith('\r\n\r\nabc')),
  'chunks in both directions': (client) =>
    client
      .send('POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n')
      .has('0\r\n\r\n'),
  'a chunk that is none': (client) =>
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n').has(' 400 '),
  'a later chunk that is none': async (client, rig) => {
    client.send('POST /silent HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
    await rig.when(() => rig.origins[0]!.wires.some(({ text }) => text.endsWith('1\r\nx\r\n')), 'forwarded');
    await client.send('x\r\n').gone();
  },
  'a client that leaves before the answer': async (client) => client.send(get('/silent')).abort(),
  'a client that leaves inside its body': async (client) =>
    client.send('POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf').abort(),
  'a client that sends no more': (client) => client.send(get('/a')).shutdown().gone(),
  'half an answer': (client) => client.send(get('/half')).gone(),
  'half the head of an answer': (client) => client.send(get('/half-head')).has(' 502 '),
  'an answer that is none': (client) => client.send(get('/nonsense')).has(' 502 '),
  'an error of the instance': (client) => client.send(get('/error')).response(),
  'an upgrade that is declined': (client) =>
    client.send(get('/a', 'Connection: upgrade', 'Upgrade: websocket')).response(),
  'the end of the connection after it': (client) => client.send(get('/a', 'Connection: close')).gone(),
};

describe('the request of another client begins as if none had been before it, after', () => {
  for (const [name, end] of Object.entries(endings))
    test(name, async () => {
      await using rig = await Rig.with(origin);
      const before = await rig.connect();
      await end(before, rig);
      if (!before.closed) before.close();
      await rig.idle();
      for (const token of ['/first', '/second']) {
        const after = await rig.connect();
        expect((await after.send(get(token)).response()).body).toBe(token);
        expect(after.text).toBe('');
        after.send(
          'POST /third HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
        );
        expect((await after.response()).body).toBe('/third');
        expect((await after.send(get('/last', 'Connection: close')).response()).body).toBe('/last');
        await after.gone();
      }
      expect(rig.side().inFlight).toBe(0);
    });
});

test('of many clients at once, which come, go and pipeline, each gets its own answers', async () => {
  await using rig = await Rig.with(origin);
  const one = async (client: number): Promise<void> => {
    for (let connection = 0; connection < 4; connection++) {
      const wire = await rig.connect();
      const targets = Array.from({ length: 1 + (client % 4) }, (_, n) => `/${client}-${connection}-${n}`);
      wire.send(targets.map((target) => get(target)).join(''));
      for (const target of targets) expect((await wire.response()).body).toBe(target);
      if (client % 3 === 0) wire.send(get('/silent')).abort();
      else wire.close();
    }
  };
  await Promise.all(Array.from({ length: 60 }, (_, client) => one(client)));
  await rig.idle();
  expect(rig.side().failed).toEqual({});
});
