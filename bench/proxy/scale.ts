import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { effortOf, out, untilSignal, within } from './bench.ts';
import { wrk } from './load.ts';
import { startCutover, type RunningPeer } from './peer.ts';
import { print } from './result.ts';
import { interleave } from './side-by-side.ts';

const sizes = [1, 2];

/**
 * Throughput with one worker and with two. The load and the origin share the machine with them: on two cores two workers
 * can do no more than the cores have left.
 *
 * @returns the exit code
 */
export async function benchScale(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } },
  });
  const effort = effortOf(values);
  if (!effort) return 2;
  return untilSignal((signal) =>
    within(signal, async (running) => {
      const origin = await running.startOrigin();
      const there: { name: string; at: RunningPeer }[] = [];
      for (const workers of sizes) {
        const name = `${workers} worker${workers === 1 ? '' : 's'}`;
        const directory = running.directoryFor(name);
        const at = await startCutover({ origin, listen: running.freeAddress(), directory }, workers);
        running.add(() => at.stop());
        there.push({ name, at });
      }
      const rows = await interleave(there, wrk({}), effort, signal);
      const result = {
        name: `HTTP/1.1 keep-alive, 1 KB, on ${navigator.hardwareConcurrency} cores`,
        rows,
        bars: [],
      };
      print(result);
      writeFileSync(join(out, 'scale.json'), `${JSON.stringify({ cases: [result] }, null, 2)}\n`);
    }),
  );
}
