import { afterAll, beforeAll, expect, test } from 'bun:test';
import { startLoad } from '../../src/testing/load/load.ts';
import { House, shop, until } from '../e2e/house.ts';

let house: House;
beforeAll(async () => {
  house = await House.open();
  expect((await house.deployed(shop(1))).status).toBe('succeeded');
});
afterAll(async () => {
  await house.close();
});

test('the keeper of the proxy is killed: traffic goes on, the controller starts another, and the next deployment works', async () => {
  const load = startLoad({ target: house.listen, connections: 8, seed: 7 });
  await until('requests were answered', () => (load.snapshot().requests > 200 ? true : undefined));
  const before = (await house.status()).proxy?.pid;
  if (before === undefined) throw new Error('no proxy');
  process.kill(before, 'SIGKILL');
  await until('another keeper answers', async () => {
    const { proxy } = await house.status();
    return proxy && proxy.pid !== before ? true : undefined;
  });
  const { requests } = load.snapshot();
  await until('requests go on', () => (load.snapshot().requests > requests + 200 ? true : undefined));
  const { status, receipt } = await house.deployed(shop(2));
  expect(status).toBe('succeeded');
  expect(receipt?.gaps).toEqual([]);
  const { failed, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(failed).toBe(0);
}, 60_000);

test('the controller is away: traffic goes on, and what crashes then is started again by the next', async () => {
  await house.kill();
  const load = startLoad({ target: house.listen, connections: 8, seed: 8 });
  await until('requests were answered', () => (load.snapshot().requests > 500 ? true : undefined));
  expect((await load.stop()).failed).toBe(0);
  await house.start();
  const { environments, live } = await house.service();
  if (live === null) throw new Error('nobody is live');
  const pid = environments[live].instances[0]?.pid;
  if (!pid) throw new Error('no instance runs');
  await house.kill();
  process.kill(pid, 'SIGKILL');
  await house.start();
  await until('it runs again', async () => {
    const instance = (await house.service()).environments[live].instances[0];
    return instance?.state === 'running' && instance.pid !== pid ? true : undefined;
  });
}, 60_000);
