import { createHash } from 'node:crypto';
import { describe, expect, test } from 'bun:test';
import { ErrorCode, resetFrame } from '../http2/frame.ts';
import type { HeaderField } from '../http2/header-table.ts';
import { data, Http2Wire, request } from './http2-wire.fixture.ts';
import { ok, Rig, type Wire } from './rig.fixture.ts';

const connect = (...more: HeaderField[]): HeaderField[] => [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  ...request('/socket', ['sec-websocket-version', '13'], ...more).slice(1),
];
const acceptOf = (head: string): string =>
  createHash('sha1')
    .update(`${/^sec-websocket-key: (.*)\r$/im.exec(head)?.[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
const switching = (accept: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`;

/** Takes the handshake, and echoes until the client has said all. */
async function echo(wire: Wire): Promise<void> {
  await wire.has('\r\n\r\n');
  const end = wire.text.indexOf('\r\n\r\n') + 4;
  const head = wire.text.slice(0, end);
  wire.received = wire.received.subarray(end);
  expect(head).toStartWith('GET /socket HTTP/1.1\r\n');
  expect(head).toContain('upgrade: websocket\r\n');
  expect(head).toContain('Connection: upgrade\r\n');
  expect(head).not.toContain('transfer-encoding');
  wire.send(`${switching(acceptOf(head))}welcome;`);
  for (;;) {
    await wire.until(() => wire.received.length > 0 || wire.ended || wire.closed, 'bytes');
    if (wire.received.length > 0) wire.send(Buffer.from(wire.take(), 'latin1'));
    else break;
  }
  if (!wire.closed) wire.send('bye').close();
}

describe('a WebSocket over HTTP/2 (RFC 8441)', () => {
  test('is a stream that carries bytes both ways, each direction ended by itself', async () => {
    await using rig = await Rig.with(echo);
    const client = await Http2Wire.open(rig);
    client.ask(1, connect(), false).send(data(1, 'early;', false));
    await client.when(() => client.body(1) === 'welcome;early;', 'the first bytes');
    expect(client.heads.get(1)).toEqual([
      [
        [':status', '200'],
        ['sec-websocket-protocol', 'chat'],
      ],
    ]);
    const big = 'x'.repeat(16_000);
    client.send(data(1, big, false));
    await client.when(() => client.body(1) === `welcome;early;${big}`, 'the echo');
    expect(rig.side()).toMatchObject({ upgrades: 1, inFlight: 1 });
    client.send(data(1, 'last;'));
    expect((await client.response(1)).body).toBe(`welcome;early;${big}last;bye`);
    await rig.idle();
    expect(client.lines.filter((line) => line.startsWith('reset'))).toEqual([]);
  });
  test('that is reset by either side is reset on the other', async () => {
    await using rig = await Rig.with(echo);
    const client = await Http2Wire.open(rig);
    client.ask(1, connect(), false);
    await client.until('headers 1 200');
    client.send(resetFrame(1, ErrorCode.cancel));
    await rig.origins[0]!.wires[0]!.until(() => rig.origins[0]!.wires[0]!.closed, 'reset');
    client.ask(3, connect(), false);
    await client.until('headers 3 200');
    rig.origins[0]!.wires[1]!.abort();
    await client.until(`reset 3 ${ErrorCode.cancel}`);
    await rig.idle();
  });
  test('that the instance does not accept is answered as the instance does', async () => {
    await using rig = await Rig.with(async (wire) => {
      await wire.has('\r\n\r\n');
      wire.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    });
    const client = await Http2Wire.open(rig);
    client.ask(1, connect(), false);
    expect(await client.response(1)).toEqual({ status: '403', body: 'no' });
  });
  test('that the instance accepts wrongly, or takes for a page, is 502: 200 would say that it is open', async () => {
    await using rig = await Rig.with(async (wire, index) => {
      await wire.has('\r\n\r\n');
      wire.send(index === 0 ? switching('wrong') : ok('a page'));
    });
    const client = await Http2Wire.open(rig);
    for (const stream of [1, 3]) {
      client.ask(stream, connect(), false);
      expect(await client.response(stream)).toEqual({ status: '502', body: '' });
    }
    await rig.idle();
  });
});
