import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AccessLog, routeAccessLog, type RouteAccessLog } from '../../core/access-log.ts';
import { startLoad } from '../../../test/fixtures/http-load.ts';
import { ProxyFixture, routeTo, startOrigin, until, type Origin } from '../../../test/fixtures/proxy.ts';

setDefaultTimeout(30_000);

let blue: Origin;
let proxy: ProxyFixture;
beforeEach(async () => {
  blue = startOrigin('blue');
  proxy = await ProxyFixture.start(2);
});
afterEach(async () => {
  await proxy.close();
  await blue.close();
});

const logAt = (file: string, more: Partial<RouteAccessLog> = {}): RouteAccessLog => ({
  ...routeAccessLog(AccessLog.parse({ file }), (path) => path),
  ...more,
});

test('two workers write one file, which is rotated under load: every line whole, none lost, none twice', async () => {
  const file = join(proxy.home, 'access.log');
  const accessLog = logAt(file, { maxBytes: 100_000, files: 100 });
  await proxy.router.apply({ ...routeTo('shop', 1, 'blue', blue.address, blue.address), accessLog });
  const route = await proxy.router.read('shop');
  const load = startLoad(route!.listen, 8);
  await until('it was rotated three times', () => existsSync(`${file}.3`), 20_000);
  const { failed, answered } = await load.stop();
  expect(failed).toEqual([]);
  expect(await proxy.stop()).toBe(0);
  const names = readdirSync(proxy.home).filter((name) => name.startsWith('access.log'));
  const lines = names.flatMap((name) =>
    readFileSync(join(proxy.home, name), 'utf8').split('\n').slice(0, -1),
  );
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ service: 'shop', status: 200 });
  expect(lines).toHaveLength(answered.get('blue') ?? 0);
});

test('an access log that cannot be written is refused before its route is in force', async () => {
  const route = routeTo('shop', 1, 'blue', blue.address, blue.address);
  const wrong = { ...route, accessLog: logAt(join(proxy.home, 'absent', 'access.log')) };
  const refused = await proxy.router.apply(wrong).then(
    () => null,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({ code: 'io-failed' });
  expect(String(refused)).toContain('absent/access.log');
  expect(await proxy.router.read('shop')).toBeNull();
  await proxy.router.apply(route);
});
