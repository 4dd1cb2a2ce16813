import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clocks/system.ts';
import type { Clock } from '../ports/clock.ts';
import type { WebhookPatience, WebhookTarget } from '../ports/webhook.ts';
import { TestCertificates } from '../proxy/tls/certificates.fixture.ts';
import { WebhookReceiver, type Answering } from '../testing/webhook-receiver.ts';
import { createWebhookSender } from './sender.ts';

/** A clock on which the waits between two tries take no time; they are told instead. */
function hasty(): { clock: Clock; waits: number[] } {
  const waits: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) =>
      signal ? systemClock.sleep(ms, signal) : Promise.resolve(void waits.push(Math.round(ms))),
  };
  return { clock, waits };
}

const folder = mkdtempSync(join(tmpdir(), 'webhooks of '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const patience: WebhookPatience = { timeoutMs: 5000, retries: 0, backoffMs: 1 };
const message = { id: 'hook-shop-1', body: '{"type":"hook"}' };
const receivers: WebhookReceiver[] = [];
const receiver = (answer?: Answering, tls?: { cert: string; key: string }): WebhookReceiver => {
  const made = new WebhookReceiver(answer, tls);
  receivers.push(made);
  return made;
};
afterEach(async () => {
  for (const made of receivers.splice(0)) await made.close();
});
const to = (url: string, more: Partial<WebhookTarget> = {}): WebhookTarget => ({ url, headers: {}, ...more });
const sender = createWebhookSender({ clock: systemClock });

describe('a webhook', () => {
  test('is posted as JSON, with its id, its time and the headers that a user has written', async () => {
    const there = receiver();
    const found = await sender.send(
      to(`${there.url}/deployed?token=abc`, { headers: { 'X-Team': 'shop', 'Content-Length': '3' } }),
      { id: 'hook-1', body: '{"name":"Jürgen"}' },
      patience,
    );
    expect(found).toMatchObject({ ok: true, status: 200, body: 'fine', cut: false, tries: 1 });
    expect(found.detail).toBe(`POST ${there.url}/deployed?…: answered 200`);
    const [got] = there.received;
    expect(got).toMatchObject({
      method: 'POST',
      path: '/deployed?token=abc',
      body: '{"name":"Jürgen"}',
    });
    const header = (name: string): string | null => got?.headers.get(name) ?? null;
    expect(header('content-type')).toBe('application/json');
    expect(header('content-length')).toBe('18');
    expect(header('x-team')).toBe('shop');
    expect(header('host')).toBe(`127.0.0.1:${there.port}`);
    expect(header('webhook-id')).toBe('hook-1');
    expect(header('idempotency-key')).toBe('hook-1');
    expect(Math.abs(Number(header('webhook-timestamp')) - Date.now() / 1000)).toBeLessThan(60);
    expect(header('webhook-signature')).toBeNull();
  });

  test('is signed with each secret of its file, as Standard Webhooks have it', async () => {
    const there = receiver();
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const secretFile = file('secrets', `whsec_${key.toString('base64')}\nplain words\n`);
    await sender.send(to(there.url, { secretFile }), message, patience);
    const { headers, body } = there.received[0] ?? { headers: new Headers(), body: '' };
    const signed = `${headers.get('webhook-id')}.${headers.get('webhook-timestamp')}.${body}`;
    const mac = (secret: Buffer | string): string =>
      `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;
    expect(headers.get('webhook-signature')?.split(' ')).toEqual([mac(key), mac('plain words')]);
  });

  test('a user and password in its address become Basic credentials, and are shown nowhere', async () => {
    const there = receiver(() => new Response('', { status: 401 }));
    const found = await sender.send(to(`http://me:s%20cret@127.0.0.1:${there.port}/x`), message, patience);
    expect(there.received[0]?.headers.get('authorization')).toBe(`Basic ${btoa('me:s cret')}`);
    expect(found.detail).toBe(
      `POST http://127.0.0.1:${there.port}/x: expected a status of class 2xx, found 401`,
    );
  });

  test('its address may be in a file, which is read each time', async () => {
    const there = receiver();
    const urlFile = file('url', `${there.url}/from-a-file\n`);
    expect((await sender.send({ urlFile, headers: {} }, message, patience)).ok).toBeTrue();
    file('url', 'ftp://127.0.0.1/x');
    const found = await sender.send({ urlFile, headers: {} }, message, patience);
    expect(found).toMatchObject({
      ok: false,
      retryable: false,
      detail: 'expected an address of http or https, found one of ftp',
    });
    expect(there.received.map(({ path }) => path)).toEqual(['/from-a-file']);
  });

  test('a secret that cannot be read is told by the name of its file, and nothing is sent', async () => {
    const there = receiver();
    for (const [secretFile, says] of [
      [join(folder, 'absent'), 'cannot be read (ENOENT)'],
      [file('empty', '\n'), 'found an empty file'],
      [file('odd', 'whsec_!!'), 'expected base64 behind whsec_'],
    ] as const) {
      const found = await sender.send(to(there.url, { secretFile }), message, patience);
      expect(found.ok).toBeFalse();
      expect(found.detail).toContain(says);
      expect(found.detail).toContain(secretFile);
    }
    expect(there.received).toEqual([]);
  });

  test('redirects are not followed', async () => {
    const elsewhere = receiver();
    const there = receiver(() => Response.redirect(elsewhere.url, 307));
    const found = await sender.send(to(there.url), message, { ...patience, retries: 3 });
    expect(found).toMatchObject({ ok: false, status: 307, tries: 1, retryable: false });
    expect(found.detail).toContain('redirects are not followed');
    expect(elsewhere.received).toEqual([]);
  });

  test('of a long answer 64 KiB are kept', async () => {
    const there = receiver(() => new Response('x'.repeat(1_000_000)));
    const found = await sender.send(to(there.url), message, patience);
    expect(found).toMatchObject({ ok: true, cut: true });
    expect(found.body).toHaveLength(65_536);
  });
});

describe('tries', () => {
  test('are repeated on 5xx and 429, with the same id, and the waits double', async () => {
    const statuses = [500, 503, 429, 204];
    const there = receiver((_, index) => new Response(null, { status: statuses[index] ?? 200 }));
    const { clock, waits } = hasty();
    const found = await createWebhookSender({ clock, random: () => 0.5 }).send(to(there.url), message, {
      ...patience,
      retries: 5,
      backoffMs: 100,
    });
    expect(found).toMatchObject({ ok: true, status: 204, tries: 4 });
    expect(waits).toEqual([100, 200, 400]);
    expect(new Set(there.received.map(({ headers }) => headers.get('webhook-id')))).toEqual(
      new Set(['hook-shop-1']),
    );
  });

  test('are not repeated on other answers, and end when they are used up', async () => {
    const refusing = receiver(() => new Response('no', { status: 404 }));
    const first = await sender.send(to(refusing.url), message, { ...patience, retries: 3 });
    expect(first).toMatchObject({ ok: false, status: 404, tries: 1, body: 'no' });
    const failing = receiver(() => new Response('', { status: 502 }));
    const second = await sender.send(to(failing.url), message, { ...patience, retries: 2 });
    expect(second).toMatchObject({ ok: false, status: 502, tries: 3 });
    expect(second.detail).toEndWith('found 502, at try 3');
  });

  test('wait as long as Retry-After says, in seconds or as a date, but not for hours', async () => {
    const at = new Date(Date.now() + 20_000).toUTCString();
    const asked = ['7', at, '86400', 'soon'];
    const there = receiver((_, index) =>
      index < asked.length
        ? new Response('', { status: 503, headers: { 'Retry-After': asked[index] ?? '' } })
        : new Response(),
    );
    const { clock, waits } = hasty();
    await createWebhookSender({ clock, random: () => 0.5 }).send(to(there.url), message, {
      ...patience,
      retries: 9,
    });
    expect(waits).toHaveLength(4);
    expect(waits[0]).toBe(7000);
    expect(Math.abs((waits[1] ?? 0) - 20_000)).toBeLessThan(5000);
    expect(waits.slice(2)).toEqual([300_000, 8]);
  });

  test('are given up where a wait would go beyond the time for all of them', async () => {
    const there = receiver(() => new Response('', { status: 503, headers: { 'Retry-After': '60' } }));
    const found = await sender.send(to(there.url), message, { ...patience, retries: 9, withinMs: 3000 });
    expect(found).toMatchObject({ ok: false, status: 503, tries: 1 });
  });

  test('a receiver that answers nothing is given up in time, and tried again', async () => {
    const there = receiver((_, index) =>
      index === 0 ? new Promise<Response>(() => undefined) : new Response(),
    );
    const found = await sender.send(to(there.url), message, { ...patience, timeoutMs: 300, retries: 1 });
    expect(found).toMatchObject({ ok: true, tries: 2 });
  });

  test('one that nobody listens to, one that hangs up and one that speaks no HTTP are told apart', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        if (data.toString().includes('/hangs-up')) socket.destroy();
        else socket.end('SSH-2.0-none\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const details: string[] = [];
    for (const path of ['hangs-up', 'other'])
      details.push((await sender.send(to(`http://127.0.0.1:${port}/${path}`), message, patience)).detail);
    await new Promise((resolve) => server.close(resolve));
    const gone = await sender.send(to(`http://127.0.0.1:${port}/gone`), message, patience);
    expect(details[0]).toContain('found a closed connection and no answer');
    expect(details[1]).toContain('expected an HTTP answer, found an answer that is not HTTP/1.1');
    expect(gone.detail).toContain('connection refused');
    expect(gone.retryable).toBeTrue();
  });

  test('end at once when nobody wants them any more', async () => {
    const there = receiver(() => new Promise<Response>(() => undefined));
    const abort = new AbortController();
    const sending = sender.send(to(there.url), message, { ...patience, timeoutMs: 60_000 }, abort.signal);
    await there.until(1);
    const reason = new Error('no longer wanted');
    abort.abort(reason);
    expect(sending).rejects.toBe(reason);
    await sending.catch(() => undefined);
  });
});

describe('where a webhook may go', () => {
  const at = (lookUp: (host: string) => Promise<readonly string[]>, allow: readonly string[] | null = null) =>
    createWebhookSender({ clock: systemClock, lookUp, allow });
  const here = () => Promise.resolve(['127.0.0.1']);

  test.each([
    ['http://169.254.169.254/latest/meta-data', 'a link-local address'],
    ['http://[fe80::1]/', 'a link-local address'],
    ['http://[::ffff:169.254.169.254]/', 'a link-local address'],
    ['http://2852039166/', 'a link-local address'],
    ['http://[64:ff9b::a9fe:a9fe]/', 'a link-local address'],
    ['http://100.100.100.200/', 'the address of a cloud’s metadata'],
    ['http://[fd00:ec2::254]/', 'the address of a cloud’s metadata'],
    ['http://0.0.0.0:8080/', 'an address that stands for no host'],
    ['http://224.0.0.1/', 'an address of many hosts'],
  ])('not to %s', async (url, what) => {
    const found = await sender.send(to(url), message, { ...patience, retries: 3 });
    expect(found).toMatchObject({ ok: false, tries: 1, retryable: false, status: null });
    expect(found.detail).toContain(what);
  });

  test('not to a name that leads there, and the address that was looked at is the one that is called', async () => {
    const led = await at(() => Promise.resolve(['169.254.169.254'])).send(
      to('http://metadata.example/'),
      message,
      patience,
    );
    expect(led.detail).toContain('a link-local address');
    const there = receiver();
    let looks = 0;
    const rebinding = at(() => Promise.resolve(looks++ === 0 ? ['127.0.0.1'] : ['169.254.169.254']));
    const found = await rebinding.send(to(`http://name.example:${there.port}/`), message, patience);
    expect(found.ok).toBeTrue();
    expect(looks).toBe(1);
    expect(there.received[0]?.headers.get('host')).toBe(`name.example:${there.port}`);
  });

  test('to the next address of a name where the first takes no connection', async () => {
    const there = receiver();
    const found = await at(() => Promise.resolve(['::1', '127.0.0.1'])).send(
      to(`http://localhost:${there.port}/`),
      message,
      patience,
    );
    expect(found.ok).toBeTrue();
  });

  test('with a list of the home, only to what it names', async () => {
    const there = receiver();
    const send = (allow: readonly string[], host: string) =>
      at(here, allow).send(to(`http://${host}:${there.port}/`), message, patience);
    expect((await send(['hooks.example'], 'hooks.example')).ok).toBeTrue();
    expect((await send(['*.example'], 'Hooks.example')).ok).toBeTrue();
    expect((await send(['127.0.0.0/8'], 'anything.example')).ok).toBeTrue();
    const refused = await send(['*.example'], 'example');
    expect(refused.ok).toBeFalse();
    expect(refused.detail).toContain('is in webhooks.allow of the home');
    expect((await send(['10.0.0.0/8'], '127.0.0.1')).ok).toBeFalse();
    expect(there.received).toHaveLength(3);
  });

  test('a name without an address, and one that is looked up for too long, is told', async () => {
    const unknown = await at(() => Promise.reject(new Error('ENOTFOUND'))).send(
      to('http://nowhere.example/'),
      message,
      patience,
    );
    expect(unknown.detail).toContain('no address is known for nowhere.example');
    const late = await at(() => new Promise(() => undefined)).send(to('http://slow.example/'), message, {
      ...patience,
      timeoutMs: 50,
    });
    expect(late.detail).toContain('no address was found for slow.example in time');
  });
});

describe('over TLS', () => {
  let files: TestCertificates;
  const tls = () => ({
    cert: readFileSync(files.path('hooks.crt'), 'utf8'),
    key: readFileSync(files.path('hooks.key'), 'utf8'),
  });
  beforeAll(async () => {
    files = new TestCertificates();
    await files.make('authority');
    await files.sign('hooks', 'authority', 'DNS:hooks.example', 'IP:127.0.0.1');
  });
  afterAll(() => files[Symbol.dispose]());

  test('a receiver is believed that an authority of the file has signed, by address and by name', async () => {
    const there = receiver(undefined, tls());
    const ca = files.path('authority.crt');
    const byAddress = await sender.send(to(`https://127.0.0.1:${there.port}/`, { ca }), message, patience);
    expect(byAddress.detail).toEndWith('answered 200');
    const named = createWebhookSender({
      clock: systemClock,
      lookUp: () => Promise.resolve(['127.0.0.1']),
    });
    expect(
      (await named.send(to(`https://hooks.example:${there.port}/`, { ca }), message, patience)).ok,
    ).toBeTrue();
    const other = await named.send(to(`https://other.example:${there.port}/`, { ca }), message, patience);
    expect(other.ok).toBeFalse();
    expect(other.detail).toContain('no TLS with');
  });

  test('one that nobody has signed gets nothing', async () => {
    const there = receiver(undefined, tls());
    const found = await sender.send(to(`https://127.0.0.1:${there.port}/`), message, patience);
    expect(found).toMatchObject({ ok: false, status: null });
    expect(found.detail).toContain('no TLS with');
    expect(there.received).toEqual([]);
  });
});
