import { describe, expect, test } from 'bun:test';
import type { RouteTesters } from '../../core/testers.ts';
import { signToken } from '../preview/token.ts';
import { answering, get, ok, Rig, type Wire } from './rig.fixture.ts';

const key = 'a'.repeat(64);
const secret = 'open-sesame-open-sesame';
const testers = (change: Partial<RouteTesters> = {}): RouteTesters => ({
  header: { name: 'X-Preview', secretFile: '/secret' },
  cookie: { name: 'cutover-preview-shop', door: '/.cutover/preview', home: '/', secure: false },
  seeKept: false,
  ...change,
});
const soon = (): number => Math.floor(Date.now() / 1000) + 60;
const cookieFor = (release: number | null = null, expiresS = soon()): string =>
  `Cookie: cutover-preview-shop=${signToken(key, 'shop', { expiresS, release })}`;

/** Blue (release 1) is live; green holds release 2. Each answers with its name and what it was asked. */
async function house(change: Parameters<Rig['route']>[0] = {}, ...fields: string[]) {
  const rig = await Rig.start();
  rig.plane.provide({ pages: {}, stickyKeys: [key], previewSecrets: { '/secret': secret } });
  const heads: string[] = [];
  const of = (name: string) =>
    rig.origin(
      answering((head) => {
        heads.push(head);
        return ok(name, ...fields);
      }),
    );
  const [blue, green] = [[of('blue').address], [of('green').address]];
  rig.route({ blue, green, testers: testers(), ...change });
  const wire = await rig.connect();
  return {
    rig,
    heads,
    blue,
    green,
    ask: async (...more: string[]) => (await wire.send(get('/', ...more)).response()).body,
    wire,
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}
const door = async (wire: Wire, query: string): Promise<{ head: string; status: number; body: string }> =>
  wire.send(get(`/.cutover/preview${query}`)).response();

describe('a header', () => {
  test('with the secret shows the next release, between requests of users on one connection', async () => {
    await using it = await house();
    expect(await it.ask()).toBe('blue');
    expect(await it.ask(`x-PREVIEW:  ${secret} `)).toBe('green');
    expect(await it.ask()).toBe('blue');
    expect(it.rig.side('green')).toMatchObject({ requests: 1, previews: 1 });
    expect(it.rig.side('blue')).toMatchObject({ requests: 2, previews: 0 });
  });

  test('is not shown to an instance', async () => {
    await using it = await house();
    await it.ask('A: 1', `X-Preview: ${secret}`, 'B: 2');
    expect(it.heads[0]).toMatch(/^GET \/ HTTP\/1.1\r\nHost: shop.example\r\nA: 1\r\nB: 2\r\n/);
    expect(it.heads.join()).not.toContain(secret);
  });

  test('with another value is refused, whatever it is, and reaches no instance', async () => {
    await using it = await house();
    for (const value of ['', 'x', `${secret}x`, secret.slice(1), secret.toUpperCase()]) {
      const wire = await it.rig.connect();
      const { status } = await wire.send(get('/', `X-Preview: ${value}`)).response();
      expect([value, status]).toEqual([value, 403]);
    }
    expect(it.heads).toEqual([]);
  });

  test('opens nothing while its secret is not known', async () => {
    await using it = await house();
    it.rig.plane.provide({ pages: {}, stickyKeys: [key] });
    expect((await it.wire.send(get('/', `X-Preview: ${secret}`)).response()).status).toBe(403);
    expect((await (await it.rig.connect()).send(get('/', 'X-Preview: ')).response()).status).toBe(403);
  });
});

describe('a cookie', () => {
  test('shows the next release, and instances get all other cookies', async () => {
    await using it = await house();
    const ours = cookieFor().slice('Cookie: '.length);
    expect(await it.ask(`Cookie: a=1; ${ours}; b=2`)).toBe('green');
    expect(it.heads[0]).toContain('\r\nCookie: a=1; b=2\r\n');
    expect(await it.ask('Cookie: c=3', `Cookie: ${ours}`)).toBe('green');
    expect(it.heads[1]).toContain('\r\nCookie: c=3\r\n');
    expect(it.heads[1]?.match(/cookie/gi)).toHaveLength(1);
    expect(it.heads.join()).not.toContain('cutover-preview');
    // One that the client’s own Connection field drops does not come back.
    expect(await it.ask(`Cookie: a=1; ${ours}`, 'Connection: cookie')).toBe('green');
    expect(it.heads[2]).not.toMatch(/cookie/i);
  });

  test('that names a release shows it on whichever side it is', async () => {
    await using it = await house();
    expect(await it.ask(cookieFor(2))).toBe('green');
    expect(await it.ask(cookieFor(1))).toBe('blue');
    it.rig.route({ ...it, live: 'green', kept: true, testers: testers(), epoch: 2 });
    expect(await it.ask(cookieFor(2))).toBe('green');
    const { status, body } = await it.wire.send(get('/', cookieFor(9))).response();
    expect([status, body]).toEqual([503, 'Release 9 is not there to preview. Release 2 is live.\n']);
  });

  test('that has expired, was forged or is of another service is a user’s', async () => {
    await using it = await house();
    const good = cookieFor();
    for (const bad of [
      cookieFor(null, 1),
      good.slice(0, -2),
      `${good}x`,
      `Cookie: cutover-preview-shop=${signToken(key, 'stock', { expiresS: soon(), release: null })}`,
      `Cookie: cutover-preview-shop=${signToken('b'.repeat(64), 'shop', { expiresS: soon(), release: null })}`,
      `Cookie: cutover-preview-shop=${'.'.repeat(5000)}`,
    ])
      expect(await it.ask(bad)).toBe('blue');
    expect(await it.ask(`${cookieFor(null, 1)}; ${good.slice('Cookie: '.length)}`)).toBe('green');
  });

  test('is given for a link with a token, for as long as the token lasts, and taken back', async () => {
    await using it = await house();
    const token = signToken(key, 'shop', { expiresS: soon(), release: 2 });
    const { head, status } = await door(it.wire, `?token=${token}`);
    expect(status).toBe(303);
    expect(head).toContain('\r\nLocation: /\r\n');
    expect(head).toMatch(
      /\r\nSet-Cookie: cutover-preview-shop=1\.[^;]+; Max-Age=(59|60); Path=\/; HttpOnly; SameSite=Lax\r\n/,
    );
    expect(head).toContain('\r\nReferrer-Policy: no-referrer\r\n');
    const out = await door(await it.rig.connect(), '?off');
    expect(out.head).toContain(
      '\r\nSet-Cookie: cutover-preview-shop=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax\r\n',
    );
    for (const query of ['', '?', '?token=', '?token=x', `?token=${token}x`]) {
      const refused = await door(await it.rig.connect(), query);
      expect([query, refused.status, refused.head.includes('Set-Cookie')]).toEqual([query, 403, false]);
    }
    expect(it.heads).toEqual([]);
    // What only begins like it is the service’s.
    expect((await (await it.rig.connect()).send(get('/.cutover/previews')).response()).body).toBe('blue');
  });

  test('over TLS goes only over TLS, and what the browser has stored is forgotten', async () => {
    await using it = await house();
    const { cookie } = testers();
    it.rig.route({ ...it, testers: testers({ cookie: { ...cookie!, secure: true } }), epoch: 2 });
    const { head } = await door(
      it.wire,
      `?token=${signToken(key, 'shop', { expiresS: soon(), release: null })}`,
    );
    expect(head).toContain('; SameSite=Lax; Secure\r\n');
    expect(head).toContain('\r\nClear-Site-Data: "cache"\r\n');
  });
});

describe('an answer to a tester', () => {
  test('says where it is from and that nobody else may have it, whatever the instance says', async () => {
    await using it = await house(
      {},
      'cache-CONTROL: public, max-age=3600',
      'Expires: Thu, 01 Jan 2099 00:00:00 GMT',
      'Surrogate-Control: max-age=9',
      'ETag: "1"',
    );
    const { head } = await it.wire.send(get('/', `X-Preview: ${secret}`)).response();
    expect(head).toBe(
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "1"\r\nCutover-Side: green\r\nCutover-Release: 2\r\nCache-Control: private, no-store\r\n\r\n',
    );
    const user = await it.wire.send(get('/')).response();
    expect(user.head).toContain('cache-CONTROL: public, max-age=3600\r\n');
    expect(user.head).not.toContain('Cutover');
  });

  test('is a clear page when nothing is there: for browsers with a way out', async () => {
    await using it = await house({ green: [] });
    const text = await it.wire.send(get('/', `X-Preview: ${secret}`)).response();
    expect([text.status, text.body]).toEqual([
      503,
      'No next release is ready: there is nothing to preview. Release 1 is live.\n',
    ]);
    const wire = await it.rig.connect();
    const page = await wire.send(get('/', cookieFor(), 'Accept: text/html,*/*;q=0.8')).response();
    expect(page.head).toContain('Content-Type: text/html');
    expect(page.body).toContain('<a href="/.cutover/preview?off">');
    expect(it.heads).toEqual([]);
  });

  test('is not of a side that is only kept for the way back, unless that is asked for', async () => {
    await using it = await house({ kept: true });
    expect((await it.wire.send(get('/', cookieFor())).response()).status).toBe(503);
    it.rig.route({ ...it, kept: true, testers: testers({ seeKept: true }), epoch: 2 });
    const wire = await it.rig.connect();
    expect((await wire.send(get('/', cookieFor())).response()).body).toBe('green');
  });
});

test('a tester passes a service that is closed, and does not move what keeps users at their instance', async () => {
  const cookie = { name: 'seat', maxAgeS: 0, sameSite: 'lax', secure: false, path: '/' } as const;
  await using it = await house({
    mode: { mode: 'closed', writes: 'hold', waitMs: 0, queue: 0, pace: 1, retryAfterS: 5, page: null },
    sticky: { by: 'cookie', scope: 'instance', cookie, header: null },
  });
  const { head, body } = await it.wire.send(get('/', `X-Preview: ${secret}`)).response();
  expect(body).toBe('green');
  expect(head).toContain('\r\nSet-Cookie: seat-preview=');
  expect(head).not.toContain('Set-Cookie: seat=');
});

test('a WebSocket of a tester goes to the next release', async () => {
  await using rig = await Rig.start();
  rig.plane.provide({ pages: {}, stickyKeys: [key] });
  const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';
  const green = rig.origin(async (wire) => {
    await wire.has('\r\n\r\n');
    wire.take();
    wire.send(upgraded);
    await wire.has('ping');
    wire.send('pong');
  });
  const blue = rig.origin(answering(ok('blue')));
  rig.route({ blue: [blue.address], green: [green.address], testers: testers() });
  const wire = await rig.connect();
  wire.send(get('/ws', 'Connection: upgrade', 'Upgrade: websocket', cookieFor()));
  await wire.has('\r\n\r\n');
  expect(wire.take()).toContain('\r\nCutover-Side: green\r\n');
  wire.send('ping');
  await wire.has('pong');
});
