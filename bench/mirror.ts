import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { Address } from '../src/core/address.ts';
import { dropReasons, summarize } from '../src/core/mirror/diff-report.ts';
import { MirrorSpec, routeMirrorOf } from '../src/core/spec/mirror.ts';
import { EmbeddedRouter } from '../src/routers/embedded/embedded-router.ts';
import { routeTo } from '../test/fixtures/proxy.ts';
import { effortOf, out, untilSignal, within } from './proxy/bench.ts';
import { cpuUsOf } from './proxy/cpu.ts';
import { rawLoad } from './proxy/load.ts';
import { startCutover, type RunningCutover } from './proxy/peer.ts';
import { barOf, median, print, quantile, type Row } from './proxy/result.ts';
import type { Running } from './proxy/running.ts';

const percents = [0, 1, 10] as const;
/** How much more processor time a request may take for each per cent that is copied. */
const limitForPercent = 0.05;
const connections = 32;
/** A second, answered or not: what is left of two processors is enough for the copies. */
const pacedRate = 8000;
const warmUpSeconds = 2;
/** Copies are answered and compared for so long after the last request at most. */
const settleMs = 10_000;
/** A run in which fewer of the copies were compared says nothing of what they cost. */
const leastCompared = 0.9;

const Samples = z.object({ at: z.array(z.number()), ms: z.array(z.number()) });

/** What the mirror has done since it began. */
interface Copies {
  readonly chosen: number;
  readonly compared: number;
  readonly dropped: number;
}
const noCopies: Copies = { chosen: 0, compared: 0, dropped: 0 };

interface Round {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

/** A proxy of which so many per cent of the requests are copied. */
class Mirrored {
  readonly rounds: Round[] = [];
  copies = noCopies;

  private constructor(
    readonly percent: number,
    private readonly proxy: RunningCutover & { readonly pid: number },
    private readonly router: EmbeddedRouter,
    private readonly signal: AbortSignal,
  ) {}

  static async start(percent: number, live: Address, idle: Address, running: Running): Promise<Mirrored> {
    const directory = running.directoryFor(`mirror-${percent}`);
    const listen = running.freeAddress();
    const { pid, ...proxy } = await startCutover({ origin: live, listen, directory });
    running.add(() => proxy.stop());
    if (pid === null) throw new Error('expected the proxy to be a process, found none');
    const router = new EmbeddedRouter(directory);
    const share = `${percent}%`;
    const mirror =
      percent === 0
        ? {}
        : { mirror: routeMirrorOf(MirrorSpec.parse({ share }), `bench-${percent}`, 'green') };
    await router.apply({ ...routeTo('bench', 2, 'blue', live, idle), listen, ...mirror });
    return new Mirrored(percent, { ...proxy, pid }, router, running.signal);
  }

  /** Loads it for so long; what the copies take is counted until the last of them is compared. */
  async load(seconds: number): Promise<Round> {
    this.signal.throwIfAborted();
    const before = this.copies;
    const cpuBefore = cpuUsOf(this.proxy.pid);
    const { ms } = await this.requests(seconds);
    const expected = Math.floor((ms.length * this.percent * leastCompared) / 100);
    if (this.percent > 0) this.copies = await this.settled(before.chosen + expected);
    return {
      cpuUsPerRequest: (cpuUsOf(this.proxy.pid) - cpuBefore) / ms.length,
      requestsPerSecond: ms.length / seconds,
      p99Ms: quantile(Float64Array.from(ms), 0.99),
    };
  }

  private async requests(seconds: number): Promise<z.infer<typeof Samples>> {
    const { lines } = rawLoad('samples', this.proxy.listen, [connections, seconds, pacedRate], this.signal);
    let samples: z.infer<typeof Samples> | undefined;
    for await (const line of lines) samples = Samples.parse(line);
    if (!samples || samples.ms.length === 0) throw new Error('no request was answered');
    return samples;
  }

  private async settled(leastChosen: number): Promise<Copies> {
    const end = performance.now() + settleMs;
    for (;;) {
      const report = await this.router.mirrored('bench', `bench-${this.percent}`);
      if (report) {
        const { compared, skipped } = summarize(report);
        const left = Object.values(skipped).reduce((sum, count) => sum + count, compared);
        const dropped = dropReasons.reduce((sum, reason) => sum + (skipped[reason] ?? 0), 0);
        if (report.chosen >= leastChosen && left >= report.chosen)
          return { chosen: report.chosen, compared, dropped };
      }
      if (performance.now() > end)
        throw new Error(
          `expected ${leastChosen} requests to be copied and accounted for within ${settleMs} ms, found ${report ? `${report.chosen} copied, ${summarize(report).compared} compared` : 'no report'}`,
        );
      await Bun.sleep(100);
    }
  }

  row(): Row & Copies {
    const middle = (of: keyof Round): number => median(this.rounds.map((round) => round[of]));
    return {
      peer: `${this.percent} % copied`,
      cpuUsPerRequest: middle('cpuUsPerRequest'),
      requestsPerSecond: middle('requestsPerSecond'),
      p99Ms: middle('p99Ms'),
      ...this.copies,
    };
  }
}

/**
 * `npm run bench -- mirror [--rounds N] [--seconds S]`: what copies of requests cost, in processor time of keeper, worker and the process that
 * compares together, and in latency of users. Writes bench/out/mirror.json. Returns the exit code: 0 if it was measured, whatever the bars say.
 */
export async function benchMirror(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } },
  });
  const effort = effortOf(values);
  if (effort === null) return 2;
  const { rounds, seconds } = effort;
  return untilSignal((signal) =>
    within(signal, async (running) => {
      const [live, idle] = [await running.startOrigin(), await running.startOrigin()];
      const all: Mirrored[] = [];
      for (const percent of percents) all.push(await Mirrored.start(percent, live, idle, running));
      for (const each of all) await each.load(warmUpSeconds);
      for (let round = 0; round < rounds; round++)
        for (const each of all) each.rounds.push(await each.load(seconds));
      const rows = all.map((each) => each.row());
      const without = rows[0]?.cpuUsPerRequest ?? NaN;
      const bars = rows.slice(1).map(({ cpuUsPerRequest, chosen, compared }, index) => {
        const percent = percents[index + 1] ?? NaN;
        const bar = barOf('0 % copied', cpuUsPerRequest ?? NaN, without, 1 + limitForPercent * percent);
        return {
          ...bar,
          percent,
          p99Ratio: Number(((rows[index + 1]?.p99Ms ?? NaN) / (rows[0]?.p99Ms ?? NaN)).toFixed(3)),
          held: bar.held && compared >= leastCompared * chosen,
        };
      });
      console.log(`${rounds} rounds of ${seconds} s for each share, in turn; medians`);
      print({ name: `copies of requests, ${pacedRate} requests a second`, rows, bars });
      for (const { peer, chosen, compared, dropped } of rows.slice(1))
        console.log(
          `${peer.padEnd(22)}${chosen} chosen, ${compared} compared, ${dropped} dropped${compared < leastCompared * chosen ? ': void, too few were compared' : ''}`,
        );
      const path = join(out, 'mirror.json');
      writeFileSync(path, `${JSON.stringify({ rounds, seconds, rows, bars }, null, 2)}\n`);
      console.log(`\nwritten to ${path}`);
    }),
  );
}
