import { z } from 'zod';
import { formatDuration } from './duration-text.ts';
import { median } from './median.ts';
import type { WarmUp } from './spec/warm-up.ts';

/** What one round of requests to one instance found. */
export interface Round {
  readonly requests: number;
  readonly failed: number;
  /** Of the first answer; null if there was none. */
  readonly firstMs: number | null;
  /** The median of those that were answered as expected; null if none was. */
  readonly p50Ms: number | null;
}

/** The rounds of one instance so far. */
export interface Warming {
  readonly requests: number;
  readonly failed: number;
  /** The latency of the very first answer; null until there is one. */
  readonly firstMs: number | null;
  /** Of the rounds since the last one in which a request failed: what fails fast is not warm. */
  readonly medians: readonly number[];
}

export const cold: Warming = { requests: 0, failed: 0, firstMs: null, medians: [] };

/** The same with one more round; of the medians only those are kept that can still matter. */
export function warmed(sofar: Warming, round: Round, { over }: WarmUp['settle']): Warming {
  const clean = round.failed === 0 && round.p50Ms !== null;
  return {
    requests: sofar.requests + round.requests,
    failed: sofar.failed + round.failed,
    firstMs: sofar.firstMs ?? round.firstMs,
    medians: clean && round.p50Ms !== null ? [...sofar.medians, round.p50Ms].slice(-2 * over) : [],
  };
}

/** Differences below it nobody feels, and no measurement tells from noise: in milliseconds. */
export const noiseMs = 0.25;

/** The change from one value to the next, as the median of those between any two: one stray round does not bend it. */
function trend(values: readonly number[]): number {
  const slopes = values.flatMap((a, i) => values.slice(i + 1).map((b, distance) => (b - a) / (distance + 1)));
  return median(slopes) ?? 0;
}

/**
 * Whether the latency has settled: the median of the last `over` rounds is within `within` of that of as many before them, and over all of
 * these rounds it does not go down any more.
 */
export function settled({ medians }: Pick<Warming, 'medians'>, { within, over }: WarmUp['settle']): boolean {
  if (medians.length < 2 * over) return false;
  const all = medians.slice(-2 * over);
  const before = median(all.slice(0, over)) ?? 0;
  const last = median(all.slice(over)) ?? 0;
  const slack = Math.max(within * before, noiseMs);
  return Math.abs(last - before) <= slack && -trend(all) * (all.length - 1) <= 2 * slack;
}

/** Whether more requests have failed than may. What is just begun is not judged by its first requests. */
export const tooManyFailed = ({ requests, failed }: Warming, { errors, leastRequests }: WarmUp): boolean =>
  errors !== undefined && requests >= leastRequests && failed > errors * requests;

/** How many requests a round has: each path as often as the others, so that rounds can be compared. */
export const roundSize = ({ paths, concurrency }: Pick<WarmUp, 'paths' | 'concurrency'>): number =>
  Math.ceil(Math.max(10, concurrency) / paths.length) * paths.length;

/** What came of warming the instances of a side. Times in milliseconds. */
export const Warmth = z.object({
  release: z.int().min(1),
  instances: z.number(),
  /** How many of them settled. */
  settled: z.number(),
  requests: z.number(),
  failed: z.number(),
  /** Of the slowest instance. */
  firstMs: z.number().nullable(),
  /** Of its last round; of the slowest instance. */
  p50Ms: z.number().nullable(),
  ms: z.number(),
});
export type Warmth = z.infer<typeof Warmth>;

/** Of a latency that may not have been measured. */
export const shownMs = (ms: number | null): string => (ms === null ? '–' : formatDuration(ms));

/** Such as `settled at p50 3.1ms after 220 requests (first: 84ms)`. */
export function warmthWords({
  instances,
  settled: warmOnes,
  requests,
  failed,
  firstMs,
  p50Ms,
  ms,
}: Warmth): string {
  const many = instances > 1;
  const state =
    warmOnes === instances
      ? `${many ? `${instances} instances ` : ''}settled at`
      : `not settled${many ? ` (${instances - warmOnes} of ${instances} instances)` : ''} within ${formatDuration(ms)}, goes on at`;
  return `${state} p50 ${shownMs(p50Ms)} after ${requests} requests (first: ${shownMs(firstMs)})${failed > 0 ? `, ${failed} failed` : ''}`;
}
