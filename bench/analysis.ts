import { parseArgs } from 'node:util';
import { AnalysisRules } from '../src/core/spec/analysis.ts';
import { good, usual, watch, type Release } from '../src/testing/simulated-releases.ts';

const releases: readonly (readonly [name: string, release: Release])[] = [
  ['unchanged', good],
  ['one request in fifty fails', { ...good, fails: () => 0.02 }],
  ['one request in ten fails', { ...good, fails: () => 0.1 }],
  ['3 % take 400 ms', { tookMs: (random) => (random.next() < 0.03 ? 400 : usual(20)(random)) }],
  ['twice as slow', { tookMs: usual(40) }],
  ['each request 10 µs slower than the last', { tookMs: (random, at) => usual(20)(random) + at / 100 }],
];
const places = [
  ['canary of 10 %', [90, 10], undefined],
  ['canary of 50 %', [50, 50], undefined],
  ['bake', [0, 100], 6000],
] as const;

const cell = (runs: number, release: Release, [, perSecond, before]: (typeof places)[number]): string => {
  const rules = AnalysisRules.parse({});
  const watched = Array.from({ length: runs }, (_, seed) =>
    watch(seed + 1, rules, release, perSecond, 300, before),
  );
  const requests = watched
    .flatMap((run) => (run.outcome === 'roll-back' ? [run.requests] : []))
    .sort((a, b) => a - b);
  if (requests.length === 0) return `0 of ${runs}`;
  return `${requests.length} of ${runs}, ${requests[Math.floor(requests.length / 2)]} (${requests.at(-1)})`;
};

/**
 * How soon the analysis finds out bad releases, and how often it takes back one that is unchanged: simulated runs of `analysis: true` with 100
 * requests a second. Needs no proxy and no load; prints the table of docs/analysis.md.
 *
 * @returns the exit code
 */
export function benchAnalysis(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '100' } } });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) {
    console.error(`--runs ${values.runs}: expected a whole number from 1`);
    return Promise.resolve(2);
  }
  console.log(`| release | ${places.map(([name]) => name).join(' | ')} |`);
  console.log(`| --- | ${places.map(() => '---').join(' | ')} |`);
  for (const [name, release] of releases)
    console.log(`| ${name} | ${places.map((place) => cell(runs, release, place)).join(' | ')} |`);
  return Promise.resolve(0);
}
