import { startShop } from '../../examples/shop/start-shop.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import type { Snapshot } from '../../src/testing/load/snapshot.ts';
import { OurProxy } from './our-proxy.ts';
import { Faults, type Score, type ScoreRow, Until } from './row.ts';

const leastRestarts = 100;
const leastPerSecond = 200;
const connections = 48;
const betweenMs = 300;

/** Ways in which a proxy comes to be another process. */
const ways = {
  upgrade: (proxy: OurProxy) => proxy.upgrade(),
  'restart of the keeper': async (proxy: OurProxy) => {
    await proxy.leave();
    await proxy.up();
  },
  'kill -9 of the keeper': async (proxy: OurProxy) => {
    await proxy.kill();
    await Bun.sleep(betweenMs);
    await proxy.up();
  },
} as const;

/** Row 2: the proxy is restarted and upgraded under load, and no client notices. */
export const restarts: ScoreRow = {
  row: 2,
  goal: '0 refused or reset over 100 proxy restarts and upgrades',
  usualMinutes: 12,
  async run(running, minutes): Promise<Score> {
    const shop = await startShop(1, {
      CUTOVER_ENVIRONMENT: 'blue',
      CUTOVER_RELEASE: '1',
      SHOP_DATA: running.directoryFor('shop'),
    });
    running.add(async () => {
      shop.signal('SIGKILL');
      await shop.exited;
    });
    const proxy = await OurProxy.start(running);
    await proxy.route('blue', { blue: [shop.address], green: [] });
    const load = spawnLoad({ target: proxy.listen, connections, seed: 23 });
    const begun = performance.now();
    const until = new Until(minutes);
    const done = new Map<string, number>(Object.keys(ways).map((way) => [way, 0]));
    const all = Object.entries(ways);
    let count = 0;
    let snapshot: Snapshot;
    try {
      while (!until.over && count < leastRestarts && !running.signal.aborted) {
        const [name, restart] = all[count % all.length]!;
        await restart(proxy);
        done.set(name, (done.get(name) ?? 0) + 1);
        count++;
        await Bun.sleep(betweenMs);
      }
    } finally {
      snapshot = await load.stop();
    }
    const seconds = (performance.now() - begun) / 1000;
    const faults = new Faults();
    for (const { kind, label, reason, detail, atMs } of snapshot.failures)
      faults.add(`${atMs} ms ${kind} ${label}: ${reason}: ${detail}`);
    const missed = [...done].filter(([, times]) => times === 0).map(([name]) => name);
    const { requests, failed, byReason, tunnels } = snapshot;
    return {
      measured: {
        restarts: count,
        ...Object.fromEntries(done),
        requests,
        'requests a second': Math.round(requests / seconds),
        'refused or reset': (byReason['connect-refused'] ?? 0) + (byReason.reset ?? 0),
        failed,
        tunnels: tunnels.opened,
      },
      held: failed === 0 && count >= leastRestarts,
      void:
        requests / seconds < leastPerSecond
          ? `${Math.round(requests / seconds)} requests a second, expected ${leastPerSecond} at least`
          : missed.length > 0
            ? `there was no ${missed.join(', no ')}`
            : null,
      examples: faults.examples,
    };
  },
};
