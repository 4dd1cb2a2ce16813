import { describe, expect, test } from 'bun:test';
import { requestHeadLimits } from '../http1/limits.ts';
import { ascii } from '../http1/octets.ts';
import { bodyCorpus, requestCorpus } from '../http1/request-head.corpus.ts';
import { parseRequestHead, RequestHead } from '../http1/request-head.ts';
import { answering, get, ok, Rig } from './rig.fixture.ts';

describe('a client that', () => {
  test('sends nothing is closed without a word', async () => {
    await using rig = await Rig.with(answering(ok('x')), { idleMs: 30 });
    const client = await rig.connect();
    await client.gone();
    expect(client.text).toBe('');
  });
  test('is idle between requests is closed without a word', async () => {
    await using rig = await Rig.with(answering(ok('x')), { idleMs: 60 });
    const client = await rig.connect();
    await client.send(get()).response();
    await client.gone();
    expect(client.text).toBe('');
  });
  test('does not finish its head gets 408, however busily it sends', async () => {
    await using rig = await Rig.with(answering(ok('x')), { headMs: 60 });
    const client = await rig.connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => client.send('X: 1\r\n'), 5);
    await client.has('408 Request Timeout');
    clearInterval(drip);
    expect(rig.refused()).toEqual({ 408: 1 });
  });
  test('does not finish its body gets 408, and the instance a reset', async () => {
    await using rig = await Rig.with(() => {}, { bodyIdleMs: 60 });
    const client = await rig.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf');
    await client.has('408 Request Timeout');
    const wire = rig.origins[0]!.wires[0]!;
    await wire.until(() => wire.closed, 'reset');
    expect(wire.reset).toBe(true);
    expect(rig.side().failed).toEqual({});
  });
  test('is refused while it goes on sending still reads the answer', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    const client = await rig.connect();
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(3_000_000)}`);
    await client.has('431 Request Header Fields Too Large');
    await client.gone();
    expect(client.reset).toBe(false);
    expect(rig.refused()).toEqual({ 431: 1 });
  });
  test('comes to an address that no route names gets 503', async () => {
    await using rig = await Rig.start();
    const client = await rig.connect();
    expect((await client.send(get()).response()).status).toBe(503);
    await client.gone();
  });
});

describe('what two parsers could read in two ways', () => {
  test('is refused with its status and the connection closed; no octet of it reaches an instance', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    let refused = 0;
    await Promise.all(
      requestCorpus.map(async ({ name, bytes, expect: expected }) => {
        // What is refused as HTTP/1.1 and is HTTP/2 is tried by itself.
        if (typeof expected !== 'number' || bytes.startsWith('PRI * HTTP/2.0\r\n\r\nSM')) return;
        const client = await rig.connect();
        // With what a smuggler would put behind it.
        client.send(`${bytes}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
        await client.gone();
        refused++;
        expect(`${name}: ${client.text.slice(9, 12)} ${client.text.includes('Connection: close')}`).toMatch(
          /: [45]\d\d true$/,
        );
        expect(client.text.split('HTTP/1.1 ').length).toBe(2);
      }),
    );
    expect(rig.origins[0]!.wires).toHaveLength(0);
    expect(Object.values(rig.refused()).reduce((a, b) => a + b)).toBe(refused);
  });
  test('is not in what reaches an instance of an accepted request either', async () => {
    const heads: string[] = [];
    await using rig = await Rig.with(answering((head) => (heads.push(head), ok('x'))));
    let sent = 0;
    for (const { bytes, expect: expected } of requestCorpus) {
      const length = Number(/^content-length: *(\d+)/im.exec(bytes)?.[1] ?? 0);
      if (typeof expected !== 'object' || length > 100) continue;
      const client = await rig.connect();
      client.send(bytes + (expected.chunked ? '0\r\n\r\n' : 'x'.repeat(length)));
      // A chunked body is beyond the little origin, which takes it for the next request.
      await client.has('HTTP/1.1 200 OK');
      client.abort();
      sent++;
    }
    expect(heads.length).toBeGreaterThanOrEqual(sent);
    const strict = new RequestHead(requestHeadLimits);
    for (const head of heads.filter((text) => !text.startsWith('0\r\n'))) {
      const read = ascii(head);
      expect(parseRequestHead(read, 0, read.length, strict, requestHeadLimits)).toBe(read.length);
      expect(head).not.toMatch(/1\.1\.1\.1|keep-alive|proxy-connection|x[-_]secret|HTTP\/1\.0|h2c/i);
      expect(head.match(/^host:/gim)).toHaveLength(1);
      for (const name of ['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded'])
        expect(head.match(new RegExp(`^${name.replace(/-/g, '[-_]')}:`, 'gim'))).toHaveLength(1);
    }
  });
  test('in a body that came with its head is refused before anything is sent', async () => {
    await using rig = await Rig.with(answering(ok('x')));
    for (const { body } of bodyCorpus) {
      const client = await rig.connect();
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
      await client.gone();
      expect(client.text).toStartWith('HTTP/1.1 400 ');
    }
    expect(rig.origins[0]!.wires).toHaveLength(0);
    expect(rig.refused()).toEqual({ 400: bodyCorpus.length });
  });
  test('in a body that comes in pieces never looks whole to the instance, and its connection is reset', async () => {
    await using rig = await Rig.with(() => {});
    for (const [n, { body }] of bodyCorpus.entries()) {
      const client = await rig.connect();
      client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      await rig.when(() => rig.origins[0]?.wires[n]?.text.includes('\r\n\r\n') === true, 'forwarded');
      const wire = rig.origins[0]!.wires[n]!;
      for (const octet of body.length > 100 ? [body] : body) {
        client.send(octet);
        await Bun.sleep(0);
      }
      await client.gone();
      await wire.until(() => wire.closed, 'reset');
      expect(wire.reset).toBe(true);
      expect(wire.text.slice(wire.text.indexOf('\r\n\r\n') + 4)).not.toContain('0\r\n\r\n');
      expect(client.text).toStartWith('HTTP/1.1 400 ');
    }
    await rig.idle();
    expect(rig.side().failed).toEqual({});
  });
});
