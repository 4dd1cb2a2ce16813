import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cases } from './cases.ts';
import type { Effort } from './case.ts';
import { print, type CaseResult } from './result.ts';
import { Running } from './running.ts';

export const out = join(import.meta.dir, '..', 'out');

/** `--rounds` and `--seconds` as whole numbers from 1; null, with a word on stderr, if they are not. */
export function effortOf(values: { readonly rounds: string; readonly seconds: string }): Effort | null {
  const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  if (Object.values(effort).every((number) => Number.isInteger(number) && number >= 1)) return effort;
  console.error(`--rounds ${values.rounds} --seconds ${values.seconds}: expected whole numbers from 1`);
  return null;
}

/** Runs it with what it starts; a signal ends both. Returns the exit code. */
export async function untilSignal(run: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const aborted = new AbortController();
  const abort = (): void => aborted.abort(new Error('stopped by a signal'));
  process.on('SIGINT', abort);
  process.on('SIGTERM', abort);
  try {
    mkdirSync(out, { recursive: true });
    await run(aborted.signal);
    return 0;
  } catch (error) {
    if (!aborted.signal.aborted) throw error;
    console.error('stopped');
    return 130;
  } finally {
    process.off('SIGINT', abort);
    process.off('SIGTERM', abort);
  }
}

/** Runs something with what it starts, all of which is ended after it. */
export async function within<T>(signal: AbortSignal, task: (running: Running) => Promise<T>): Promise<T> {
  const running = new Running(signal);
  try {
    return await task(running);
  } finally {
    await running.endAll();
  }
}

/**
 * Processor time per proxied request, by the operating system's own accounting, beside peers in the same minutes on the same
 * machine. One thread each, keep-alive on the side of the origin, no access log. `direct` has nothing before the origin.
 *
 * @returns the exit code: 0 if it was measured, whatever the bars say; they are in `bench/out/proxy.json`
 */
export async function benchProxy(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      case: { type: 'string', multiple: true, default: [] },
    },
  });
  const effort = effortOf(values);
  if (!effort) return 2;
  const chosen = cases.filter(({ key }) => values.case.length === 0 || values.case.includes(key));
  const unknown = values.case.find((name) => !cases.some(({ key }) => key === name));
  if (unknown !== undefined) {
    console.error(`There is no case "${unknown}"; there are: ${cases.map(({ key }) => key).join(', ')}`);
    return 2;
  }
  if (!Bun.which('wrk')) {
    console.error('wrk makes the load, and is not installed: apt-get install wrk');
    return 2;
  }
  return untilSignal(async (signal) => {
    console.log(`${effort.rounds} rounds of ${effort.seconds} s for each peer, in turn; medians`);
    const results: CaseResult[] = [];
    for (const one of chosen) {
      const result = await within(signal, (running) => one.run(effort, running));
      print(result);
      results.push(result);
    }
    const path = join(out, 'proxy.json');
    writeFileSync(path, `${JSON.stringify({ cases: results }, null, 2)}\n`);
    console.log(`\nwritten to ${path}`);
  });
}
