import { z } from 'zod';
import { Colour } from '../colour-schema.ts';
import { quantileMs } from '../latency.ts';
import { Histogram } from '../latency-schema.ts';
import { differenceKinds } from './difference.ts';

const count = z.int().min(0);
const shown = z.string().max(2000);

/** Why a request that was chosen was not mirrored. `method`, `upgrade`, `grpc`, `request-too-long`, `response-too-long`, `live-failed`: it was not fit for it; the others: it was dropped. */
export const skipReasons = [
  'method',
  'upgrade',
  'grpc',
  'stream',
  'request-too-long',
  'response-too-long',
  'live-failed',
  'encoding',
  'mirror-away',
  'pipe-full',
  'queue-full',
  'too-late',
] as const;
export type SkipReason = (typeof skipReasons)[number];

/** Those of the reasons that say that the mirror could not keep up. */
export const dropReasons: readonly SkipReason[] = ['mirror-away', 'pipe-full', 'queue-full', 'too-late'];

const SkipCounts = z.partialRecord(z.enum(skipReasons), count);
export type SkipCounts = z.infer<typeof SkipCounts>;

/** One request whose answers differed, without its secrets. */
export const DiffExample = z.object({
  /** Milliseconds since 1970. */
  at: z.number(),
  /** `GET /orders/42?page=2`. */
  request: shown,
  headers: z.record(z.string(), shown),
  /** Null: it had none. */
  body: shown.nullable(),
  status: z.object({ live: z.int(), idle: z.int().nullable() }),
  /** What differed, as live and as the idle side have it; null: nothing was there. */
  live: shown.nullable(),
  idle: shown.nullable(),
});
export type DiffExample = z.infer<typeof DiffExample>;

/** A kind of difference at a place, in the answers of one route. */
export const DiffCause = z.object({
  kind: z.enum(differenceKinds),
  at: shown,
  /** In how many answers. */
  count,
  /** How many of these requests were sent to live once more, and in how many of them live differed from itself in the same way. */
  controls: count,
  explained: count,
  examples: z.array(DiffExample).max(3),
});
export type DiffCause = z.infer<typeof DiffCause>;

/** Enough samples of its own to call a cause noise or not; its share of controls that live explains. */
const noiseShare = 0.25;

/**
 * Whether live differs from itself at that place: then it says nothing of the idle side. Where a value is random, live explains at least half of
 * the differences that are seen; where it is not, hardly any.
 */
export const isNoise = ({ controls, explained }: Pick<DiffCause, 'controls' | 'explained'>): boolean =>
  explained > 0 && explained >= noiseShare * controls;

/** What was compared of one route. */
export const RouteDiff = z.object({
  /** `GET /orders/{n}`. */
  route: shown,
  compared: count,
  causes: z.array(DiffCause),
  /** How many answers showed which causes, by their places in `causes`: so that noise that is learnt late is noise from the beginning. */
  sets: z.array(z.object({ causes: z.array(count), count })),
  /** Answers with causes or sets of them that had no room: each counts as a difference. */
  unlisted: count,
  latency: z.object({ live: Histogram, idle: Histogram }),
});
export type RouteDiff = z.infer<typeof RouteDiff>;

/** All that a mirror has found: what is on disk, and what text, JSON and HTML are made from. */
export const DiffReport = z.object({
  format: z.literal(1),
  service: z.string(),
  id: z.string(),
  from: Colour,
  to: Colour,
  /** The releases of both sides. */
  releases: z.object({ live: z.int().nullable(), idle: z.int().nullable() }),
  share: z.number(),
  /** Milliseconds since 1970. */
  startedAt: z.number(),
  updatedAt: z.number(),
  /** Requests whose turn it was. */
  chosen: count,
  /** Why some of them were not compared. */
  skipped: SkipCounts,
  /** Requests to live beyond those of users. */
  controls: count,
  /** Over both: as this report's maker saw them, which is not how users did (`latency.users`). */
  latency: z.object({ users: Histogram, live: Histogram, idle: Histogram }),
  routes: z.array(RouteDiff),
  /** Whether it goes on. */
  running: z.boolean(),
  /** How often the process that compares began anew; what was on its way then is not in the counts. */
  restarts: count,
});
export type DiffReport = z.infer<typeof DiffReport>;

/** Of these answers, how many showed a difference that is no noise, and how many nothing but noise. */
export function judgeRoute({ causes, sets, unlisted }: RouteDiff): {
  readonly differing: number;
  readonly noisy: number;
} {
  const noise = causes.map(isNoise);
  let differing = unlisted;
  let noisy = 0;
  for (const { causes: present, count } of sets)
    if (present.some((index) => noise[index] !== true)) differing += count;
    else noisy += count;
  return { differing, noisy };
}

/** A cause that is no noise, and where. */
export const BlamedCause = z.object({
  route: shown,
  kind: z.enum(differenceKinds),
  at: shown,
  count,
});
export type BlamedCause = z.infer<typeof BlamedCause>;

const ms = z.number().nullable();
/** What a report comes to, in a few numbers: for receipts and gates. */
export const DiffSummary = z.object({
  id: z.string(),
  from: Colour,
  to: Colour,
  share: z.number(),
  tookMs: z.number(),
  compared: count,
  differing: count,
  /** Answers that differed only where live differs from itself. */
  noisy: count,
  controls: count,
  skipped: SkipCounts,
  /** The idle side's answers against live's second ones: both as the mirror saw them. Without second ones `live` is as users had it. */
  latency: z.object({
    live: z.object({ p50Ms: ms, p99Ms: ms }),
    idle: z.object({ p50Ms: ms, p99Ms: ms }),
  }),
  /** The most frequent ones that are no noise. */
  causes: z.array(BlamedCause).max(5),
});
export type DiffSummary = z.infer<typeof DiffSummary>;

/** All causes that are no noise, the most frequent first. */
export const blamedCauses = ({ routes }: DiffReport): BlamedCause[] =>
  routes
    .flatMap(({ route, causes }) =>
      causes
        .filter((cause) => !isNoise(cause))
        .map(({ kind, at, count }): BlamedCause => ({ route, kind, at, count })),
    )
    .sort((a, b) => b.count - a.count);

const quantiles = (histogram: Histogram) => ({
  p50Ms: quantileMs(histogram, 0.5),
  p99Ms: quantileMs(histogram, 0.99),
});

export function summarize(report: DiffReport): DiffSummary {
  const { id, from, to, share, startedAt, updatedAt, controls, skipped, latency, routes } = report;
  let compared = 0;
  let differing = 0;
  let noisy = 0;
  for (const route of routes) {
    const judged = judgeRoute(route);
    compared += route.compared;
    differing += judged.differing;
    noisy += judged.noisy;
  }
  const live = latency.live.length > 0 ? latency.live : latency.users;
  return {
    ...{ id, from, to, share, tookMs: Math.max(0, updatedAt - startedAt) },
    ...{ compared, differing, noisy, controls, skipped },
    latency: { live: quantiles(live), idle: quantiles(latency.idle) },
    causes: blamedCauses(report).slice(0, 5),
  };
}

/** Which share of what was compared differs; 0 where nothing was compared. */
export const differingShare = ({
  compared,
  differing,
}: Pick<DiffSummary, 'compared' | 'differing'>): number => (compared === 0 ? 0 : differing / compared);

/** `$.total changed in GET /orders/{n} (12)`. */
export const formatCause = ({ route, kind, at, count }: BlamedCause): string =>
  `${formatPlaceOfCause(kind, at)} in ${route} (${count})`;

export function formatPlaceOfCause(kind: BlamedCause['kind'], at: string): string {
  switch (kind) {
    case 'status':
      return `status ${at}`;
    case 'header':
      return `header ${at}`;
    case 'no-answer':
      return `no answer: ${at}`;
    case 'text':
    case 'bytes':
      return `${at} differs (${kind})`;
    case 'format':
      return `${at} of another format`;
    default:
      return `${at} ${kind === 'type' ? 'of another type' : kind === 'order' ? 'in another order' : kind === 'length' ? 'of another length' : kind}`;
  }
}
