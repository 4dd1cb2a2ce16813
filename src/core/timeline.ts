import { z } from 'zod';
import { colours, type Colour } from './colour.ts';
import { quantileMs } from './latency.ts';
import { combineSides, emptySide, failures, type Counters, type SideCounters } from './traffic.ts';

/** How many points a timeline has at most. */
export const timelinePoints = 120;
/** How far apart the first looks are; the longer it lasts, the further apart they are. */
export const firstLookMs = 500;

const numbers = z.array(z.number().nullable()).max(timelinePoints);

/** What one environment did in each span, column by column; latencies are null where nothing was answered. */
export const SideTimeline = z.object({
  requests: numbers,
  /** Not whole: `FailureCause`. */
  failed: numbers,
  /** Whole responses of class 5xx. */
  errors: numbers,
  p50Ms: numbers,
  p99Ms: numbers,
});
export type SideTimeline = z.infer<typeof SideTimeline>;

/**
 * How the traffic went while a deployment did: point `n` is about the span that ends at `until[n]` and begins where the one before
 * ended (the first: at `from`). Times in milliseconds since 1970.
 */
export const Timeline = z
  .object({
    from: z.number(),
    until: z.array(z.number()).max(timelinePoints),
    blue: SideTimeline,
    green: SideTimeline,
  })
  .refine(
    ({ until, blue, green }) =>
      [blue, green].every((side) => Object.values(side).every(({ length }) => length === until.length)),
    { error: 'expected as many values in each column as there are points' },
  );
export type Timeline = z.infer<typeof Timeline>;

/** Looks at the router's counters, thinned out as they grow many, so that hours fit where seconds do. */
export interface Looks {
  readonly taken: readonly Counters[];
  /** How long to wait for the next one. */
  readonly everyMs: number;
  /** How many were tried in vain. */
  readonly missed: number;
}

export const noLooks: Looks = { taken: [], everyMs: firstLookMs, missed: 0 };

/** With one more. When there are too many, every second one goes, and looks are twice as far apart from then on. */
export function withLook({ taken, everyMs, missed }: Looks, counters: Counters): Looks {
  const all = [...taken, counters];
  if (all.length <= timelinePoints) return { taken: all, everyMs, missed };
  return { taken: all.filter((_, index) => index % 2 === 0), everyMs: 2 * everyMs, missed };
}

export const withMiss = (looks: Looks): Looks => ({ ...looks, missed: looks.missed + 1 });

/** What was counted from one look to the next; a router that was started in between counts from nothing. */
const between = (from: Counters, to: Counters, colour: Colour): SideCounters =>
  combineSides(to[colour], from.bootId === to.bootId ? from[colour] : emptySide(), -1);

/** The timeline that the looks make; null if there are not two of them. */
export function timelineOf({ taken }: Looks): Timeline | null {
  const [first, ...later] = taken;
  if (!first || later.length === 0) return null;
  const column = (colour: Colour): SideTimeline => {
    const spans = later.map((counters, index) => between(taken[index] ?? first, counters, colour));
    return {
      requests: spans.map(({ requests }) => requests),
      failed: spans.map(failures),
      errors: spans.map(({ status }) => status['5xx']),
      p50Ms: spans.map(({ latency }) => quantileMs(latency, 0.5)),
      p99Ms: spans.map(({ latency }) => quantileMs(latency, 0.99)),
    };
  };
  const [blue, green] = colours.map(column);
  if (!blue || !green) return null;
  return { from: first.at, until: later.map(({ at }) => at), blue, green };
}
