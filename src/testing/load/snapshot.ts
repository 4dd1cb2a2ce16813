import { z } from 'zod';
import { Histogram } from '../../core/latency-schema.ts';
import { kinds } from './profile.ts';

/** Why a request counts as failed. */
export const Reason = z.enum([
  'connect-refused',
  'connect-failed',
  'reset',
  'closed',
  'truncated',
  'status',
  'malformed',
  'wrong-content',
  'mixed',
  'timeout',
  'message-lost',
]);
export type Reason = z.infer<typeof Reason>;

/** A moment in the load: requests whose first byte was sent later are `begunAfter` it. */
export const Mark = z.int().min(0);
export type Mark = z.infer<typeof Mark>;

const count = z.int().min(0);
const ms = z.number().nullable();

/** How many failures are kept with their particulars; all are counted. */
export const maxFailures = 100;

export const Failure = z.object({
  atMs: count.describe('Since the load began.'),
  kind: z.enum(kinds),
  label: z.string(),
  reason: Reason,
  detail: z.string(),
  environment: z.string().nullable(),
  release: z.string().nullable(),
});
export type Failure = z.infer<typeof Failure>;

/** `requests` have ended, well or not. Latencies are of those that ended well; for `websocket` they are of messages. */
export const KindCount = z.object({
  requests: count,
  failed: count,
  p50Ms: ms,
  p99Ms: ms,
  latency: Histogram,
});
export type KindCount = z.infer<typeof KindCount>;

/** By who answered; requests that nobody answered are in `requests` and `failed` only. */
export const Counts = z.object({
  requests: count,
  failed: count,
  byEnvironment: z.record(z.string(), count),
  byRelease: z.record(z.string(), count),
});
export type Counts = z.infer<typeof Counts>;

/** All that a load has counted so far. Latency at the top is of short requests only (`keep-alive`, `close`, `order`). */
export const Snapshot = Counts.extend({
  seconds: z.number(),
  inFlight: count,
  byKind: z.partialRecord(z.enum(kinds), KindCount),
  byReason: z.partialRecord(Reason, count),
  failures: z.array(Failure).max(maxFailures).describe('The first ones.'),
  p50Ms: ms,
  p99Ms: ms,
  maxMs: ms,
  latency: Histogram,
  reopened: z
    .object({ announced: count, idle: count })
    .describe(
      'Kept connections that the server closed as it may: announced, or while nothing was in flight.',
    ),
  tunnels: z
    .object({ opened: count, messages: count, closedByServer: count, cut: count })
    .describe(
      'closedByServer: with 1001 or 1012, or (`cut`, counted in both) without a close frame, as at the drain deadline.',
    ),
});
export type Snapshot = z.infer<typeof Snapshot>;
