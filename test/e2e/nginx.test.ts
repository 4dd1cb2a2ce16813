import { afterEach, expect, test } from 'bun:test';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SpecInput } from '../../src/core/spec.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import { NginxFixture } from '../fixtures/nginx.ts';
import { House, shop } from './house.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const absent = NginxFixture.absent();

async function behind(): Promise<{
  house: House;
  nginx: NginxFixture;
  change: (spec: SpecInput) => SpecInput;
}> {
  const nginx = await NginxFixture.start();
  ends.push(() => nginx.close());
  const house = await House.open({ workers: 1 });
  ends.push(() => house.close());
  const change = (spec: SpecInput): SpecInput => ({
    ...spec,
    router: {
      ...spec.router,
      driver: 'nginx',
      nginx: { ...nginx.settings, state: `127.0.0.1:${nginx.settings.state.port}` },
    },
  });
  return { house, nginx, change };
}

test.skipIf(absent !== null)(
  `the shop behind nginx: ten switches under load, and not one request fails (${absent ?? 'installed'})`,
  async () => {
    const { house, change } = await behind();
    expect(await house.deployed(shop(1), change)).toMatchObject({ status: 'succeeded' });
    expect(await house.deployed(shop(2), change)).toMatchObject({ status: 'succeeded' });
    const load = spawnLoad({
      target: house.listen,
      connections: 12,
      seed: 5,
      mix: { 'keep-alive': 6, close: 2, order: 2, stream: 1 },
    });
    for (let n = 0; n < 10; n++) {
      const { deployment } = await house.rollback();
      expect(await house.settled(deployment)).toMatchObject({ status: 'succeeded' });
    }
    const { requests, failed, failures, byEnvironment } = await load.stop();
    expect(failures).toEqual([]);
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(500);
    expect(Object.keys(byEnvironment).sort()).toEqual(['blue', 'green']);
    const { deployment } = await house.service();
    expect(deployment?.receipt?.gaps).toContain('the router nginx counted no requests');
  },
  120_000,
);

test.skipIf(absent !== null)(
  `a deployment with new connections for each request reloads nginx, and not one fails (${absent ?? 'installed'})`,
  async () => {
    const { house, change } = await behind();
    await house.deployed(shop(1), change);
    const load = spawnLoad({ target: house.listen, connections: 6, seed: 6, mix: { close: 1 } });
    for (const release of [2, 1] as const)
      expect(await house.deployed(shop(release), change)).toMatchObject({ status: 'succeeded' });
    const { requests, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(100);
  },
  120_000,
);

test.skipIf(absent !== null)(
  `an nginx that is started again has the side that was switched to; a broken configuration of its owner is refused and left (${absent ?? 'installed'})`,
  async () => {
    const { house, nginx, change } = await behind();
    await house.deployed(shop(1), change);
    await house.deployed(shop(2), change);
    const url = `http://127.0.0.1:${house.listen.port}/live`;
    await nginx.end();
    await nginx.begin();
    expect((await fetch(url)).headers.get('x-shop-environment')).toBe('green');

    const theirs = join(nginx.directory, 'conf.d/theirs.conf');
    writeFileSync(theirs, 'sever { }\n');
    const { status, failure } = await house.deployed(shop(1), change);
    expect(status).not.toBe('succeeded');
    expect(failure).toMatchObject({ code: 'router-refused' });
    expect(readFileSync(theirs, 'utf8')).toBe('sever { }\n');
    expect((await fetch(url)).headers.get('x-shop-environment')).toBe('green');
    rmSync(theirs);
    expect(existsSync(nginx.settings.config)).toBe(true);
  },
  120_000,
);
