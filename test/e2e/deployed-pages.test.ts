import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import { House, shop } from './house.ts';

setDefaultTimeout(120_000);

let house: House;
let folder: string;
beforeAll(async () => {
  house = await House.open();
  folder = mkdtempSync(join(tmpdir(), 'cutover deployed pages '));
});
afterAll(async () => {
  await house.close();
  rmSync(folder, { recursive: true, force: true });
});

const url = (path: string): string => `http://127.0.0.1:${house.listen.port}/${path}`;
async function visit(cookie: string | null): Promise<{ release: string | null; given: string | null }> {
  const response = await fetch(url(''), { headers: cookie === null ? {} : { cookie } });
  await response.text();
  const given = response.headers.get('set-cookie')?.split(';')[0] ?? null;
  return { release: response.headers.get('x-shop-release'), given };
}
/** What is answered to a request that no instance gets. */
const wrong = async (): Promise<string> => (await fetch(url('x'.repeat(9000)))).text();

test('a spec keeps clients and has pages; a page that is lost later is in the way of no rollback', async () => {
  const page = join(folder, 'wrong.html');
  writeFileSync(page, '<h1>{status}</h1>');
  const change = (spec: SpecInput): SpecInput => ({
    ...spec,
    router: { ...spec.router, sticky: { by: 'cookie' }, errorPages: { '4xx': page } },
  });
  expect(await house.deployed(shop(1), change)).toMatchObject({ status: 'succeeded' });
  const { release, given: cookie } = await visit(null);
  expect([release, cookie?.split('=')[0]]).toEqual(['1', 'cutover-shop']);
  expect(await visit(cookie)).toEqual({ release: '1', given: null });
  expect(await wrong()).toBe('<h1>414</h1>');

  writeFileSync(page, '<h2>{status}</h2>');
  expect(await house.deployed(shop(2), change)).toMatchObject({ status: 'succeeded' });
  expect(await wrong()).toBe('<h2>414</h2>');
  const moved = await visit(cookie);
  expect([moved.release, moved.given === null, moved.given === cookie]).toEqual(['2', false, false]);
  expect(await visit(moved.given)).toEqual({ release: '2', given: null });

  rmSync(page);
  const { deployment } = await house.rollback();
  // Back at the very instance that it had.
  expect(await visit(cookie)).toEqual({ release: '1', given: null });
  expect(await wrong()).toBe('<h2>414</h2>');

  await house.settled(deployment);
  const lost = (spec: SpecInput): SpecInput => ({
    ...spec,
    router: { ...spec.router, errorPages: { '4xx': join(folder, 'never.html') } },
  });
  const refused = await house.deployed(shop(2), lost);
  const codes = refused.steps.flatMap(({ error }) => error?.code ?? []);
  expect([refused.status, codes]).toEqual(['undone', ['page-invalid']]);
  expect(await visit(cookie)).toEqual({ release: '1', given: null });
});
