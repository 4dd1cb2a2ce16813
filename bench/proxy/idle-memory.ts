import type { ProxyCase } from './case.ts';
import { rawLoad } from './load.ts';
import { memoryOf } from './memory.ts';
import { peers } from './peer.ts';
import type { Row } from './result.ts';

const connections = 10_000;
const limitMb = 50;

/** Connections that have had one request each and now wait, all at once; no rounds: memory does not vary as time does. */
export const idleMemory: ProxyCase = {
  key: 'idle-memory',
  name: 'memory at 10,000 idle keep-alive connections',
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
      rows.push({ peer: `${peer.name}, no client`, ...none, ...memoryOf(pid) });
      const load = rawLoad('idle', listen, [connections], running.signal);
      for await (const _line of load.lines) {
        rows.push({ peer: peer.name, ...none, ...memoryOf(pid) });
        break;
      }
      await load.stop();
    }
    const ours = rows.find(({ peer }) => peer === 'cutover')?.rssMb ?? NaN;
    const bar = { peer: 'megabytes', limit: limitMb, ratio: Number(ours.toFixed(1)), unit: 'MB' as const };
    return {
      name: idleMemory.name,
      rows,
      bars: [{ ...bar, held: ours <= limitMb }],
      ...(absent.length > 0 ? { absent } : {}),
    };
  },
};
