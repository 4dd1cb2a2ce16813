import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { ModeSetView, ModeView } from '../../src/server/api.ts';
import { startLoad } from '../../src/testing/load/load.ts';
import { House, Refused, shop, until } from './house.ts';

setDefaultTimeout(120_000);

let house: House;
beforeAll(async () => {
  house = await House.open();
  expect((await house.deployed(shop(1))).status).toBe('succeeded');
});
afterAll(async () => {
  await house.close();
});

const set = (mode: string, more: object = {}): Promise<ModeSetView> =>
  house.ask('POST', '/v1/services/shop/mode', { by: 'test', mode, ...more });
const page = (headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${house.listen.port}/`, { headers: { connection: 'close', ...headers } });

test('read-only under load: reads pass, writes wait, and all of them are answered when it is open again', async () => {
  const load = startLoad({ target: house.listen, connections: 24, rate: 400, seed: 5 });
  await until('requests were answered', () => (load.snapshot().requests > 200 ? true : undefined));
  expect(await set('read-only', { waitMs: 60_000 })).toMatchObject({
    changed: true,
    mode: { writes: 'hold' },
  });
  // Writes that were begun before go on.
  const settled = async (): Promise<number> => (await house.counters()).blue.writes;
  const before = await until('writes have ended', async () => {
    const writes = await settled();
    const reads = load.snapshot().requests;
    await until('reads go on', () => (load.snapshot().requests > reads + 100 ? true : undefined));
    return (await settled()) === writes ? writes : undefined;
  });
  for (let n = 0; n < 20; n++) expect((await page()).status).toBe(200);
  expect(await settled()).toBe(before);
  expect((await house.deployed(shop(2))).status).toBe('succeeded');
  const switched = await house.counters();
  expect(switched.green.writes).toBe(0);
  await set('open');
  await until('writes go on, on the side that is live now', async () =>
    (await house.counters()).green.writes > 20 ? true : undefined,
  );
  const { failed, failures } = await load.stop();
  expect({ failed, failures }).toEqual({ failed: 0, failures: [] });
  const after = await house.counters();
  expect(after.green.held).toBeGreaterThan(0);
  expect(after.blue.writes).toBe(before);
  expect(after.refused).toEqual({});
});

test('closed outlives the controller and the proxy, and a deployment goes live behind it', async () => {
  await set('closed', {
    retryAfterS: 77,
    page: { type: 'html', text: '<h1>back at noon</h1>' },
    reason: 'noon',
  });
  const closed = async (): Promise<void> => {
    const answer = await page({ accept: 'text/html' });
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      503,
      '77',
      '<h1>back at noon</h1>',
    ]);
  };
  await closed();
  await house.kill();
  await house.start();
  await closed();
  const { proxy } = await house.status();
  if (!proxy) throw new Error('there is no proxy');
  process.kill(proxy.pid, 'SIGKILL');
  await until('another proxy is there', async () => {
    const now = (await house.status()).proxy;
    return now && now.pid !== proxy.pid ? true : undefined;
  });
  await until('it serves', () =>
    page().then(
      () => true,
      () => undefined,
    ),
  );
  await closed();
  const { status, receipt } = await house.deployed(shop(1));
  expect(status).toBe('succeeded');
  expect(receipt?.mode).toBe('closed');
  await closed();
  expect((await house.service()).mode).toMatchObject({ mode: 'closed', by: 'test', reason: 'noon' });
  await set('open');
  expect((await page()).status).toBe(200);
  const modes = await house.ask<ModeView[]>('GET', '/v1/services/shop/modes');
  expect(modes.slice(0, 2).map(({ mode }) => mode)).toEqual(['open', 'closed']);
});

for (const [when, recorded] of [
  ['before:1', false],
  ['after:1', true],
] as const) {
  test(`a controller that is killed ${when} the record of a mode leaves log and proxy in agreement`, async () => {
    await house.kill();
    await house.start({ failPoint: when });
    const order = set('closed').catch((error: unknown) => {
      if (error instanceof Refused) throw error;
    });
    await house.ended();
    await order;
    expect((await page()).status).toBe(200);
    await house.start();
    expect((await page()).status).toBe(recorded ? 503 : 200);
    expect((await house.service()).mode?.mode).toBe(recorded ? 'closed' : 'open');
    await set('open');
    expect((await page()).status).toBe(200);
  });
}
