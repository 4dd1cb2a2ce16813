import { startShop, type Shop } from '../../examples/shop/start-shop.ts';
import { formatAddress, type Address } from '../../src/core/address.ts';
import { type Colour, other } from '../../src/core/colour.ts';
import type { Snapshot } from '../../src/testing/load/snapshot.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import { within } from '../proxy/bench.ts';
import type { Running } from '../proxy/running.ts';
import { Faults, type Score, type ScoreRow, Until } from './row.ts';
import { type Sides, switchables, type SwitchablePeer } from './switchable.ts';

const leastRequests = 3_000_000;
const leastSwitches = 1000;
const leastPerSecond = 200;
const connections = 48;
/** From the switch to the end of the old side: longer than the longest request of the load takes. */
const drainMs = 1200;
const readyMs = 20_000;
const graceMs = 2000;

/** Resolves when a new connection is answered by this side. */
async function isLive(listen: Address, colour: Colour): Promise<void> {
  const end = performance.now() + readyMs;
  for (;;) {
    const found = await fetch(`http://${formatAddress(listen)}/live`, { headers: { connection: 'close' } })
      .then(async (response) => {
        await response.arrayBuffer();
        return response.headers.get('x-shop-environment');
      })
      .catch(() => null);
    if (found === colour) return;
    if (performance.now() > end)
      throw new Error(`${formatAddress(listen)}: expected ${colour}, found ${found ?? 'no answer'}`);
    await Bun.sleep(5);
  }
}

/** Asks it to end, and kills it if connections that rest keep it from ending: its requests are over by now. */
async function end(shop: Shop): Promise<void> {
  shop.signal('SIGTERM');
  const timer = setTimeout(() => shop.signal('SIGKILL'), graceMs);
  await shop.exited;
  clearTimeout(timer);
}

interface Run {
  readonly snapshot: Snapshot;
  readonly switches: number;
  readonly seconds: number;
  readonly faults: Faults;
}

/** Switches back and forth under load, and ends the old side after each switch. */
async function run(running: Running, peer: SwitchablePeer, minutes: number): Promise<Run> {
  const sides: Sides = { blue: running.freeAddress(), green: running.freeAddress() };
  const faults = new Faults();
  let switches = 0;
  const start = (colour: Colour): Promise<Shop> =>
    startShop(colour === 'blue' ? 1 : 2, {
      PORT: String(sides[colour].port),
      CUTOVER_ENVIRONMENT: colour,
      CUTOVER_RELEASE: String(switches + 1),
      SHOP_DATA: running.directoryFor('shop'),
    });
  const shops = new Map<Colour, Shop>([['blue', await start('blue')]]);
  running.add(async () => {
    for (const shop of shops.values()) {
      shop.signal('SIGKILL');
      await shop.exited;
    }
  });
  const proxy = await peer.start(running, sides);
  await isLive(proxy.listen, 'blue');
  const load = spawnLoad({ target: proxy.listen, connections, seed: 17 });
  const begun = performance.now();
  const until = new Until(minutes);
  let snapshot: Snapshot;
  try {
    for (let live: Colour = 'blue'; !until.over && !running.signal.aborted;) {
      const next = other(live);
      shops.set(next, await start(next));
      await proxy.switchTo(next);
      const mark = peer.name === 'cutover' ? await load.mark() : null;
      await isLive(proxy.listen, next);
      await Bun.sleep(drainMs);
      if (mark !== null) {
        const after = (await load.begunAfter(mark)).byEnvironment;
        if ((after[live] ?? 0) > 0)
          faults.add(`${after[live]} requests begun after a switch went to ${live}`);
      }
      const old = shops.get(live);
      shops.delete(live);
      if (old) await end(old);
      switches++;
      live = next;
    }
  } finally {
    snapshot = await load.stop();
  }
  for (const { kind, label, reason, detail, atMs } of snapshot.failures.slice(0, 10))
    faults.add(`${peer.name}: ${atMs} ms ${kind} ${label}: ${reason}: ${detail}`);
  return { snapshot, switches, seconds: (performance.now() - begun) / 1000, faults };
}

/** Row 1: no request is lost by a switch; the others, switched by their own means under the same load, beside it. */
export const switches: ScoreRow = {
  row: 1,
  goal: '0 lost of ≥ 3,000,000 requests over ≥ 1,000 switches',
  usualMinutes: 100,
  async run(running, minutes): Promise<Score> {
    const taking = switchables.filter((peer) => peer.absent() === null);
    const measured: Record<string, number | string> = {};
    const examples: string[] = [];
    const ours: Run[] = [];
    for (const peer of taking) {
      // Ours has to reach the numbers that are promised; of the others a sample is enough.
      const share = peer.name === 'cutover' ? 0.7 : 0.3 / (taking.length - 1);
      const one = await within(running.signal, (inner) => run(inner, peer, minutes * share));
      running.signal.throwIfAborted();
      const { requests, failed, tunnels, byReason } = one.snapshot;
      measured[`${peer.name}: requests`] = requests;
      measured[`${peer.name}: switches`] = one.switches;
      measured[`${peer.name}: lost`] = failed;
      measured[`${peer.name}: requests a second`] = Math.round(requests / one.seconds);
      measured[`${peer.name}: tunnels`] = tunnels.opened;
      if (failed > 0) measured[`${peer.name}: lost by reason`] = JSON.stringify(byReason);
      examples.push(...one.faults.examples.slice(0, 5));
      if (peer.name === 'cutover') ours.push(one);
    }
    for (const peer of switchables) {
      const absent = peer.absent();
      if (absent !== null) measured[`${peer.name}: absent`] = absent;
    }
    const [own] = ours;
    if (!own) throw new Error('ours did not take part');
    const { snapshot, seconds } = own;
    const lost =
      snapshot.failed + (own.faults.count > snapshot.failed ? own.faults.count - snapshot.failed : 0);
    return {
      measured,
      held: lost === 0 && snapshot.requests >= leastRequests && own.switches >= leastSwitches,
      void:
        snapshot.requests / seconds < leastPerSecond
          ? `${Math.round(snapshot.requests / seconds)} requests a second, expected ${leastPerSecond} at least`
          : own.switches === 0
            ? 'nothing was switched'
            : taking.length < switchables.length
              ? 'a peer is absent'
              : null,
      examples,
    };
  },
};
