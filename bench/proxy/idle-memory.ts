import { connectionCap, descriptorLimit } from '../../src/proxy/worker/connection-cap.ts';
import type { ProxyCase } from './case.ts';
import { rawLoad } from './load.ts';
import { memoryOf } from './memory.ts';
import { peers } from './peer.ts';
import type { Bar, Row } from './result.ts';

/** Our worker closes idle connections early from 7/8 of what its descriptors allow: with 20,000 or fewer, fewer connections stay. */
const connections = Math.min(10_000, Math.floor((connectionCap(descriptorLimit()) * 7) / 8) - 100);
const limitMb = 50;
/** How long connections have been idle when it is measured: what a peer throws away after a burst of new ones is gone by then, if it ever is. */
const idleMs = 5000;

/**
 * Connections that have had one request each and now wait, all at once; no rounds: memory does not vary as time does. The bar is
 * held to both counts of memory: one counts what our processes share twice, the other depends on who else runs the same program file.
 */
export const idleMemory: ProxyCase = {
  key: 'idle-memory',
  name: `memory at ${connections.toLocaleString('en')} idle keep-alive connections`,
  async run(_effort, running) {
    const origin = await running.startOrigin();
    const rows: Row[] = [];
    const absent: { peer: string; reason: string }[] = [];
    for (const peer of peers) {
      const reason = peer.absent({});
      if (reason !== null) {
        absent.push({ peer: peer.name, reason });
        continue;
      }
      const { listen, pid } = await running.startPeer(peer, origin);
      if (pid === null) continue;
      const none = { cpuUsPerRequest: null, requestsPerSecond: null, p99Ms: null };
      await Bun.sleep(idleMs);
      rows.push({ peer: `${peer.name}, no client`, ...none, ...memoryOf(pid) });
      const load = rawLoad('idle', listen, [connections], running.signal);
      for await (const _line of load.lines) {
        await Bun.sleep(idleMs);
        rows.push({ peer: peer.name, ...none, ...memoryOf(pid) });
        break;
      }
      await load.stop();
    }
    const ours = rows.find(({ peer }) => peer === 'cutover');
    const bar = (peer: string, megabytes = NaN): Bar => ({
      peer,
      limit: limitMb,
      ratio: Number(megabytes.toFixed(1)),
      unit: 'MB',
      held: megabytes <= limitMb,
    });
    return {
      name: idleMemory.name,
      rows,
      bars: [bar('resident', ours?.rssMb), bar('counted once', ours?.pssMb)],
      ...(absent.length > 0 ? { absent } : {}),
    };
  },
};
