import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import { House, Refused, shop, until } from './house.ts';
import type { DeploymentView } from '../../src/server/api.ts';

let house: House;
beforeAll(async () => {
  house = await House.open({ workers: 1 });
  await house.deployed(shop(1));
}, 60_000);
afterAll(async () => {
  await house.close();
});

const write = async (): Promise<void> => {
  const answer = await fetch(`http://${house.listen.host}:${house.listen.port}/cart`, {
    method: 'POST',
    body: 'sku=1',
  });
  await answer.text();
};
const verdict = async (): Promise<Verdict | null> => (await house.service()).verdict;

/** The code of the error that the API answers. */
const refused = (order: Promise<unknown>): Promise<string> =>
  order.then(
    () => 'nothing',
    (error: unknown) => {
      if (error instanceof Refused) return error.record.code;
      throw error;
    },
  );

const guarded = (spec: SpecInput): SpecInput => ({
  ...spec,
  strategy: { ...spec.strategy, bake: '1m' },
  rollback: { unsafe: { always: true, reason: 'orders were split' } },
});

/** Deploys the second release, has an instance of it end while it is watched, and waits until the deployment is frozen. */
async function frozen(): Promise<DeploymentView> {
  const { id } = await house.deploy(shop(2), guarded);
  await until('the new side is watched', async () =>
    (await house.deployment(id)).steps.some(({ kind, status }) => kind === 'bake' && status === 'running')
      ? true
      : undefined,
  );
  const { live, environments } = await house.service();
  const pid = live === null ? null : environments[live].instances[0]?.pid;
  if (typeof pid !== 'number') throw new Error('no instance runs');
  process.kill(pid, 'SIGKILL');
  return until('it is frozen', async () => {
    const view = await house.deployment(id);
    return view.status === 'frozen' ? view : undefined;
  });
}

test('the verdict counts writes, over a crash of the proxy, and a person’s rollback tells it', async () => {
  await house.deployed(shop(2));
  expect(await verdict()).toEqual({ verdict: 'safe' });
  for (let n = 0; n < 3; n++) await write();
  await until('three writes were counted', async () => {
    const found = await verdict();
    return found?.verdict === 'lossy' && found.writes === 3 ? true : undefined;
  });
  // The controller takes the count into the log when it is stopped in order, if not before.
  await house.ask('POST', '/v1/stop', { by: 'test', instances: false, proxy: false });
  await house.ended();
  await house.start({ workers: 1 });
  const before = (await house.status()).proxy;
  if (!before) throw new Error('the proxy does not answer');
  process.kill(before.pid, 'SIGKILL');
  await until('another proxy answers', async () => {
    const { proxy } = await house.status();
    return proxy !== null && proxy.pid !== before.pid ? true : undefined;
  });
  await write();
  await until('the writes before and after are known', async () => {
    const found = await verdict();
    return found?.verdict === 'lossy' && found.writes >= 4 && found.atLeast ? true : undefined;
  });
  const back = await house.rollback();
  expect(back.verdict).toMatchObject({ verdict: 'lossy', atLeast: true });
  await house.settled(back.deployment);
}, 60_000);

test('a release that does badly and may not go back is frozen over a kill of the controller; a person keeps it', async () => {
  const stood = (await house.service()).live;
  const { id, verdict: found } = await frozen();
  expect(found).toEqual({
    verdict: 'unsafe',
    why: 'the release says so from its switch on: orders were split',
  });
  await house.kill();
  await house.start({ workers: 1 });
  const service = await house.service();
  expect(service.live).not.toBe(stood);
  expect(service.deployment).toMatchObject({ id, status: 'frozen', endedAt: null });
  expect(await refused(house.rollback())).toBe('rollback-unsafe');
  expect(await refused(house.deploy(shop(1)))).toBe('deployment-running');
  await house.ask('POST', '/v1/services/shop/keep', { by: 'ann', reason: 'the crash is known' });
  expect(await house.settled(id)).toMatchObject({
    status: 'succeeded',
    decision: { decision: 'keep', by: 'ann', reason: 'the crash is known' },
  });
}, 60_000);

test('and a person who accepts the loss takes it back', async () => {
  await house.deployed(shop(1));
  const stood = (await house.service()).live;
  const { id } = await frozen();
  await house.ask('POST', '/v1/services/shop/rollback', {
    by: 'ann',
    acceptLoss: true,
    reason: 'orders are wrong',
  });
  expect(await house.settled(id)).toMatchObject({ status: 'undone', decision: { decision: 'back' } });
  expect((await house.service()).live).toBe(stood);
}, 60_000);
