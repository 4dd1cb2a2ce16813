import type { Address } from '../../src/core/address.ts';
import type { ProxyCase } from './case.ts';
import { wrk } from './load.ts';
import { cutover, type RunningPeer } from './peer.ts';
import { barOf } from './result.ts';
import { interleave } from './side-by-side.ts';

const many = 10_000;
const limit = 1.1;

const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `host-${i}.example.com`);

/** The same proxy twice: once with one host in its table, once with many; the requests come for the last of them. */
export const hosts: ProxyCase = {
  key: 'hosts',
  name: '10,000 hosts in the table against 1',
  async run(effort, running) {
    const reason = cutover.absent({ hosts: [] });
    if (reason !== null)
      return { name: hosts.name, rows: [], bars: [], absent: [{ peer: cutover.name, reason }] };
    const origin = await running.startOrigin();
    const there: { name: string; at: RunningPeer }[] = [];
    for (const count of [1, many])
      there.push({
        name: `cutover, ${count} hosts`,
        at: await running.startPeer(cutover, origin, { hosts: named(count) }),
      });
    const last = new Map<Address, string>(
      there.map(({ at }, index) => [at.listen, `host-${index === 0 ? 0 : many - 1}.example.com`]),
    );
    const load: ReturnType<typeof wrk> = (address, seconds, signal) =>
      wrk({ host: last.get(address) ?? '' })(address, seconds, signal);
    const rows = await interleave(there, load, effort, running.signal);
    const [one, all] = rows;
    const bars = one && all ? [barOf(one.peer, all.cpuUsPerRequest, one.cpuUsPerRequest, limit)] : [];
    return { name: hosts.name, rows, bars };
  },
};
