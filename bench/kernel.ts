import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KernelSettings } from '../src/core/spec/kernel.ts';
import { KernelRouter } from '../src/routers/kernel/kernel-router.ts';
import { enterOwnNetwork } from '../test/fixtures/network.ts';
import { routeTo } from '../test/fixtures/proxy.ts';
import { effortOf, out, untilSignal, within } from './proxy/bench.ts';
import { wrk } from './proxy/load.ts';
import { median } from './proxy/result.ts';

/** Throughput through the kernel, as part of that straight to the instance. */
const least = 0.97;

interface Row {
  readonly name: string;
  readonly direct: number;
  readonly kernel: number;
  readonly ratio: number;
  readonly held: boolean;
}

/** `npm run bench -- kernel [--rounds N] [--seconds S]`: writes bench/out/kernel.json. Returns the exit code. */
export async function benchKernel(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } },
  });
  const effort = effortOf(values);
  if (effort === null) return 2;
  const { rounds, seconds } = effort;
  const reason = enterOwnNetwork();
  if (reason !== null) {
    console.error(`bench kernel: ${reason}`);
    return 1;
  }
  return untilSignal((signal) =>
    within(signal, async (running) => {
      const origin = await running.startOrigin();
      const router = new KernelRouter(KernelSettings.parse({}), Date.now);
      await router.apply({ ...routeTo('bench', 1, 'blue', origin, origin), protocol: 'tcp' });
      const listen = (await router.read('bench'))?.listen;
      if (!listen) throw new Error('the route is not in force');
      const rows: Row[] = [];
      for (const [name, load] of [
        ['kept connections', wrk({ connections: 64 })],
        ['a new connection for each request', wrk({ connections: 64, close: true })],
      ] as const) {
        const [direct, kernel]: [number[], number[]] = [[], []];
        for (let round = 0; round < rounds; round++) {
          direct.push((await load(origin, seconds, signal)).requestsPerSecond);
          kernel.push((await load(listen, seconds, signal)).requestsPerSecond);
        }
        const ratio = Number((median(kernel) / median(direct)).toFixed(3));
        rows.push({ name, direct: median(direct), kernel: median(kernel), ratio, held: ratio >= least });
      }
      console.log(`${rounds} rounds of ${seconds} s for each, in turn; medians of requests a second\n`);
      for (const { name, direct, kernel, ratio, held } of rows)
        console.log(
          `${name.padEnd(36)}direct ${direct.toFixed(0).padStart(8)}   kernel ${kernel.toFixed(0).padStart(8)}   ratio ${ratio.toFixed(3)}  limit ${least}  ${held ? 'held' : 'MISSED'}`,
        );
      writeFileSync(join(out, 'kernel.json'), `${JSON.stringify({ rows }, null, 2)}\n`);
    }),
  );
}
