import type { Against, Figure, Frame } from '../core/analysis/frame.ts';
import { begun, looked } from '../core/analysis/judge.ts';
import { outcomeOf } from '../core/analysis/outcome.ts';
import { AnalysisState } from '../core/analysis/state.ts';
import { bucketOf, combine, sparse, type Histogram } from '../core/latency.ts';
import type { AnalysisRules } from '../core/spec/analysis.ts';
import { combineSides, emptySide, nothingTold, type Counters, type SideCounters } from '../core/traffic.ts';
import { Random } from './load/random.ts';

// Releases that behave in some way, and traffic for them, in no time: what the analysis makes of them can be counted over hundreds of runs.

/** How a release answers: which part fails, and how long the rest takes, in milliseconds. `at`: how many requests it has had. */
export interface Release {
  readonly fails?: (at: number) => number;
  readonly tookMs: (random: Random, at: number) => number;
}

/** Latencies as services have them: most are near the median, and a few are many times as long. */
export const usual =
  (medianMs: number) =>
  (random: Random): number =>
    medianMs *
    Math.exp(0.6 * Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()));
export const good: Release = { tookMs: usual(20) };

export class Traffic {
  #counters: Counters = {
    bootId: 'boot',
    at: 0,
    blue: emptySide(),
    green: emptySide(),
    refused: {},
    told: nothingTold,
    queued: 0,
  };
  readonly #served = { blue: 0, green: 0 };

  constructor(private readonly random: Random) {}

  get counters(): Counters {
    return this.#counters;
  }

  /** So much later; each side had so many requests meanwhile. */
  pass(ms: number, blue: [number, Release], green: [number, Release]): Counters {
    const side = (colour: 'blue' | 'green', [count, release]: [number, Release]): SideCounters => {
      const latency = new Float64Array(232);
      let failed = 0;
      for (let each = 0; each < count; each++) {
        const at = this.#served[colour]++;
        if (this.random.next() < (release.fails?.(at) ?? 0)) failed++;
        const bucket = bucketOf(1000 * release.tookMs(this.random, at));
        latency[bucket] = (latency[bucket] ?? 0) + 1;
      }
      return this.#side(count, failed, sparse(latency));
    };
    this.#counters = {
      ...this.#counters,
      at: this.#counters.at + ms,
      blue: combineSides(this.#counters.blue, side('blue', blue), 1),
      green: combineSides(this.#counters.green, side('green', green), 1),
    };
    return this.#counters;
  }

  restart(): void {
    this.#counters = { ...this.#counters, bootId: 'another boot', blue: emptySide(), green: emptySide() };
  }

  #side(count: number, failed: number, latency: Histogram): SideCounters {
    const status = { ...emptySide().status, '2xx': count - failed, '5xx': failed };
    return { ...emptySide(), requests: count, status, latency: combine(latency, [], 1) };
  }
}

/** All comparisons of one watch together keep to the alpha of the rules. */
export const frameOf = (rules: AnalysisRules, against: Against | null): Frame => ({
  rules,
  colour: 'green',
  against,
  alpha: rules.alpha / Math.max(1, rules.measures.length),
  settleMs: 0,
  slots: null,
});
export const sameMinutes: Against = { colour: 'blue', when: 'same-minutes' };
export const noFigures: ReadonlyMap<string, Figure> = new Map();

/** What came of a watch. */
export interface Watched {
  readonly outcome: 'roll-back' | 'go-on' | 'wait';
  readonly because: string | null;
  readonly state: AnalysisState;
  /** How many requests the new side had. */
  readonly requests: number;
}

/**
 * Watches a release for so many looks of a second each.
 *
 * @param seed fixes all that is random
 * @param perSecond requests of the old side and of the new one
 * @param before how many requests the old side had before the switch, if it has none now
 */
export function watch(
  seed: number,
  rules: AnalysisRules,
  release: Release,
  [blue, green]: readonly [number, number],
  looks: number,
  before?: number,
): Watched {
  const random = new Random(seed);
  const traffic = new Traffic(random);
  let against: Against | null = sameMinutes;
  if (before !== undefined) {
    traffic.pass(60_000, [before, good], [0, good]);
    against = { colour: 'blue', when: 'before', figures: traffic.counters.blue };
  }
  const frame = frameOf(rules, against);
  let state = begun(frame, traffic.counters.at, traffic.counters);
  for (let look = 1; look <= looks; look++) {
    const counters = traffic.pass(1000, [blue, good], [green, release]);
    state = looked(state, frame, { at: counters.at, counters, figures: noFigures });
    // As it comes back from the log.
    if (look % 16 === 0) state = AnalysisState.parse(JSON.parse(JSON.stringify(state)));
    const outcome = outcomeOf(state, rules, look === looks ? 0 : 1);
    if (outcome.act !== 'wait' || look === looks)
      return {
        outcome: outcome.act,
        because: outcome.act === 'roll-back' ? outcome.measure.name : null,
        state,
        requests: counters.green.requests,
      };
  }
  throw new Error('no look');
}
