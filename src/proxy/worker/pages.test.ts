import { expect, test } from 'bun:test';
import { Mode } from '../../core/mode.ts';
import type { Page } from '../../core/page.ts';
import { answering, get, ok, post, Rig } from './rig.fixture.ts';

const html = (text: string): Page => ({ type: 'html', text });

/** A service with these pages whose one instance answers by `script`; without one, there is none. */
async function paged(pages: Record<string, Page>, script?: Parameters<Rig['origin']>[0]) {
  const rig = await Rig.start();
  rig.plane.provide({ pages, stickyKeys: [] });
  const blue = script ? [rig.origin(script).address] : [];
  rig.route({
    blue,
    errorPages: Object.fromEntries(Object.keys(pages).map((key) => [key, key])),
    limits: { body: 10 },
    tracing: { requestId: true, traceContext: false },
  });
  return rig;
}
const hangsUp = (wire: { has(text: string): Promise<void>; abort(): void }) => async (): Promise<void> => {
  await wire.has('\r\n\r\n');
  wire.abort();
};

test('a page is sent where the proxy has to answer, by status or class, and the connection is kept', async () => {
  await using rig = await paged({ 503: html('<p>{status} {requestId}</p>'), '5xx': html('class') });
  const wire = await rig.connect();
  for (const id of ['a-1', 'b_2']) {
    const { head, status, body } = await wire.send(get('/', `X-Request-Id: ${id}`)).response();
    expect([status, body]).toEqual([503, `<p>503 ${id}</p>`]);
    expect(head).toStartWith('HTTP/1.1 503 Service Unavailable\r\n');
    expect(head).toContain('\r\nContent-Type: text/html; charset=utf-8\r\n');
    expect(head).toContain('\r\nCache-Control: no-store\r\n');
    expect(head).not.toContain('Connection:');
  }
  rig.route({ blue: [{ host: '127.0.0.1', port: 1 }], epoch: 2, errorPages: { '5xx': '5xx' } });
  expect(await wire.send(get()).response()).toMatchObject({ status: 502, body: 'class' });
  rig.route({ blue: [{ host: '127.0.0.1', port: 1 }], epoch: 3 });
  expect(await wire.send(get()).response()).toMatchObject({ status: 502, body: '502 Bad Gateway\n' });
});

test('an id that could break out of the page is not taken from the client: the one that was made stands there', async () => {
  await using rig = await paged({ 503: html('{requestId}') });
  const wire = await rig.connect();
  for (const hostile of [
    `a${' '.repeat(20_000)}b`,
    '<script>alert(1)</script>',
    '"><b>',
    "'",
    'a b',
    'x'.repeat(129),
    '',
  ]) {
    const { body } = await wire.send(get('/', `X-Request-Id: ${hostile}`)).response();
    expect(body).toMatch(/^[0-9a-f]{32}$/);
  }
});

test('who would rather have JSON gets a problem, also for a request that cannot be sent again', async () => {
  await using rig = await paged({ '5xx': html('page') }, (wire) => hangsUp(wire)());
  const accept = 'Accept: application/json, text/plain, */*';
  const wire = await rig.connect();
  const answer = await wire.send(post('abc', accept, 'X-Request-Id: r1')).response();
  expect(answer.head).toContain('\r\nContent-Type: application/problem+json\r\n');
  expect(JSON.parse(answer.body)).toEqual({
    type: 'about:blank',
    title: 'Bad Gateway',
    status: 502,
    requestId: 'r1',
  });
  expect((await wire.send(post('abc', 'Accept: text/html')).response()).body).toBe('page');
  expect((await wire.send(post('abc')).response()).body).toBe('page');
});

test('a JSON page of the user is for all', async () => {
  await using rig = await paged({ 503: { type: 'json', text: '{"code":{status}}' } });
  for (const accept of ['application/json', 'text/html']) {
    const { head, body } = await (await rig.connect()).send(get('/', `Accept: ${accept}`)).response();
    expect([body, head.includes('Content-Type: application/json\r\n')]).toEqual(['{"code":503}', true]);
  }
});

test('HEAD gets the head of the page and no body, and the connection goes on', async () => {
  await using rig = await paged({ 503: html('12345') });
  const wire = await rig.connect();
  const { head } = await wire.send(get().replace('GET', 'HEAD')).response(true);
  expect(head).toContain('\r\nContent-Length: 5\r\n');
  expect((await wire.send(get()).response()).body).toBe('12345');
});

test('a request that is refused gets the page of its status, and the connection closes', async () => {
  await using rig = await paged(
    { '4xx': html('no: {status}'), 413: html('{requestId}') },
    answering(ok('x')),
  );
  for (const [request, expected] of [
    ['GET / HTTP/1.1\r\n\r\n', 'no: 400'],
    [`GET /${'x'.repeat(9000)} HTTP/1.1\r\n`, 'no: 414'],
    [post('12345678901', 'X-Request-Id: me'), 'me'],
    ['BAD\r\n\r\n', 'no: 400'],
  ] as const) {
    const wire = await rig.connect();
    // What came before on the connection says nothing of this one.
    await wire.send(get('/', 'Accept: application/json')).response();
    const { head, body } = await wire.send(request).response();
    expect([body, head.includes('\r\nConnection: close\r\n')]).toEqual([expected, true]);
    await wire.gone();
  }
  const wire = await rig.connect();
  const large = post('12345678901').replace('POST', 'HEAD');
  const { head } = await wire.send(large).response(true);
  expect(head).toStartWith('HTTP/1.1 413 ');
  await wire.gone();
  expect(wire.text).toBe('');
});

test('what an instance answers passes untouched, whatever its status', async () => {
  const own = 'HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nown';
  await using rig = await paged({ 503: html('page') }, answering(own));
  const { head, body } = await (await rig.connect()).send(get()).response();
  expect(head + body).toBe(own);
});

test('services that share an address have their own pages each, and a host that nobody has gets a line', async () => {
  await using rig = await Rig.start();
  rig.plane.provide({ pages: { a: html('of a'), b: html('of b') }, stickyKeys: [] });
  const to = { host: '127.0.0.1', port: 1 };
  rig.routes(
    { service: 'a', hosts: ['a.example'], errorPages: { '5xx': 'a' }, to },
    { service: 'b', hosts: ['b.example'], errorPages: { '5xx': 'b' }, to },
    { service: 'c', hosts: ['c.example'], to },
  );
  const wire = await rig.connect();
  const of = async (host: string): Promise<string> =>
    (await wire.send(get().replace('shop.example', host)).response()).body;
  expect(await of('a.example')).toBe('of a');
  expect(await of('b.example')).toBe('of b');
  expect(await of('c.example')).toBe('502 Bad Gateway\n');
  expect(await of('a.example')).toBe('of a');
  expect(await of('d.example')).toBe('421 Misdirected Request\n');
});

test('a service that is not open answers with its page for 503, if its mode has none', async () => {
  const pages = { 503: html('away {status} {requestId}') };
  await using rig = await paged(pages, answering(ok('x')));
  const blue = [rig.origins[0]!.address];
  const set = (epoch: number, mode: object): void =>
    rig.route({ blue, epoch, errorPages: { 503: '503' }, mode: Mode.parse(mode) });
  const asked = get('/', 'Accept: text/html', 'X-Request-Id: r1');
  for (const [epoch, mode, expected] of [
    [2, { mode: 'closed', retryAfterS: 7 }, 'away 503 r1'],
    [3, { mode: 'closed', retryAfterS: 7, page: html('closed {status} {requestId}') }, 'closed 503 r1'],
    [4, { mode: 'held', queue: 0, retryAfterS: 7 }, 'away 503 r1'],
  ] as const) {
    set(epoch, mode);
    const { head, body } = await (await rig.connect()).send(asked).response();
    expect([body, /\r\nRetry-After: 7\r\n/.test(head), /\r\nConnection: close\r\n/.test(head)]).toEqual([
      expected,
      true,
      true,
    ]);
  }
  set(5, { mode: 'held', waitMs: 20 });
  const { body } = await (await rig.connect()).send(asked).response();
  expect(body).toBe('away 503 r1');
  set(6, { mode: 'read-only', writes: 'refuse' });
  const refused = await (await rig.connect()).send(post('abc', 'Accept: application/json')).response();
  expect([refused.status, JSON.parse(refused.body)]).toMatchObject([503, { status: 503 }]);
});
