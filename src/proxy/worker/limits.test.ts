import { describe, expect, test } from 'bun:test';
import { bodyCorpus, requestCorpus } from '../http1/request-head.corpus.ts';
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
        if (typeof expected !== 'number') return;
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
