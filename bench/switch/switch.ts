import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { startShop } from '../../examples/shop/start-shop.ts';
import type { Address } from '../../src/core/address.ts';
import { other, type Colour } from '../../src/core/colour.ts';
import { combine, quantileMs, type Histogram } from '../../src/core/latency.ts';
import { spawnLoad } from '../../src/testing/load/spawn-load.ts';
import { enterOwnNetwork } from '../../test/fixtures/network.ts';
import { routeTo } from '../../test/fixtures/proxy.ts';
import { Running } from '../proxy/running.ts';
import { contestants, type Contestant } from './contestants.ts';

type Sides = Readonly<Record<Colour, Address>>;

/** What a router did in one run; times in milliseconds, null where nothing was measured. */
const ms = z.number().nullable();
const Row = z.object({
  name: z.string(),
  switches: z.number(),
  requests: z.number(),
  failed: z.number(),
  /** Begun after a switch was answered, and yet at the side from before, where that may be. */
  late: z.number(),
  /** From the order to the answer, in the middle. */
  switchMs: z.number(),
  switchMaxMs: z.number(),
  p50Ms: ms,
  p99Ms: ms,
  /** Of the requests that ended while a switch was under way, or soon after. */
  p99DuringMs: ms,
  /** Beyond what the same load takes without a router, in the middle. */
  addedMs: ms,
  byReason: z.record(z.string(), z.number()),
});
type Row = Readonly<z.infer<typeof Row>>;

/** As many for each as both are busy and neither is overrun on two processors; the rate is the same for all, so latencies compare. */
const load = { connections: 16, seed: 23, rate: 400, mix: { 'keep-alive': 4, close: 1, order: 1 } } as const;
const warmMs = 1000;
/** A switch shows in latencies for so long. */
const settleMs = 100;

const middle = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 100) / 100);

/** The same load straight to an instance. */
async function direct(target: Address, seconds: number): Promise<number | null> {
  const running = spawnLoad({ ...load, target });
  await Bun.sleep(seconds * 1000);
  return (await running.stop()).p50Ms;
}

async function measure(
  contestant: Contestant,
  sides: Sides,
  { switches, seconds, directMs }: { switches: number; seconds: number; directMs: number | null },
): Promise<Row> {
  const { router, route: adapted = (route) => route, resolver, close } = await contestant.start();
  try {
    const probe = new Running(AbortSignal.abort());
    const listen = probe.freeAddress();
    await probe.endAll();
    const route = (epoch: number, live: Colour) =>
      adapted({ ...routeTo('shop', epoch, live, sides.blue, sides.green), listen });
    await router.apply(route(1, 'blue'));
    const running = spawnLoad({ ...load, target: route(1, 'blue').listen, ...(resolver && { resolver }) });
    const times: number[] = [];
    let during: Histogram = [];
    let wrong = 0;
    let last;
    try {
      await Bun.sleep(warmMs);
      let live: Colour = 'blue';
      for (let n = 0; n < switches; n++) {
        live = other(live);
        const before = await running.snapshot();
        const begun = performance.now();
        await router.apply(route(n + 2, live));
        times.push(performance.now() - begun);
        const mark = await running.mark();
        await Bun.sleep(settleMs);
        const after = await running.snapshot();
        during = combine(during, combine(after.latency, before.latency, -1), 1);
        await Bun.sleep(Math.max(0, (seconds * 1000) / switches - settleMs));
        // Begun after the switch was answered, and yet at the side from before.
        wrong += (await running.begunAfter(mark)).byEnvironment[other(live)] ?? 0;
      }
    } finally {
      last = await running.stop();
    }
    const { requests, failed, p50Ms, p99Ms, byReason } = last;
    return {
      name: contestant.name,
      switches,
      requests,
      failed: failed + (contestant.late ? 0 : wrong),
      late: contestant.late ? wrong : 0,
      switchMs: Math.round(middle(times) * 100) / 100,
      switchMaxMs: Math.round(Math.max(...times) * 100) / 100,
      p50Ms: rounded(p50Ms),
      p99Ms: rounded(p99Ms),
      p99DuringMs: rounded(quantileMs(during, 0.99)),
      addedMs: p50Ms === null || directMs === null ? null : rounded(p50Ms - directMs),
      byReason: { ...byReason, ...(wrong > 0 && !contestant.late ? { 'old side': wrong } : {}) },
    };
  } finally {
    await close();
  }
}

const hosts = { blue: '127.0.77.2', green: '127.0.77.3' } as const;

/** The same in a process that has a network of its own. */
async function apart({ name }: Contestant, args: readonly string[]): Promise<Row> {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, '../main.ts'), 'switch', ...args, '--router', name, '--inside'],
    { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
  );
  const said = await new Response(child.stdout).text();
  const [row] = z.array(Row).parse(JSON.parse(said.trim().split('\n').at(-1) ?? ''));
  if ((await child.exited) !== 0 || !row) throw new Error(`${name}: expected a row, found ${said}`);
  return row;
}

function print(rows: readonly Row[], directMs: number | null): void {
  const head = [
    'router',
    'switches',
    'requests',
    'failed',
    'late',
    'switch ms',
    'longest',
    'added ms',
    'p99 ms',
    'during',
  ];
  const lines = rows.map((row) =>
    [
      row.name,
      row.switches,
      row.requests,
      row.failed,
      row.late,
      row.switchMs,
      row.switchMaxMs,
      row.addedMs ?? '-',
      row.p99Ms ?? '-',
      row.p99DuringMs ?? '-',
    ].map(String),
  );
  const widths = head.map((word, n) => Math.max(word.length, ...lines.map((line) => line[n]?.length ?? 0)));
  for (const line of [head, ...lines])
    console.log(
      line
        .map((word, n) => (n === 0 ? word.padEnd(widths[n] ?? 0) : word.padStart(widths[n] ?? 0)))
        .join('  '),
    );
  console.log(`without a router the same load takes ${rounded(directMs) ?? '-'} ms in the middle`);
  for (const { name, byReason, failed } of rows)
    if (failed > 0) console.log(`${name}: ${JSON.stringify(byReason)}`);
}

/** `npm run bench -- switch`: prints a table and writes bench/out/switch.json. Returns the exit code: 1 if a request failed. */
export async function benchSwitch(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      switches: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '8' },
      router: { type: 'string' },
      inside: { type: 'boolean', default: false },
    },
  });
  const [switches, seconds] = [Number(values.switches), Number(values.seconds)];
  const taking = contestants.filter(({ name }) => values.router === undefined || values.router === name);
  const reason = values.inside ? enterOwnNetwork() : null;
  if (reason !== null) {
    console.error(`${values.router ?? 'it'} takes no part: ${reason}`);
    return 1;
  }
  // Both at one port, each at an address of its own, as the DNS needs it.
  const first = await startShop(1, { HOST: hosts.blue, CUTOVER_ENVIRONMENT: 'blue', CUTOVER_RELEASE: '1' });
  const PORT = String(first.address.port);
  const shops = [
    first,
    await startShop(2, { HOST: hosts.green, PORT, CUTOVER_ENVIRONMENT: 'green', CUTOVER_RELEASE: '2' }),
  ] as const;
  try {
    const [blue, green] = shops;
    const sides = { blue: blue.address, green: green.address };
    const directMs = await direct(blue.address, 3);
    const rows: Row[] = [];
    for (const contestant of taking) {
      const absent = contestant.absent();
      if (absent !== null) console.log(`${contestant.name} takes no part: ${absent}`);
      else if (contestant.ownNetwork && !values.inside) rows.push(await apart(contestant, args));
      else rows.push(await measure(contestant, sides, { switches, seconds, directMs }));
    }
    if (values.inside) {
      console.log(JSON.stringify(rows));
      return 0;
    }
    print(rows, directMs);
    const out = join(import.meta.dir, '../out');
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'switch.json'), `${JSON.stringify({ directMs, routers: rows }, null, 2)}\n`);
    return rows.every(({ failed }) => failed === 0) ? 0 : 1;
  } finally {
    for (const shop of shops) {
      shop.signal('SIGKILL');
      await shop.exited;
    }
  }
}
