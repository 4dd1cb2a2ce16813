import { parseArgs } from 'node:util';
import { followedName } from './followed-name.ts';
import { parseAddress } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import { startLoad, type Load } from './load.ts';
import { defaultMix, type Mix } from './mix.ts';
import { kinds } from './profile.ts';
import { pagesProfile } from './pages-profile.ts';
import type { Snapshot } from './snapshot.ts';

const usage = `bun src/testing/load/main.ts --target 127.0.0.1:8080 [--connections 64] [--seconds 10] [--rate R] [--seed 1]
  [--mix keep-alive=50,close=10] [--paths /a,/b] [--timeout MS] [--json] [--control]

Puts a server under load and verifies every response; the example shop, or with --paths any pages that do not change.
--json prints the last snapshot as one line. --control obeys lines on standard input (mark, snapshot, begun-after MARK, stop)
and answers each with one line of JSON; it runs until stop or the end of its input. Exit code 1: something failed, or nothing was done.
`;

function invalid(option: string, expected: string, found: string): CutoverError {
  return new CutoverError('usage', `--${option}: expected ${expected}, found ${found}`, { next: usage });
}

function readNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!(value >= least)) throw invalid(option, `a number, at least ${least}`, text);
  return value;
}

function readMix(text: string): Mix {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [name = '', share = ''] = part.split('=');
      const kind = kinds.find((one) => one === name);
      if (!kind) throw invalid('mix', `kinds out of ${kinds.join(', ')}`, part);
      return [kind, readNumber('mix', share, 0)];
    }),
  );
}

const print = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Obeys lines until `stop` or the end of the input: whoever started this process must not leave a load behind when it ends. */
async function obey(load: Load): Promise<Snapshot> {
  for await (const line of console) {
    const [word, argument] = line.trim().split(' ');
    if (word === 'mark') print(load.mark());
    else if (word === 'snapshot') print(load.snapshot());
    else if (word === 'begun-after') print(load.begunAfter(Number(argument)));
    else if (word === 'stop') break;
    else throw new CutoverError('usage', `load: expected mark, snapshot, begun-after or stop, found ${line}`);
  }
  return load.stop();
}

function summary(snapshot: Snapshot): string {
  const { requests, failed, seconds, p50Ms, p99Ms, byEnvironment, failures } = snapshot;
  const lines = [
    `${requests} requests in ${seconds.toFixed(1)} s (${Math.round(requests / seconds)}/s), ${failed} failed, p50 ${p50Ms ?? '-'} ms, p99 ${p99Ms ?? '-'} ms`,
    `by environment: ${JSON.stringify(byEnvironment)}`,
    ...failures.slice(0, 10).map((one) => `  ${one.atMs} ms ${one.label}: ${one.reason}: ${one.detail}`),
  ];
  return `${lines.join('\n')}\n`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string' },
      resolver: { type: 'string' },
      connections: { type: 'string', default: '64' },
      seconds: { type: 'string', default: '10' },
      rate: { type: 'string' },
      seed: { type: 'string', default: '1' },
      mix: { type: 'string' },
      paths: { type: 'string' },
      timeout: { type: 'string', default: '30000' },
      json: { type: 'boolean', default: false },
      control: { type: 'boolean', default: false },
    },
  });
  const named = parseAddress(values.target ?? '');
  if (!named) throw invalid('target', 'an address such as 127.0.0.1:8080', values.target ?? 'nothing');
  const resolver = values.resolver === undefined ? undefined : parseAddress(values.resolver);
  const target = resolver ? await followedName(named, resolver) : named;
  const seconds = readNumber('seconds', values.seconds, 0);
  const load = startLoad({
    target,
    connections: readNumber('connections', values.connections, 1),
    seed: readNumber('seed', values.seed, 0),
    timeoutMs: readNumber('timeout', values.timeout, 1),
    rate: values.rate === undefined ? null : readNumber('rate', values.rate, 0.001),
    mix: values.mix === undefined ? defaultMix : readMix(values.mix),
    ...(values.paths === undefined ? {} : { profile: pagesProfile(target, values.paths.split(',')) }),
  });
  let snapshot: Snapshot;
  if (values.control) snapshot = await obey(load);
  else {
    const interrupted = Promise.withResolvers<void>();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.resolve());
    await Promise.race([Bun.sleep(seconds * 1000), interrupted.promise]);
    snapshot = await load.stop();
  }
  if (values.json || values.control) print(snapshot);
  else process.stdout.write(summary(snapshot));
  return snapshot.failed === 0 && snapshot.requests > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n${error instanceof CutoverError ? (error.next ?? '') : usage}`);
  process.exitCode = 2;
}
