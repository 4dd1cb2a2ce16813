import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { SpecInput } from '../../src/core/spec.ts';
import type { Load } from '../../src/testing/load/load.ts';
import { answered, folder, handover, inNode, load } from '../fixtures/handover.ts';
import { House, until } from './house.ts';

setDefaultTimeout(60_000);

describe('what does not go as it should', () => {
  let house: House;
  let running: Load;
  beforeAll(async () => {
    house = await House.open();
    expect(await house.deployed(folder, inNode)).toMatchObject({ status: 'succeeded', failure: null });
    running = load(house, 500);
    await answered(running, 20);
  });
  afterAll(() => house.close());

  const script = (text: string, health = '20s') =>
    handover(['node', '-e', text], {
      environments: {
        layers: {
          web: {
            command: ['node', '-e', text],
            health: { http: { path: '/health' }, interval: '20ms', startPeriod: health },
          },
        },
      },
    });
  const refused = async (change: (spec: SpecInput) => SpecInput) => {
    const mark = running.mark();
    const { status, failure } = await house.deployed(folder, change);
    await answered(running, 40);
    // All of them by the release that was live before.
    expect(Object.keys(running.begunAfter(mark).byRelease)).toEqual(['1']);
    return { status, code: failure?.code, message: failure?.message ?? '' };
  };

  test('a release that crashes at start, or is never well, gets nobody, and nobody is refused', async () => {
    expect(await refused(script('process.exit(3)'))).toMatchObject({
      status: 'undone',
      code: 'crashed-at-start',
    });
    const sick = `require('node:http').createServer((q, r) => r.writeHead(500).end()).listen({ fd: 3 })`;
    expect(await refused(script(sick, '1s'))).toMatchObject({ status: 'undone', code: 'never-healthy' });
  });

  test('a program that listens by itself is told apart at once, and one that never accepts as well', async () => {
    const itself = `require('node:http').createServer((q, r) => r.end('ok')).listen(process.env.PORT, process.env.HOST)`;
    const found = await refused(script(itself));
    expect(found).toMatchObject({ status: 'undone', code: 'wrong-address' });
    expect(found.message).toContain(
      'expected it to accept on the socket that it was handed (descriptor 3, LISTEN_FDS)',
    );
    const idle = await refused(script('setInterval(() => undefined, 1000)', '1s'));
    expect(idle).toMatchObject({ status: 'undone', code: 'never-healthy' });
    expect(idle.message).toContain('it has not accepted on the socket that it was handed');
  });

  test('what it cannot do is refused before anything is done', async () => {
    const canary = (spec: SpecInput): SpecInput => ({
      ...inNode(spec),
      strategy: { kind: 'canary', weights: [10] },
    });
    expect(await house.deploy(folder, canary).catch(String)).toContain('router-cannot');
    const preview = (spec: SpecInput): SpecInput => ({
      ...inNode(spec),
      router: { ...inNode(spec).router, preview: '127.0.0.1:1' },
    });
    expect(await house.deploy(folder, preview).catch(String)).toContain('router.preview');
  });

  test('an instance that dies is started again, and whoever waits in its queue is answered by it', async () => {
    const pid = (await house.service()).environments.blue.instances[0]?.pid;
    if (typeof pid !== 'number') throw new Error('blue has no instance');
    process.kill(pid, 'SIGKILL');
    const again = await until('another process is there', async () => {
      const [instance] = (await house.service()).environments.blue.instances;
      return instance?.state === 'running' && instance.pid !== pid ? instance : undefined;
    });
    expect(again.restarts).toBe(1);
    await answered(running, 40);
    // The requests that the process had begun are lost with it; nobody was refused.
    expect((await running.stop()).byReason['connect-refused']).toBeUndefined();
  });

  test('an address that is taken is refused with who has it', async () => {
    const other = await House.open();
    const stranger = Bun.listen({
      hostname: '127.0.0.1',
      port: other.listen.port,
      socket: { data: () => undefined },
    });
    try {
      const { status, failure } = await other.deployed(folder, inNode);
      expect({ status, code: failure?.code }).toEqual({ status: 'undone', code: 'address-in-use' });
      expect(failure?.message).toContain(`process ${process.pid}`);
    } finally {
      stranger.stop(true);
      await other.close();
    }
  });
});

test('the controller may be killed before and after a record of a handover: it ends, and nobody is refused', async () => {
  const house = await House.open({ workers: 1 });
  try {
    expect(await house.deployed(folder, inNode)).toMatchObject({ status: 'succeeded' });
    const running = load(house, 500);
    for (const failPoint of ['before:8', 'after:12', 'before:17']) {
      await house.kill();
      await house.start({ failPoint, workers: 1 });
      // It may die before it can answer.
      const begun = await house.deploy(folder, inNode).catch(() => null);
      await Promise.race([house.ended(), ...(begun ? [house.settled(begun.id)] : [])]);
      if (!house.alive) await house.start({ workers: 1 });
      const { deployment } = await house.service();
      expect(['succeeded', 'undone']).toContain((await house.settled(deployment?.id ?? 0)).status);
      await answered(running, 20);
    }
    const { failed, byReason } = await running.stop();
    expect({ failed, byReason }).toEqual({ failed: 0, byReason: {} });
  } finally {
    await house.close();
  }
}, 120_000);
