import { z } from 'zod';
import type { ProxyCase } from './case.ts';
import { rawLoad } from './load.ts';
import { startCutover, type RunningCutover } from './peer.ts';
import { barOf, median, quantile, type Bar, type Row } from './result.ts';
import type { Running } from './running.ts';

const connections = 64;
/** Requests a second where they come whether the last is answered or not. */
const pacedRate = 4000;
const limit = 1.5;
/** Half of the window around the moment in the middle of a switch. */
const aroundMs = 100;
const everyMs = 500;
/** What is warming up is not measured. */
const warmUpMs = 1000;

const Samples = z.object({ at: z.array(z.number()), ms: z.array(z.number()) });

interface Switched {
  /** The middle, milliseconds since 1970. */
  readonly at: number;
  readonly holdMs: number;
}

async function switches(
  proxy: RunningCutover,
  load: Promise<unknown>,
  signal: AbortSignal,
): Promise<Switched[]> {
  const all: Switched[] = [];
  let over = false;
  void load.finally(() => (over = true)).catch(() => undefined);
  await Bun.sleep(warmUpMs);
  for (let live: 'green' | 'blue' = 'green'; !over; live = live === 'green' ? 'blue' : 'green') {
    signal.throwIfAborted();
    const began = performance.timeOrigin + performance.now();
    const { holdMs } = await proxy.switchTo(live);
    all.push({ at: (began + performance.timeOrigin + performance.now()) / 2, holdMs });
    await Bun.sleep(everyMs);
  }
  return all;
}

/** Latencies near switches and far from any, in one run; a request belongs where it was answered. */
async function measure(
  name: string,
  rate: number,
  seconds: number,
  proxy: RunningCutover,
  running: Running,
): Promise<{ rows: Row[]; bar: Bar; holdMs: number }> {
  const load = rawLoad('samples', proxy.listen, [connections, seconds, rate], running.signal);
  const samples = (async () => {
    for await (const line of load.lines) return Samples.parse(line);
    throw new Error('the load said nothing');
  })();
  const [{ at, ms }, switched] = await Promise.all([samples, switches(proxy, samples, running.signal)]);
  const near: number[] = [];
  const far: number[] = [];
  const from = (at[0] ?? 0) + warmUpMs;
  let next = 0;
  at.forEach((time, index) => {
    if (time < from) return;
    while (next < switched.length - 1 && time > (switched[next]?.at ?? 0) + aroundMs) next++;
    const distance = Math.abs(time - (switched[next]?.at ?? 0));
    (distance <= aroundMs ? near : far).push(ms[index] ?? NaN);
  });
  const around = quantile(Float64Array.from(near), 0.99);
  const steady = quantile(Float64Array.from(far), 0.99);
  const row = (peer: string, p99Ms: number): Row => ({
    peer,
    cpuUsPerRequest: null,
    requestsPerSecond: at.length / seconds,
    p99Ms,
  });
  return {
    rows: [row(`${name}, steady`, steady), row(`${name}, switch`, around)],
    bar: barOf(`${name}, steady`, around, steady, limit),
    holdMs: median(switched.map(({ holdMs }) => holdMs)),
  };
}

/** Closed loop (each client sends when it is answered: a saturated proxy) and paced (a switch makes nobody wait to ask). */
export const switchLatency: ProxyCase = {
  key: 'switch',
  name: 'p99 latency in the 200 ms around a switch, against steady state',
  async run({ rounds, seconds }, running) {
    const origin = await running.startOrigin();
    const directory = running.directoryFor('switch');
    const proxy = await startCutover({ origin, listen: running.freeAddress(), directory });
    running.add(() => proxy.stop());
    const rows: Row[] = [];
    const bars: Bar[] = [];
    const length = Math.max(4, Math.min(10, rounds * seconds));
    for (const [name, rate] of [
      ['saturated', 0],
      ['paced', pacedRate],
    ] as const) {
      const { rows: two, bar, holdMs } = await measure(name, rate, length, proxy, running);
      rows.push(...two);
      bars.push(bar);
      console.log(`${name}: new requests were held for ${holdMs.toFixed(2)} ms (median)`);
    }
    return { name: switchLatency.name, rows, bars };
  },
};
