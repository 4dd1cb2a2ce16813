import { bucketLimitUs, combine, samples } from '../latency.ts';
import type { Measure, ProxyMeasure } from '../spec/analysis.ts';
import type { SideCounters } from '../traffic.ts';
import { leastForQuantile, plausibleQuantile, plausibleShare } from './bounds.ts';
import { isProof, withRatios } from './evidence.ts';
import { above, bucketOfQuantile, quantileOf, shareOf } from './figures.ts';
import type { Against, Frame, Tolerance } from './frame.ts';
import { allowedLatencies, allowedUs, bucketUpTo, rankTest, spent } from './rank-test.ts';
import { againstKnown, sideBySide, type Share } from './share-test.ts';
import type { MeasureState } from './state.ts';

type Test = MeasureState['test'];

/** What one look adds, and what both sides did before it. */
export interface Addition {
  readonly fresh: SideCounters;
  readonly against: SideCounters;
  readonly before: { readonly fresh: SideCounters; readonly against: SideCounters };
}

/** The state of a comparison after a look; `lacks`: what is missing before anything can be judged, null if nothing is. */
export interface Compared {
  readonly test: Test;
  readonly lacks: string | null;
}

const noShare: Share = { of: 0, bad: 0 };
const add = (a: Share, b: Share): Share => ({ of: a.of + b.of, bad: a.bad + b.bad });

/** Compares what the proxy counts of both sides. Once a side was proven to be worse, it stays so. */
export function compared(
  test: Test,
  measure: Measure & { readonly of: ProxyMeasure },
  tolerance: Tolerance,
  least: number,
  frame: Frame & { readonly against: Against },
  addition: Addition,
): Compared {
  if (measure.of === 'latency') return byRanks(test, tolerance, least, frame, addition);
  const q = quantileOf(measure.of);
  return frame.against.when === 'before'
    ? withBefore(test, measure.of, q, tolerance, least, frame.against, frame.alpha, addition)
    : withSameMinutes(test, measure.of, q, tolerance, least, frame.alpha, addition);
}

/**
 * Latencies are worse only if at least so many looks say so: a machine that stalls for a moment makes all requests of that moment slow at
 * once, which a test that takes them for independent would be sure of. A ratio that is cut off from above keeps its expectation of at
 * most 1.
 */
const leastLooks = 4;

const proving = (test: Test, ratios: readonly number[], alpha: number, looks = 1): Test => {
  const most = -Math.log(alpha) / looks;
  const cut = looks === 1 ? ratios : ratios.map((ratio) => Math.min(most, ratio));
  const evidence = withRatios(test.evidence, cut);
  return { ...test, evidence, proven: test.proven || isProof(evidence, alpha) };
};

/**
 * Both sides in the same minutes. A quantile is compared by the share of requests above it: T is the other side's quantile in the looks
 * before this one, and of the new side's requests no greater share may lie above what is allowed of T than of the other's above T.
 */
function withSameMinutes(
  test: Test,
  of: ProxyMeasure,
  q: number | null,
  { ratio, margin }: Tolerance,
  least: number,
  alpha: number,
  { fresh, against, before }: Addition,
): Compared {
  const sofar = (side: 'fresh' | 'against'): number =>
    q === null
      ? shareOf(of, before[side]).of + shareOf(of, side === 'fresh' ? fresh : against).of
      : samples(before[side].latency) + samples((side === 'fresh' ? fresh : against).latency);
  const [mine, others] = [sofar('fresh'), sofar('against')];
  const lacks =
    mine < least
      ? lacking(mine, least)
      : others < least
        ? `${lacking(others, least)} of the other side`
        : null;
  let pending = test.pending;
  if (q === null) {
    pending = {
      fresh: add(pending.fresh, shareOf(of, fresh)),
      against: add(pending.against, shareOf(of, against)),
      above: null,
    };
  } else {
    const limits = pending.above ?? thresholds(before.against, q, { ratio, margin }, least);
    if (limits === null) return { test, lacks: lacks ?? `${lacking(others, least)} of the other side` };
    const mine = above(fresh.latency, limits.fresh);
    // While latencies of the new side do not count yet, the other side's do not either.
    if (mine.of > 0 || pending.fresh.of > 0)
      pending = {
        fresh: add(pending.fresh, mine),
        against: add(pending.against, above(against.latency, limits.against)),
        above: limits,
      };
  }
  if (pending.fresh.of === 0 || pending.against.of === 0) return { test: { ...test, pending }, lacks };
  const allowed = q === null ? { ratio, margin } : { ratio: 1, margin: 0 };
  const ratios = sideBySide(pending.fresh, pending.against, allowed);
  const proven = proving(test, ratios, alpha, q === null ? 1 : leastLooks);
  return { test: { ...proven, pending: { fresh: noShare, against: noShare, above: null } }, lacks };
}

function thresholds(
  against: SideCounters,
  q: number,
  { ratio, margin }: Tolerance,
  least: number,
): { fresh: number; against: number } | null {
  if (samples(against.latency) < Math.min(least, Math.ceil(1 / (1 - q)))) return null;
  const bucket = bucketOfQuantile(against.latency, q);
  if (bucket === null) return null;
  return { against: bucket, fresh: bucketUpTo(allowedUs(bucketLimitUs(bucket), ratio, 1000 * margin)) };
}

/**
 * With what the other side did before: half of alpha is for its figures, of which the worst that is plausible is taken, half for the new
 * side's against that.
 */
function withBefore(
  test: Test,
  of: ProxyMeasure,
  q: number | null,
  { ratio, margin }: Tolerance,
  least: number,
  { figures }: Against & { readonly when: 'before' },
  alpha: number,
  { fresh, before }: Addition,
): Compared {
  if (q === null) {
    const share = shareOf(of, fresh);
    const base = shareOf(of, figures);
    const mine = shareOf(of, before.fresh).of + share.of;
    const lacks = base.of < least ? `${lacking(base.of, least)} before the switch` : lackingOr(mine, least);
    if (base.of < least || share.of === 0) return { test, lacks };
    const known = Math.min(0.999, plausibleShare(base, alpha / 2) * ratio + margin);
    return { test: proving(test, againstKnown(share, known), alpha / 2), lacks };
  }
  const mine = samples(before.fresh.latency) + samples(fresh.latency);
  const needed = Math.max(least, leastForQuantile(q, alpha / 2));
  const bucket = plausibleQuantile(figures.latency, q, alpha / 2);
  const enough = bucket !== null && samples(figures.latency) >= needed;
  if (!enough) return { test, lacks: `${lacking(samples(figures.latency), needed)} before the switch` };
  const share = above(fresh.latency, bucketUpTo(allowedUs(bucketLimitUs(bucket), ratio, 1000 * margin)));
  const lacks = lackingOr(mine, least);
  return {
    test: share.of === 0 ? test : proving(test, againstKnown(share, 1 - q), alpha / 2, leastLooks),
    lacks,
  };
}

/** All latencies by their ranks, each time that there are twice as many. */
function byRanks(
  test: Test,
  { ratio, margin }: Tolerance,
  least: number,
  { against: other, alpha }: Frame & { readonly against: Against },
  { fresh, against, before }: Addition,
): Compared {
  const mine = combine(before.fresh.latency, fresh.latency, 1);
  const others =
    other.when === 'before' ? other.figures.latency : combine(before.against.latency, against.latency, 1);
  const [n, m] = [samples(mine), samples(others)];
  const where = other.when === 'before' ? 'before the switch' : 'of the other side';
  const lacks = m < least ? `${lacking(m, least)} ${where}` : lackingOr(n, least);
  if (lacks !== null || Math.min(n, m) < 1 || n < test.nextRank) return { test, lacks };
  const ranks = test.ranks + 1;
  const found = rankTest(mine, allowedLatencies(others, ratio, 1000 * margin));
  const worse = found !== null && found.p <= spent(alpha, ranks);
  return { test: { ...test, ranks, nextRank: 2 * n, proven: test.proven || worse }, lacks };
}

const lacking = (has: number, least: number): string => `${has} of ${least} requests`;
const lackingOr = (has: number, least: number): string | null => (has < least ? lacking(has, least) : null);
