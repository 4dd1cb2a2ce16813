import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Address } from '../../src/core/address.ts';
import { cpuUsOf } from './cpu.ts';
import { loadTool, type LoadTool } from './load.ts';
import { peers, type Peer, type RunningPeer } from './peer.ts';

/** A kind of traffic that is measured. */
interface ProxyCase {
  readonly name: string;
  readonly connections: number;
}

const cases: readonly ProxyCase[] = [{ name: 'HTTP/1.1 keep-alive, 1 KB', connections: 64 }];

/** How much of a peer's processor time per request ours may be. */
const limits: readonly { readonly peer: string; readonly limit: number }[] = [
  { peer: 'haproxy', limit: 0.9 },
  { peer: 'nginx', limit: 1.0 },
  { peer: 'caddy', limit: 0.25 },
];

interface Row {
  readonly peer: string;
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

interface Bar {
  readonly peer: string;
  readonly limit: number;
  readonly ratio: number;
  readonly held: boolean;
}

interface CaseResult {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly bars: readonly Bar[];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** What runs, and is ended whatever happens, the last first. */
class Running {
  private readonly ends: (() => Promise<void> | void)[] = [];
  readonly aborted = new AbortController();

  add(end: () => Promise<void> | void): void {
    this.ends.push(end);
  }

  async endAll(): Promise<void> {
    for (let end = this.ends.pop(); end; end = this.ends.pop()) await end();
  }
}

async function startOrigin(running: Running): Promise<Address> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'origin.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(async () => {
    child.kill();
    await child.exited;
  });
  for await (const chunk of child.stdout)
    return { host: '127.0.0.1', port: Number(Buffer.from(chunk).toString()) };
  throw new Error('the origin did not start');
}

async function startPeer(
  peer: Peer,
  origin: Address,
  parent: string,
  running: Running,
): Promise<RunningPeer> {
  const directory = join(parent, peer.name);
  mkdirSync(directory);
  const started = await peer.start({ origin, listen: { host: '127.0.0.1', port: freePort() }, directory });
  running.add(() => started.stop());
  return started;
}

async function measure(
  { listen, pid }: RunningPeer,
  tool: LoadTool,
  connections: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Omit<Row, 'peer'>> {
  const before = pid === null ? 0 : cpuUsOf(pid);
  const { requests, requestsPerSecond, p99Ms } = await tool.run(listen, connections, seconds, signal);
  const spent = pid === null ? 0 : cpuUsOf(pid) - before;
  return { cpuUsPerRequest: spent / requests, requestsPerSecond, p99Ms };
}

function barsOf(rows: readonly Row[]): Bar[] {
  const ours = rows.find(({ peer }) => peer === 'cutover')?.cpuUsPerRequest ?? NaN;
  return limits.flatMap(({ peer, limit }) => {
    const theirs = rows.find((row) => row.peer === peer)?.cpuUsPerRequest;
    if (theirs === undefined) return [];
    const ratio = Number((ours / theirs).toFixed(3));
    return [{ peer, limit, ratio, held: ratio <= limit }];
  });
}

function print({ name, rows, bars }: CaseResult): void {
  console.log(`\n${name}`);
  console.log(
    `${'peer'.padEnd(10)}${'µs cpu/request'.padStart(16)}${'requests/s'.padStart(14)}${'p99 ms'.padStart(10)}`,
  );
  for (const { peer, cpuUsPerRequest, requestsPerSecond, p99Ms } of rows)
    console.log(
      `${peer.padEnd(10)}${cpuUsPerRequest.toFixed(2).padStart(16)}${requestsPerSecond.toFixed(0).padStart(14)}${p99Ms.toFixed(2).padStart(10)}`,
    );
  for (const { peer, limit, ratio, held } of bars)
    console.log(
      `cutover / ${peer.padEnd(8)} ${ratio.toFixed(3)}  limit ${limit.toFixed(2)}  ${held ? 'held' : 'MISSED'}`,
    );
}

async function run(rounds: number, seconds: number, running: Running): Promise<CaseResult[]> {
  const directory = mkdtempSync(join(tmpdir(), 'cutover-bench-'));
  running.add(() => rmSync(directory, { recursive: true, force: true }));
  const { signal } = running.aborted;
  const tool = loadTool();
  console.log(`load by ${tool.name}; ${rounds} rounds of ${seconds} s for each peer, in turn; medians`);
  const origin = await startOrigin(running);
  const there: { readonly peer: Peer; readonly at: RunningPeer }[] = [];
  for (const peer of peers) {
    const reason = peer.absent();
    if (reason === null) there.push({ peer, at: await startPeer(peer, origin, directory, running) });
    else console.log(`${peer.name} does not take part: ${reason}`);
  }
  const results: CaseResult[] = [];
  for (const { name, connections } of cases) {
    for (const { at } of there) await tool.run(at.listen, connections, 1, signal);
    const measured = new Map<string, Omit<Row, 'peer'>[]>(there.map(({ peer }) => [peer.name, []]));
    for (let round = 0; round < rounds; round++)
      for (const { peer, at } of there) {
        signal.throwIfAborted();
        measured.get(peer.name)?.push(await measure(at, tool, connections, seconds, signal));
      }
    const rows = [...measured].map(([peer, samples]) => ({
      peer,
      cpuUsPerRequest: median(samples.map(({ cpuUsPerRequest }) => cpuUsPerRequest)),
      requestsPerSecond: median(samples.map(({ requestsPerSecond }) => requestsPerSecond)),
      p99Ms: median(samples.map(({ p99Ms }) => p99Ms)),
    }));
    const result = { name, rows, bars: barsOf(rows) };
    print(result);
    results.push(result);
  }
  return results;
}

/**
 * Processor time per proxied request, by the operating system's own accounting, beside peers in the same minutes on the same
 * machine. One thread each, keep-alive on both sides, no access log. `direct` has nothing before the origin.
 *
 * @returns the exit code: 0 if it was measured, whatever the bars say; they are in `bench/out/proxy.json`
 */
export async function benchProxy(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' } },
  });
  const rounds = Number(values.rounds);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seconds) || seconds < 1) {
    console.error(`--rounds ${values.rounds} --seconds ${values.seconds}: expected whole numbers from 1`);
    return 2;
  }
  const running = new Running();
  const abort = (): void => running.aborted.abort(new Error('stopped by a signal'));
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  try {
    const results = await run(rounds, seconds, running);
    const out = join(import.meta.dir, '..', 'out');
    mkdirSync(out, { recursive: true });
    const path = join(out, 'proxy.json');
    writeFileSync(path, `${JSON.stringify({ cases: results }, null, 2)}\n`);
    console.log(`\nwritten to ${path}`);
    return 0;
  } catch (error) {
    if (!running.aborted.signal.aborted) throw error;
    console.error('stopped');
    return 130;
  } finally {
    await running.endAll();
    process.off('SIGINT', abort);
    process.off('SIGTERM', abort);
  }
}
