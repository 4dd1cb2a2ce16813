import { z } from 'zod';
import { Histogram } from '../latency-schema.ts';
import { Counters, SideCounters } from '../traffic.ts';
import { Evidence } from './evidence.ts';

const count = z.number().min(0);
const Share = z.object({ of: count, bad: count });

/**
 * `good`: nothing speaks against the side. `bad`: it is taken back. `waiting`: too little is known. `none`: there is nothing to compare it
 * with, so it does not count.
 */
export const Judgement = z.enum(['waiting', 'good', 'bad', 'none']);
export type Judgement = z.infer<typeof Judgement>;

/** What became of one measure, for people and for receipts. */
export const Judged = z.object({
  name: z.string(),
  judgement: Judgement,
  /** One line: what was found, against what, of how many requests. */
  says: z.string().max(500),
  /** Shares from 0 to 1, latencies in milliseconds, what a source says; null: nothing yet. */
  value: z.number().nullable(),
  /** The other side's. */
  other: z.number().nullable(),
  unit: z.enum(['share', 'ms', 'number']),
  /** Requests of the side that are watched; for a source of figures its answers. */
  samples: count,
});
export type Judged = z.infer<typeof Judged>;

/** What is kept of a measure from one look to the next. */
export const MeasureState = Judged.extend({
  /** Of a limit: what was counted since it was last judged, and how often in a row it was breached. */
  limit: z.object({
    of: count,
    bad: count,
    latency: Histogram,
    breaches: z.int().min(0),
    judged: z.boolean(),
  }),
  /** Of a comparison. */
  test: z.object({
    evidence: Evidence,
    /** What was counted while the other side had no request, or this one; latencies above the buckets `above` are its bad ones. */
    pending: z.object({
      fresh: Share,
      against: Share,
      above: z.object({ fresh: z.int(), against: z.int() }).nullable(),
    }),
    /** How many rank tests were made, and from how many requests on the next one is. */
    ranks: z.int().min(0),
    nextRank: count,
    proven: z.boolean(),
  }),
  /** Since when a source of figures has not answered; milliseconds since 1970. */
  awaySince: z.number().nullable(),
});
export type MeasureState = z.infer<typeof MeasureState>;

/**
 * What is known of a side that is watched, up to a look. It is all that is needed to go on after a restart of the controller: the counters
 * live in the proxy, so what they have counted meanwhile is one look more.
 */
export const AnalysisState = z.object({
  /** From when on it is counted, in milliseconds since 1970. */
  since: z.number(),
  looks: z.int().min(0),
  /** How far it has been counted; null: not yet. */
  seen: Counters.nullable(),
  /** What both sides did since; latencies of the fresh side only after it had time to settle. */
  fresh: SideCounters,
  against: SideCounters,
  measures: z.array(MeasureState).max(20),
});
export type AnalysisState = z.infer<typeof AnalysisState>;

/** What of it is for people. */
export const judgedOf = ({ measures }: AnalysisState): Judged[] =>
  measures.map(({ name, judgement, says, value, other, unit, samples }) => ({
    name,
    judgement,
    says,
    value,
    other,
    unit,
    samples,
  }));
