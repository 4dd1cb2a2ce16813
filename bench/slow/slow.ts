import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { out, untilSignal, within } from '../proxy/bench.ts';
import { rawLoad } from '../proxy/load.ts';
import { memoryOf } from '../proxy/memory.ts';
import { peers } from '../proxy/peer.ts';
import { quantile } from '../proxy/result.ts';
import type { Running } from '../proxy/running.ts';

const Samples = z.object({ at: z.array(z.number()), ms: z.array(z.number()) });
const Slow = z.object({
  kind: z.string(),
  clients: z.number(),
  closed: z.number(),
  closedBy: z.record(z.string(), z.number()),
  openedAt: z.number(),
  seconds: z.number(),
});
type Slow = z.infer<typeof Slow>;

/** The limits by default close the last after two minutes: a reader whose kernel took something in the first one gets another. */
const patienceSeconds = 150;
const beforeSeconds = 10;
/** As many as that requests which wait for a quarter of a second do not wait for each other. */
const connections = 64;
/** Few: what others need of the machine must not decide how long a request waits. */
const requestsPerSecond = 200;
const p99Limit = 2;
/** What slow clients may add: 50 KB each. */
const mbPerThousand = 50;

interface Bar {
  readonly name: string;
  readonly limit: number;
  readonly value: number;
  readonly held: boolean;
}

/** When each request was sent, in ms since 1970, and how long it took. */
type Asked = readonly { readonly at: number; readonly ms: number }[];

const p99 = (asked: Asked): number =>
  quantile(
    Float64Array.from(asked, ({ ms }) => ms),
    0.99,
  );

async function others(
  running: Running,
  address: { host: string; port: number },
  seconds: number,
): Promise<Asked> {
  const load = rawLoad('samples', address, [connections, seconds, requestsPerSecond], running.signal);
  for await (const line of load.lines) {
    const { at, ms } = Samples.parse(line);
    return ms.map((took, i) => ({ at: at[i]! - took, ms: took }));
  }
  throw new Error('the load said nothing');
}

/** Runs the slow clients; returns how each kind ended, when the last has. */
async function slowClients(
  address: { readonly host: string; readonly port: number },
  wishes: readonly string[],
  { pace, seconds }: { readonly pace: number; readonly seconds: number },
  signal: AbortSignal,
): Promise<Slow[]> {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'slow-clients.ts'),
      ...[address.host, String(address.port), String(seconds), String(pace), ...wishes],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], signal },
  );
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the slow clients ended with ${child.exitCode}`);
  return text
    .trim()
    .split('\n')
    .map((line) => Slow.parse(JSON.parse(line)));
}

/**
 * Slow clients of three kinds against a proxy with its limits by default, while a normal load of 200 requests a second runs. Of
 * another peer than ours the figures are told without bars: what closes slow clients there is its configuration.
 *
 * @returns the exit code
 */
export async function benchSlow(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      clients: { type: 'string', default: '4000' },
      pace: { type: 'string', default: '400' },
      peer: { type: 'string', default: 'cutover' },
    },
  });
  const pace = Number(values.pace);
  const clients = Number(values.clients);
  const peer = peers.find(({ name }) => name === values.peer);
  const missing = peer?.absent({}) ?? null;
  if (
    !Number.isInteger(clients) ||
    clients < 10 ||
    !Number.isInteger(pace) ||
    pace < 0 ||
    peer === undefined ||
    missing !== null
  ) {
    console.error(
      missing ??
        `expected --clients N of at least 10, --pace N of at least 0 and --peer of ${peers.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  let held = true;
  const code = await untilSignal((signal) =>
    within(signal, async (running) => {
      const proxy = await running.startPeer(peer, await running.startOrigin());
      const { listen, pid } = proxy;
      if (pid === null) throw new Error(`${peer.name} is no proxy`);
      const before = p99(await others(running, listen, beforeSeconds));
      const rssBefore = memoryOf(pid).rssMb;
      let rssMost = rssBefore;
      const watch = setInterval(() => (rssMost = Math.max(rssMost, memoryOf(pid).rssMb)), 1000);
      const fifth = Math.floor(clients / 5);
      const wishes = ['heads', 2 * fifth, 'bodies', clients - 3 * fifth, 'reads', fifth].map(String);
      // Most are closed after a minute: the load is there for all of that.
      const opening = pace === 0 ? 0 : Math.ceil(clients / pace);
      const times = { pace, seconds: patienceSeconds + opening };
      const [slow, asked] = await Promise.all([
        slowClients(listen, wishes, times, running.signal),
        others(running, listen, 60 + opening),
      ]).finally(() => clearInterval(watch));
      const openedAt = Math.max(...slow.map((each) => each.openedAt));
      const during = p99(asked);
      const whileOpened = p99(asked.filter(({ at }) => at < openedAt));
      const afterwards = p99(asked.filter(({ at }) => at >= openedAt));
      const closed = slow.reduce((sum, { closed }) => sum + closed, 0);
      const bar = (name: string, limit: number, value: number, good: boolean): Bar => ({
        ...{ name, limit, value: Number(value.toFixed(2)), held: good },
      });
      const memoryMb = (clients / 1000) * mbPerThousand;
      const bars = [
        bar('p99 of others, during / before', p99Limit, during / before, during / before <= p99Limit),
        bar('slow clients closed', clients, closed, closed === clients),
        bar('memory that they take, MB', memoryMb, rssMost - rssBefore, rssMost - rssBefore <= memoryMb),
      ];
      console.log(
        `${peer.name}, ${clients} slow clients, ${pace === 0 ? 'opened at once' : `${pace} opened a second`}\n`,
      );
      for (const { kind, clients, closed, closedBy, seconds } of slow)
        console.log(
          `${kind.padEnd(8)}${String(closed).padStart(6)} of ${clients} closed, the last after ${seconds} s: ${JSON.stringify(closedBy)}`,
        );
      console.log(
        `\np99 of others: ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms during (${whileOpened.toFixed(1)} while the slow ones were opened, ${afterwards.toFixed(1)} afterwards); resident: ${rssBefore.toFixed(0)} MB before, ${rssMost.toFixed(0)} MB at most\n`,
      );
      if (peer.name === 'cutover') {
        for (const { name, limit, value, held } of bars)
          console.log(`${held ? 'held  ' : 'MISSED'}  ${name}: ${value} (${limit})`);
        held = bars.every((each) => each.held);
      }
      const result = {
        slow,
        p99Ms: { before, during, whileOpened, afterwards },
        pace,
        rssBytes: Math.round(rssMost * 2 ** 20),
        bars: peer.name === 'cutover' ? bars : [],
      };
      writeFileSync(
        join(out, peer.name === 'cutover' ? 'slow.json' : `slow-${peer.name}.json`),
        `${JSON.stringify(result, null, 2)}\n`,
      );
    }),
  );
  return code !== 0 ? code : held ? 0 : 1;
}
