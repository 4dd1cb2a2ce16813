import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PreviewWays } from '../../src/core/preview-ways.ts';
import type { SpecInput } from '../../src/core/spec.ts';
import type { Pass } from '../../src/core/testers.ts';
import { House, Refused, shop, until } from './house.ts';

setDefaultTimeout(90_000);

const secret = 'the-secret-of-this-test';
let house: House;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover preview '));
  writeFileSync(join(folder, 'secret'), `${secret}\n`);
  house = await House.open();
});
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

const seen = async (headers: Record<string, string> = {}): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${house.listen.port}/`, { headers });
  const text = await answer.text();
  return answer.status === 200
    ? `release ${answer.headers.get('x-shop-release')}`
    : `${answer.status} ${text.trim()}`;
};
const header = { 'X-Preview': secret };

test('testers see the next release through the address of users before it is live, and are told when it is', async () => {
  const file = join(folder, 'secret');
  const spec =
    (wait?: string) =>
    (given: SpecInput): SpecInput => ({
      ...given,
      router: { ...given.router, previewHeader: { name: 'X-Preview', secret: { file } }, previewCookie: {} },
      ...(wait === undefined
        ? {}
        : {
            checks: [
              { command: ['sh', '-c', 'while [ ! -e "$0" ]; do sleep 0.05; done', wait], timeout: '60s' },
            ],
          }),
    });
  expect((await house.deployed(shop(1), spec())).status).toBe('succeeded');
  expect(await seen()).toBe('release 1');
  expect(await seen(header)).toBe(
    '503 No next release is ready: there is nothing to preview. Release 1 is live.',
  );

  // The checks of the second one wait until it has been looked at.
  const looked = join(folder, 'looked');
  const { id } = await house.deploy(shop(2), spec(looked));
  await until('the second release can be looked at', async () =>
    (await seen(header)) === 'release 2' ? true : undefined,
  );
  expect(await seen()).toBe('release 1');
  const ways: PreviewWays = await house.ask('GET', '/v1/services/shop/preview');
  expect(ways).toMatchObject({
    live: { release: 1 },
    next: { release: 2, kept: false },
    header: 'X-Preview',
  });

  const cookieOf = async (release: number | null): Promise<string> => {
    const { token } = await house.ask<Pass>('POST', '/v1/services/shop/pass', { forS: 600, release });
    const entered = await fetch(`${ways.door}?token=${token}`, { redirect: 'manual' });
    expect(entered.status).toBe(303);
    return entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  };
  const [ofNext, ofSecond] = [await cookieOf(null), await cookieOf(2)];
  expect([await seen({ cookie: ofNext }), await seen({ cookie: ofSecond })]).toEqual([
    'release 2',
    'release 2',
  ]);

  writeFileSync(looked, '');
  expect((await house.settled(id)).status).toBe('succeeded');
  expect(await seen()).toBe('release 2');
  const nothing = '503 No next release is ready: there is nothing to preview. Release 2 is live.';
  expect([await seen(header), await seen({ cookie: ofNext })]).toEqual([nothing, nothing]);
  expect(await seen({ cookie: ofSecond })).toBe('release 2');

  // What lets them in is written nowhere.
  for (const log of ['controller.log', 'proxy/proxy.log', 'proxy/table.json'])
    for (const text of [secret, ofSecond.split('=')[1] ?? secret])
      if (await Bun.file(join(house.home, log)).exists()) expect(house.log(log)).not.toContain(text);
});

test('a secret that is too short ends a deployment before anything is switched, and is not told', async () => {
  const file = join(folder, 'short');
  writeFileSync(file, 'hunter2');
  const view = await house.deployed(shop(1), (given) => ({
    ...given,
    router: { ...given.router, previewHeader: { name: 'X-Preview', secret: { file } } },
  }));
  expect(view.status).toBe('undone');
  expect(view.failure?.message).toContain(
    'expected a secret of 16 to 1024 visible ASCII characters, found 7',
  );
  expect(JSON.stringify(view)).not.toContain('hunter2');
  expect(await seen()).toBe('release 2');
});

test('a token is refused for a service whose spec has no cookie', async () => {
  expect((await house.deployed(shop(1))).status).toBe('succeeded');
  const refused = await house.ask('POST', '/v1/services/shop/pass', { forS: 60, release: null }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused instanceof Refused && refused.record.message).toContain('expected router.previewCookie');
});
