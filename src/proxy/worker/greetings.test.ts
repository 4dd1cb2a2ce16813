import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import type { RouteEntrance } from '../../core/entrance.ts';
import { renderProxyHeader } from '../proxy-protocol/header.ts';
import { curl, TestCertificates, tlsWith } from '../tls/certificates.fixture.ts';
import { answering, get, ok, Rig } from './rig.fixture.ts';

let files: TestCertificates;
beforeAll(async () => {
  files = new TestCertificates();
  await files.make('a', 'a.example');
});
afterAll(() => files[Symbol.dispose]());

const greeted = (...trust: string[]): RouteEntrance => ({ proxyProtocol: true, trust });
const echo = answering((head) => ok(head));
const line = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n';
const ends = {
  source: { ip: '2001:db8::7', port: 4711 },
  destination: { ip: '2001:db8::1', port: 443 },
};

async function rigWith(entrance: RouteEntrance, more: Parameters<Rig['route']>[0] = {}): Promise<Rig> {
  const rig = await Rig.start();
  rig.route({ blue: [rig.origin(echo).address], entrance, ...more });
  return rig;
}

/** What is answered to a request over TLS that begins after `header`, all in one write where the kernel has it so. */
async function securely(rig: Rig, header: Uint8Array): Promise<string> {
  const raw = connect(rig.address.port, rig.address.host);
  raw.write(header);
  const secured = connectSecurely({
    socket: raw,
    servername: 'a.example',
    ca: readFileSync(files.path('a.crt'), 'utf8'),
  });
  secured.write(get('/', 'Connection: close'));
  let text = '';
  for await (const chunk of secured) text += String(chunk);
  return text;
}

describe('an address that requires the PROXY protocol', () => {
  test.each([
    ['version 1', Buffer.from(line), '203.0.113.7'],
    ['version 2', renderProxyHeader('v2', ends), '2001:db8::7'],
    ['version 2, LOCAL', renderProxyHeader('v2', null), '127.0.0.1'],
    ['version 1, UNKNOWN', renderProxyHeader('v1', null), '127.0.0.1'],
  ] as const)('takes the client from %s, for all requests of the connection', async (_, header, client) => {
    await using rig = await rigWith(greeted());
    const wire = await rig.connect();
    wire.send(header).send(get());
    expect((await wire.response()).body).toContain(`X-Forwarded-For: ${client}\r\n`);
    expect((await wire.send(get()).response()).body).toContain(`X-Forwarded-For: ${client}\r\n`);
  });

  test('takes a header that comes octet by octet, long after the connection', async () => {
    await using rig = await rigWith(greeted());
    const wire = await rig.connect();
    for (const octet of line) {
      wire.send(octet);
      await Bun.sleep(1);
    }
    expect((await wire.send(get()).response()).body).toContain('X-Forwarded-For: 203.0.113.7\r\n');
  });

  test('takes it off before TLS begins', async () => {
    const tls = tlsWith([{ cert: files.path('a.crt'), key: files.path('a.key'), hosts: [] }]);
    await using rig = await Rig.start({}, tls);
    rig.route({ blue: [rig.origin(echo).address], entrance: greeted() });
    const url = `https://a.example:${rig.address.port}/`;
    const to = ['--resolve', `a.example:${rig.address.port}:127.0.0.1`, '--cacert', files.path('a.crt'), url];
    const { text, code } = await curl('--haproxy-protocol', ...to);
    expect(code).toBe(0);
    expect(text).toContain('X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n');
    expect(await securely(rig, renderProxyHeader('v2', ends))).toContain('X-Forwarded-For: 2001:db8::7\r\n');
    expect((await curl(...to)).code).not.toBe(0);
    expect(rig.refused()).toEqual({ 'proxy-header': 1 });
  });

  test.each([
    ['a request', get()],
    ['TLS', '\x16\x03\x01\x02\0\x01'],
    ['a malformed header', 'PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n'],
  ])('closes a connection that begins with %s, and counts it', async (_, bytes) => {
    await using rig = await rigWith(greeted());
    const wire = await rig.connect();
    await wire.send(bytes).gone();
    expect(wire.text).toBe('');
    expect(rig.refused()).toEqual({ 'proxy-header': 1 });
    expect(rig.side().requests).toBe(0);
  });

  test('closes a connection whose header is not whole in the time that a head may take', async () => {
    await using rig = await rigWith(greeted(), { limits: { headTime: 50 } });
    const wire = await rig.connect();
    await wire.send('PROXY TC').gone();
    expect(rig.refused()).toEqual({ 'proxy-header': 1 });
  });

  test('takes no notice of one that leaves without a word', async () => {
    await using rig = await rigWith(greeted());
    const wire = await rig.connect();
    await wire.shutdown().gone();
    expect(rig.refused()).toEqual({});
  });

  test('takes the header only from those it trusts, if any are named', async () => {
    await using rig = await rigWith(greeted('10.0.0.0/8'));
    const wire = await rig.connect();
    await wire.send(line).gone();
    expect(rig.refused()).toEqual({ 'proxy-header': 1 });
    rig.route({ blue: [rig.origins[0]!.address], entrance: greeted('127.0.0.0/8') });
    const other = await rig.connect();
    expect((await other.send(line).send(get()).response()).body).toContain('203.0.113.7');
  });

  test('believes X-Forwarded-For of a client that is trusted, not of another one', async () => {
    await using rig = await rigWith(greeted('127.0.0.0/8', '203.0.113.0/24'));
    const ask = async (client: string): Promise<string> => {
      const wire = await rig.connect();
      wire.send(`PROXY TCP4 ${client} 198.51.100.1 4711 80\r\n`).send(get('/', 'X-Forwarded-For: 192.0.2.1'));
      return /X-Forwarded-For: .*/.exec((await wire.response()).body)?.[0] ?? '';
    };
    expect(await ask('203.0.113.7')).toBe('X-Forwarded-For: 192.0.2.1, 203.0.113.7');
    expect(await ask('198.51.100.7')).toBe('X-Forwarded-For: 198.51.100.7');
  });

  test('counts the connections of a client under the address in the header', async () => {
    await using rig = await rigWith(greeted(), { limits: { clientConnections: 2 } });
    const open = async (client: string) => {
      const wire = await rig.connect();
      return wire.send(`PROXY TCP4 ${client} 198.51.100.1 4711 80\r\n`).send(get());
    };
    for (const wire of [await open('192.0.2.1'), await open('192.0.2.1'), await open('192.0.2.2')])
      expect((await wire.response()).status).toBe(200);
    await (await open('192.0.2.1')).gone();
    expect(rig.refused()).toEqual({ connections: 1 });
  });

  test('works for whole connections, which go on after the header', async () => {
    await using rig = await rigWith(greeted(), { protocol: 'tcp' });
    const wire = await rig.connect();
    await wire.send(line).send('hello ').send('there').has('');
    await rig.when(() => rig.origins[0]!.wires[0]?.text === 'hello there', 'passed on');
  });

  test('lets a drain end that meets a header which is not whole', async () => {
    await using rig = await rigWith(greeted());
    const wire = await rig.connect();
    wire.send('PROXY');
    await rig.when(() => rig.plane.greeting === 1, 'waiting');
    const drained = rig.plane.drain(3000);
    await wire.gone();
    await drained;
    expect(rig.plane.greeting).toBe(0);
  });
});

describe('an address with trusted proxies', () => {
  test('takes their word for the client, request by request', async () => {
    await using rig = await rigWith({ proxyProtocol: false, trust: ['127.0.0.0/8'] });
    const wire = await rig.connect();
    const told = async (...fields: string[]): Promise<string> => {
      const { body } = await wire.send(get('/', ...fields)).response();
      return body.slice(body.indexOf('X-Forwarded-For'), body.indexOf('\r\nX-Forwarded-Proto'));
    };
    expect(await told('X-Forwarded-For: 192.0.2.1')).toBe('X-Forwarded-For: 192.0.2.1, 127.0.0.1');
    expect(await told('X-Forwarded-For: 192.0.2.22')).toBe('X-Forwarded-For: 192.0.2.22, 127.0.0.1');
    expect(await told('X_Forwarded_For: 192.0.2.3')).toBe('X-Forwarded-For: 127.0.0.1');
    expect(await told('X-Forwarded-For: 192.0.2.4', 'Connection: X-Forwarded-For, keep-alive')).toBe(
      'X-Forwarded-For: 192.0.2.4, 127.0.0.1',
    );
  });
  test('drops what anybody else says, and begins to believe when the table says so', async () => {
    await using rig = await rigWith({ proxyProtocol: false, trust: ['10.0.0.0/8'] });
    const wire = await rig.connect();
    const ask = async (): Promise<string> =>
      (await wire.send(get('/', 'X-Forwarded-For: 192.0.2.1', 'Forwarded: for=192.0.2.1')).response()).body;
    expect(await ask()).not.toContain('192.0.2.1');
    rig.route({ blue: [rig.origins[0]!.address], entrance: { proxyProtocol: false, trust: ['127.0.0.1'] } });
    expect(await ask()).toContain('X-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n');
    rig.route({ blue: [rig.origins[0]!.address] });
    expect(await ask()).not.toContain('192.0.2.1');
  });
  test('does not count their connections, which are those of many clients', async () => {
    await using rig = await rigWith(
      { proxyProtocol: false, trust: ['127.0.0.1'] },
      { limits: { clientConnections: 1 } },
    );
    const wires = [await rig.connect(), await rig.connect()];
    for (const wire of wires) expect((await wire.send(get()).response()).status).toBe(200);
  });
});
