import { expect, test } from 'bun:test';
import { Mode } from '../../core/mode.ts';
import { answering, get, ok, post, Rig } from './rig.fixture.ts';

const mode = (words: Partial<Mode>): Mode => Mode.parse(words);

/** Two sides that answer with their names. */
async function twoSides() {
  const rig = await Rig.start();
  const blue = rig.origin(answering(ok('blue'))).address;
  const green = rig.origin(answering(ok('green'))).address;
  let epoch = 0;
  const set = (words: Partial<Mode>, live: 'blue' | 'green' = 'blue'): void =>
    rig.route({ blue: [blue], green: [green], live, epoch: ++epoch, mode: mode(words) });
  set({ mode: 'open' });
  return { rig, set };
}

test('held: a request waits, and goes to whatever is live when it is let go', async () => {
  const { rig, set } = await twoSides();
  await using _ = rig;
  set({ mode: 'held' });
  const reader = await rig.connect();
  const writer = await rig.connect();
  reader.send(get());
  writer.send(post('abc'));
  await rig.when(() => rig.plane.held === 2, 'held');
  set({ mode: 'held' }, 'green');
  expect(rig.plane.held).toBe(2);
  set({ mode: 'open' }, 'green');
  expect((await reader.response()).body).toBe('green');
  expect((await writer.response()).body).toBe('green');
  expect(rig.side('green')).toMatchObject({ requests: 2, held: 2, writes: 1 });
  expect(rig.side('blue').requests).toBe(0);
  reader.send(get());
  expect((await reader.response()).body).toBe('green');
});

test('held: one request too many, and one that has waited for its time, get 503', async () => {
  const { rig, set } = await twoSides();
  await using _ = rig;
  set({ mode: 'held', queue: 1, waitMs: 300, retryAfterS: 7 });
  const first = (await rig.connect()).send(get());
  await rig.when(() => rig.plane.held === 1, 'held');
  const second = await (await rig.connect()).send(get()).response();
  expect(second.status).toBe(503);
  expect(second.head).toContain('\r\nRetry-After: 7\r\n');
  const late = await first.response();
  expect(late.status).toBe(503);
  expect(late.head).toContain('\r\nRetry-After: 7\r\n');
  expect(rig.plane.held).toBe(0);
  expect(rig.refused()).toEqual({ '503': 2 });
});

test('held: one that goes away while it waits is forgotten', async () => {
  const { rig, set } = await twoSides();
  await using _ = rig;
  set({ mode: 'held' });
  const wire = (await rig.connect()).send(get());
  await rig.when(() => rig.plane.held === 1, 'held');
  wire.abort();
  await rig.when(() => rig.plane.held === 0, 'forgotten');
  set({ mode: 'open' });
  await rig.idle();
  expect(rig.side('blue').requests).toBe(0);
});

test('what was held leaves in the order in which it came, at the pace', async () => {
  const rig = await Rig.start();
  await using _ = rig;
  const paths: string[] = [];
  const blue = rig.origin(
    answering((head) => {
      paths.push(head.split(' ')[1] ?? '');
      return ok('blue');
    }),
  ).address;
  const set = (epoch: number, words: Partial<Mode>): void =>
    rig.route({ blue: [blue], epoch, mode: mode(words) });
  set(1, { mode: 'held' });
  const wires = [];
  for (let n = 0; n < 8; n++) {
    wires.push((await rig.connect()).send(get(`/${n}`)));
    await rig.when(() => rig.plane.held === n + 1, 'held');
  }
  const begun = performance.now();
  set(2, { mode: 'open', pace: 50 });
  for (const wire of wires) expect((await wire.response()).body).toBe('blue');
  // Eight at 50 a second: the last one leaves after 160 ms.
  expect(performance.now() - begun).toBeGreaterThan(120);
  expect(paths).toEqual(wires.map((__, n) => `/${n}`));
});

test('read-only: reads pass; writes are held, or refused if it says so', async () => {
  const { rig, set } = await twoSides();
  await using _ = rig;
  set({ mode: 'read-only' });
  expect((await (await rig.connect()).send(get()).response()).body).toBe('blue');
  const writer = (await rig.connect()).send(post('abc'));
  await rig.when(() => rig.plane.held === 1, 'held');
  set({ mode: 'read-only', writes: 'refuse' });
  expect((await writer.response()).status).toBe(503);
  const refused = await (await rig.connect()).send(post('abc')).response();
  expect([refused.status, /Retry-After: 5\r/.test(refused.head)]).toEqual([503, true]);
  expect(rig.side('blue').writes).toBe(0);
});

test('closed: a page to who accepts one, a line to others, nothing but a head to HEAD; the preview goes on', async () => {
  const { rig, set } = await twoSides();
  await using _ = rig;
  set({ mode: 'closed', page: { type: 'html', text: '<p>back at noon</p>' } });
  const page = await (await rig.connect()).send(get('/', 'Accept: text/html,*/*')).response();
  expect([page.status, page.body]).toEqual([503, '<p>back at noon</p>']);
  expect(page.head).toContain('Content-Type: text/html');
  const text = await (await rig.connect()).send(get('/', 'Accept: application/json')).response();
  expect(text.head).toContain('Content-Type: text/plain');
  expect(text.body).toContain('maintenance');
  const wire = (await rig.connect()).send('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
  expect((await wire.response(true)).status).toBe(503);
  await wire.gone();
  expect(wire.text).toBe('');
  const preview = (await rig.connect(rig.previewAddress)).send(get());
  expect((await preview.response()).body).toBe('green');
});

test('closed: a page of another type is shown to who would take it, as its file says', async () => {
  const { rig, set } = await twoSides();
  await using _ = rig;
  set({ mode: 'closed', page: { type: 'json', text: '{"back":"at noon"}' } });
  const api = await (await rig.connect()).send(get('/', 'Accept: application/json')).response();
  expect([api.status, api.body]).toEqual([503, '{"back":"at noon"}']);
  expect(api.head).toContain('Content-Type: application/json\r');
  const any = await (await rig.connect()).send(get()).response();
  expect(any.body).toBe('{"back":"at noon"}');
  const text = await (await rig.connect()).send(get('/', 'Accept: text/plain')).response();
  expect(text.head).toContain('Content-Type: text/plain');
});
