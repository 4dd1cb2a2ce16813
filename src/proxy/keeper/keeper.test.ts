import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLoad } from '../../../test/fixtures/http-load.ts';
import {
  ProxyFixture,
  routeTo,
  runs,
  startOrigin,
  until,
  type Origin,
} from '../../../test/fixtures/proxy.ts';
import type { Route } from '../../core/traffic.ts';

// Each starts processes; on a machine that is busy with others that takes its time.
setDefaultTimeout(20_000);

let blue: Origin;
let green: Origin;
let proxy: ProxyFixture;
beforeEach(() => {
  blue = startOrigin('blue');
  green = startOrigin('green');
  proxy = new ProxyFixture();
});
afterEach(async () => {
  await proxy.close();
  await Promise.all([blue.close(), green.close()]);
});

const shop = (epoch: number, live: 'blue' | 'green' = 'blue'): Route =>
  routeTo('shop', epoch, live, blue.address, green.address);

async function inForce(route: Route): Promise<Route> {
  await proxy.router.apply(route);
  const read = await proxy.router.read(route.service);
  if (!read) throw new Error('the route is not in force');
  return read;
}

const get = async ({ listen }: Route): Promise<string> => {
  const response = await fetch(`http://${listen.host}:${listen.port}/`, { headers: { connection: 'close' } });
  return response.text();
};

/** Whether nobody listens. */
const refused = async ({ listen }: Route): Promise<boolean> => {
  try {
    (
      await Bun.connect({ hostname: listen.host, port: listen.port, socket: { data: () => undefined } })
    ).end();
    return false;
  } catch {
    return true;
  }
};

const answered = (load: ReturnType<typeof startLoad>): number =>
  [...load.result.answered.values()].reduce((sum, count) => sum + count, 0);

/** Until so many more requests have been answered. */
async function more(load: ReturnType<typeof startLoad>, count: number): Promise<void> {
  const goal = answered(load) + count;
  await until(`${count} more answers`, () => answered(load) >= goal);
}

describe('a switch', () => {
  test('under load over two workers: none lost, and none to the old side after it returned', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const load = startLoad(route.listen, 16);
    await more(load, 200);
    const { counters, changed } = await proxy.router.apply({ ...route, live: 'green', epoch: 2 });
    expect(changed).toBe(true);
    await more(load, 500);
    const { failed } = await load.stop();
    expect(failed).toEqual([]);
    // All that ever reached the old side had been counted when every worker held.
    expect(blue.arrivals.length).toBe(counters.blue.requests);
    expect(counters.green.requests).toBe(0);
    expect((await proxy.router.counters('shop')).green.requests).toBe(green.arrivals.length);
  });

  test('back and forth twenty times under load loses nothing', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const load = startLoad(route.listen, 8);
    for (let epoch = 2; epoch <= 21; epoch++) {
      await proxy.router.apply({ ...route, live: epoch % 2 ? 'blue' : 'green', epoch });
      await more(load, 20);
    }
    expect((await load.stop()).failed).toEqual([]);
  });

  test('does not wait for a worker that is stuck: it is killed and replaced', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const [stuck = 0, other] = await proxy.workerPids();
    process.kill(stuck, 'SIGSTOP');
    const { holdMs } = await proxy.router.apply({ ...route, live: 'green', epoch: 2 });
    expect(holdMs).toBeLessThan(2500);
    expect(await runs(stuck)).toBe(false);
    await until('the worker is replaced', async () => {
      const { workers } = await proxy.router.status();
      return (
        workers.every(({ ready, pid }) => ready && pid !== stuck) && workers.some(({ pid }) => pid === other)
      );
    });
    expect(await get(route)).toBe('green');
  });

  test('several at once are put in force one after another', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const applied = await Promise.allSettled(
      [2, 3, 4, 5].map((epoch) =>
        proxy.router.apply({ ...route, epoch, live: epoch % 2 ? 'blue' : 'green' }),
      ),
    );
    expect((await proxy.router.read('shop'))?.epoch).toBe(5);
    expect(applied.at(-1)?.status).toBe('fulfilled');
    expect(await get(route)).toBe('blue');
  });
});

describe('a listener', () => {
  test('that is added under load refuses nobody at the others, and the old workers end', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const former = await proxy.workerPids();
    const load = startLoad(route.listen, 16);
    await more(load, 100);
    const blog = await inForce(routeTo('blog', 1, 'green', blue.address, green.address));
    await more(load, 300);
    expect(await get(blog)).toBe('green');
    await until('the former workers have ended', async () =>
      (await Promise.all(former.map(runs))).every((alive) => !alive),
    );
    expect((await load.stop()).failed).toEqual([]);
    const { blue: side } = await proxy.router.counters('shop');
    expect(side.requests).toBe(blue.arrivals.length);
  });

  test('is the only thing that a worker inherits, and is gone when no route names it', async () => {
    await proxy.startKeeper(1);
    const route = await inForce(shop(1));
    await inForce(routeTo('blog', 1, 'green', blue.address, green.address));
    const sockets = (pid: number) =>
      readdirSync(`/proc/${pid}/fd`)
        // The first three are whatever the test was given.
        .filter((fd) => Number(fd) > 2)
        .map((fd) => {
          try {
            return readlinkSync(`/proc/${pid}/fd/${fd}`);
          } catch {
            return '';
          }
        })
        .filter((target) => target.startsWith('socket:'));
    const [worker = 0] = await proxy.workerPids();
    const inherited = sockets(worker).filter((socket) => sockets(proxy.keeperPid).includes(socket));
    expect(inherited.length).toBe(2);
    await proxy.router.remove('shop', 2);
    await until('nothing listens there', () => refused(route));
    expect((await proxy.router.status()).listeners.length).toBe(1);
  });

  test('that was taken when the proxy started is bound when it is free again', async () => {
    await proxy.startKeeper(1);
    const route = await inForce(shop(1));
    await proxy.stop();
    const stranger = Bun.listen({
      hostname: '127.0.0.1',
      port: route.listen.port,
      socket: { data: () => undefined },
    });
    await proxy.startKeeper(1);
    expect((await proxy.router.status()).warnings.join()).toContain(`${route.listen.port} is taken`);
    stranger.stop(true);
    await until('it is served', async () => (await proxy.router.status()).warnings.length === 0);
    expect(await get(route)).toBe('blue');
  });
});

describe('a worker', () => {
  test('that is killed is replaced within a second, and the totals do not shrink', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    for (let n = 0; n < 20; n++) expect(await get(route)).toBe('blue');
    const before = await proxy.router.counters('shop');
    const [victim = 0] = await proxy.workerPids();
    process.kill(victim, 'SIGKILL');
    const killedAt = performance.now();
    await until('it is replaced', async () => {
      const { workers } = await proxy.router.status();
      return (
        workers.every(({ pid, ready }) => ready && pid !== victim) &&
        workers.some(({ restarts }) => restarts === 1)
      );
    });
    expect(performance.now() - killedAt).toBeLessThan(1000);
    expect(await get(route)).toBe('blue');
    const after = await proxy.router.counters('shop');
    expect(after.bootId).toBe(before.bootId);
    expect(after.blue.requests).toBe(before.blue.requests + 1);
  });

  test('that is told to end by SIGTERM under load loses nothing', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const load = startLoad(route.listen, 8);
    await more(load, 50);
    const [victim = 0] = await proxy.workerPids();
    process.kill(victim, 'SIGTERM');
    await until('it is gone', async () => !(await runs(victim)));
    await more(load, 100);
    expect((await load.stop()).failed).toEqual([]);
    expect((await proxy.router.counters('shop')).blue.requests).toBe(blue.arrivals.length);
  });
});

describe('a keeper', () => {
  test('that is told to end while it starts leaves nothing behind', async () => {
    const keeper = proxy.spawnKeeper(2);
    await until('it has the lock', () => existsSync(join(proxy.home, 'proxy', 'keeper.1.pid')));
    keeper.kill('SIGTERM');
    expect(await keeper.exited).toBe(0);
    expect(readdirSync(join(proxy.home, 'proxy'))).toEqual([]);
  });

  test('that is killed under load is missed by nobody, and the next takes over without losing a connection', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    await proxy.router.apply({ ...route, epoch: 2, live: 'green' });
    const orphans = await proxy.workerPids();
    const load = startLoad(route.listen, 16);
    await more(load, 100);
    await proxy.killKeeper();
    await more(load, 200);
    await proxy.startKeeper();
    await more(load, 200);
    await proxy.router.apply({ ...route, epoch: 3, live: 'blue' });
    await until('the orphans have ended', async () =>
      (await Promise.all(orphans.map(runs))).every((alive) => !alive),
    );
    await more(load, 200);
    const { failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(await get(route)).toBe('blue');
  });

  test('takes over the sockets of orphans that are stuck, by ending them', async () => {
    await proxy.startKeeper(1);
    const route = await inForce(shop(1));
    const [orphan = 0] = await proxy.workerPids();
    process.kill(orphan, 'SIGSTOP');
    await proxy.killKeeper();
    await proxy.startKeeper(1);
    expect(await runs(orphan)).toBe(false);
    expect(await get(route)).toBe('blue');
  });

  test('that is killed leaves workers that rest, also those that have nothing to listen at', async () => {
    await proxy.startKeeper(1);
    const [orphan = 0] = await proxy.workerPids();
    await proxy.killKeeper();
    const sleeps = (): boolean => /^\d+ \(.*\) S /.test(readFileSync(`/proc/${orphan}/stat`, 'utf8'));
    let inARow = 0;
    // One that goes round and round does not sleep at any look.
    await until(
      'it sleeps whenever it is looked at',
      () => (inARow = sleeps() ? inARow + 1 : 0) >= 50,
      15_000,
    );
    await proxy.startKeeper(1);
    expect(await runs(orphan)).toBe(false);
  });

  test('leaves its workers to the next one when it is told to keep them', async () => {
    await proxy.startKeeper();
    const route = await inForce(shop(1));
    const load = startLoad(route.listen, 8);
    await more(load, 50);
    const pid = await proxy.router.stop({ drainMs: 0, keepWorkers: true });
    await until('the keeper has ended', async () => !(await runs(pid)));
    await more(load, 50);
    await proxy.startKeeper();
    await more(load, 50);
    expect((await load.stop()).failed).toEqual([]);
  });

  test('is refused while another one lives in the same home', async () => {
    await proxy.startKeeper(1);
    const second = proxy.spawnKeeper(1);
    expect(await second.exited).not.toBe(0);
    expect(await new Response(second.stderr).text()).toContain(`process ${proxy.keeperPid}`);
    expect((await proxy.router.status()).pid).toBe(proxy.keeperPid);
  });

  test('that stops lets begun exchanges finish and leaves nothing but the table', async () => {
    await proxy.startKeeper();
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const slow = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch() {
        begun.resolve();
        await finish.promise;
        return new Response('whole');
      },
    });
    const route = await inForce(
      routeTo('shop', 1, 'blue', { host: '127.0.0.1', port: slow.port ?? 0 }, green.address),
    );
    const workers = await proxy.workerPids();
    const exchange = get(route);
    await begun.promise;
    const stopped = proxy.stop(3000);
    await until('it accepts no more', () => refused(route));
    finish.resolve();
    expect(await exchange).toBe('whole');
    expect(await stopped).toBe(0);
    expect((await Promise.all(workers.map(runs))).some(Boolean)).toBe(false);
    expect(readdirSync(join(proxy.home, 'proxy')).sort()).toEqual(['table.copy.json', 'table.json']);
    await slow.stop(true);
  });

  test('starts empty from damaged tables, and says so', async () => {
    mkdirSync(join(proxy.home, 'proxy'));
    for (const name of ['table.json', 'table.copy.json'])
      writeFileSync(join(proxy.home, 'proxy', name), 'not a table');
    await proxy.startKeeper(1);
    const { warnings, table } = await proxy.router.status();
    expect(table.services).toEqual([]);
    expect(warnings.join('\n')).toContain('state-damaged');
    expect(existsSync(join(proxy.home, 'proxy', 'table.json.damaged'))).toBe(true);
  });
});

describe('the admin socket', () => {
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://proxy${path}`, { ...init, unix: proxy.router.socket });
    return { status: response.status, body: (await response.json()) as unknown };
  };

  test('answers what is wrong with a request as data, with what to do', async () => {
    await proxy.startKeeper(1);
    const put = (body: string) => ask('/v1/services/shop', { method: 'PUT', body });
    const wrong = { status: 400, body: { code: 'request-invalid', next: expect.any(String) as string } };
    expect(await put('{')).toMatchObject(wrong);
    expect(await put('{"service":"shop"}')).toMatchObject(wrong);
    expect(await put(JSON.stringify({ ...shop(1), service: 'blog' }))).toMatchObject(wrong);
    expect(await put(' '.repeat(1024 * 1024 + 1))).toMatchObject(wrong);
    expect(await ask('/v1/services/shop?epoch=no', { method: 'DELETE' })).toMatchObject(wrong);
    expect(await ask('/v1/nothing')).toMatchObject(wrong);
    expect(await ask('/v1/services/shop')).toMatchObject({ status: 404, body: { code: 'service-unknown' } });
  });
});
