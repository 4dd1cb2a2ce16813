import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress, type Address } from '../../src/core/address.ts';

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

/** Sends requests for so many seconds; throws if any failed. */
export type Load = (address: Address, seconds: number, signal: AbortSignal) => Promise<LoadResult>;

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string | undefined): number {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '');
  return Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? NaN);
}

async function output(command: readonly string[], signal: AbortSignal): Promise<string> {
  const child = Bun.spawn([...command], { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0)
    throw new Error(`${command.join(' ')} ended with ${child.exitCode ?? child.signalCode}`);
  return text;
}

export interface WrkOptions {
  readonly path?: string;
  readonly connections?: number;
  readonly tls?: boolean;
  /** The Host field; without it, the address. */
  readonly host?: string;
  /** The client says `Connection: close`. */
  readonly close?: boolean;
  /** Each request is a POST with a body of so many bytes. */
  readonly uploadBytes?: number;
}

/** wrk, one thread; the script for bodies is written to `directory`. */
export function wrk({ path = '/', connections = 64, tls, host, close, uploadBytes }: WrkOptions): Load {
  return async (address, seconds, signal) => {
    const url = `${tls ? 'https' : 'http'}://${formatAddress(address)}${path}`;
    const command = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
    if (host !== undefined) command.push('-H', `Host: ${host}`);
    if (close) command.push('-H', 'Connection: close');
    if (uploadBytes !== undefined) command.push('-s', uploadScript(uploadBytes));
    const text = await output([...command, url], signal);
    if (/Socket errors|Non-2xx/.test(text)) throw new Error(`requests to ${url} failed:\n${text}`);
    const [, requests = '0', elapsed] = /(\d+) requests in ([\d.]+\w+),/.exec(text) ?? [];
    const [, p99] = /99%\s+([\d.]+\w+)/.exec(text) ?? [];
    if (requests === '0') throw new Error(`no request to ${url} was answered:\n${text}`);
    return {
      requests: Number(requests),
      requestsPerSecond: Number(requests) / (milliseconds(elapsed) / 1000),
      p99Ms: milliseconds(p99),
    };
  };
}

/** h2load, one thread, TLS: each connection has so many requests under way at a time. */
export function h2load(connections: number, streams: number): Load {
  return async (address, seconds, signal) => {
    const url = `https://${formatAddress(address)}/`;
    const times = join(import.meta.dir, '..', 'out', `h2load-${process.pid}.log`);
    // It adds to what is there.
    rmSync(times, { force: true });
    const numbers = ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`, `--log-file=${times}`];
    const text = await output(['h2load', '--npn-list=h2', ...numbers, url], signal);
    const [, done = '0', failed] = /(\d+) succeeded, (\d+) failed/.exec(text) ?? [];
    if (done === '0' || failed !== '0') throw new Error(`requests to ${url} failed:\n${text}`);
    // Each line: when it began, its status, and how long it took in microseconds.
    const took = readFileSync(times, 'utf8')
      .trim()
      .split('\n')
      .map((line) => Number(line.split('\t')[2]))
      .sort((a, b) => a - b);
    rmSync(times);
    return {
      requests: Number(done),
      requestsPerSecond: Number(done) / seconds,
      p99Ms: took[Math.floor(took.length * 0.99)]! / 1000,
    };
  };
}

/** wrk takes a body from a script only; written beside the results, so that it can be run by hand. */
function uploadScript(bytes: number): string {
  const path = join(import.meta.dir, '..', 'out', `upload-${bytes}.lua`);
  writeFileSync(path, `wrk.method = "POST"\nwrk.body = string.rep("x", ${bytes})\n`);
  return path;
}

/** A load of `raw-load.ts`, in a process of its own. */
export interface RawLoad {
  /** Each line that it prints, parsed as JSON. */
  readonly lines: AsyncIterable<unknown>;
  stop(): Promise<void>;
}

/** Starts it; the arguments are those of `raw-load.ts`. */
export function rawLoad(
  kind: 'echo' | 'idle' | 'samples',
  address: Address,
  numbers: readonly number[],
  signal: AbortSignal,
): RawLoad {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'raw-load.ts'),
      kind,
      address.host,
      String(address.port),
      ...numbers.map(String),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], signal },
  );
  async function* lines(): AsyncGenerator<unknown> {
    let rest = '';
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const all = (rest + chunk).split('\n');
      rest = all.pop() ?? '';
      for (const line of all) yield JSON.parse(line);
    }
    if ((await child.exited) !== 0 && child.signalCode === null)
      throw new Error(`the load "${kind}" ended with ${child.exitCode}`);
  }
  return {
    lines: lines(),
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}
