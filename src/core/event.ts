import { z } from 'zod';
import { AnalysisState } from './analysis/state.ts';
import { Colour } from './colour-schema.ts';
import { ErrorRecord } from './error-record.ts';
import { HookRun } from './hook-run.ts';
import { InService } from './in-service.ts';
import { DiffSummary } from './mirror/diff-report.ts';
import { RouteMirror } from './mirror/route-mirror.ts';
import { Mode } from './mode.ts';
import { Notice } from './notice.ts';
import { Placement } from './placement.ts';
import { Plan } from './plan.ts';
import { Receipt } from './receipt.ts';
import { SetPart } from './set.ts';
import { Source } from './release.ts';
import { Counters } from './traffic.ts';
import { Warmth } from './warm-up.ts';
import { Weights } from './weights.ts';
import { Verdict } from './verdict.ts';

const release = z.int().min(1);
const deployment = z.int().min(1);
const step = z.int().min(0);
const by = z.string().max(200);
const reason = z.string().max(500).nullable().default(null);

/** How a deployment ended. `frozen`: it could not be taken back without losing something; a person decides. */
export const Outcome = z.enum(['succeeded', 'undone', 'frozen']);
export type Outcome = z.infer<typeof Outcome>;

const SideCount = z.object({ requests: z.number(), failed: z.number(), writes: z.number() });

/** When traffic was measured: as the deployment began, at the switch, soon after it, and at the end. */
export const Moment = z.enum(['start', 'switch', 'settled', 'end']);
export type Moment = z.infer<typeof Moment>;

/**
 * All that can happen to a service. The log of these is the truth; state is their fold (`service.ts`).
 * These names are on disk: they are never changed, only added to.
 */
export const ServiceEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('release-created'),
    number: release,
    version: z.string().min(1).max(200),
    source: Source,
    base: z.string(),
    /** As it was written; parsed by the schema when it is read. */
    spec: z.record(z.string(), z.unknown()),
    by,
  }),
  /** `verdict`: of going back, as it stood when a person ordered that, and `reason`, which the person gave. */
  z.object({
    type: z.literal('deployment-started'),
    deployment,
    plan: Plan,
    by,
    reason: reason.optional(),
    verdict: Verdict.nullable().optional(),
    /** What it is a part of; absent: the service changes by itself. Written together with those of the other services. */
    set: SetPart.optional(),
  }),
  z.object({ type: z.literal('step-started'), deployment, step }),
  z.object({ type: z.literal('step-done'), deployment, step, says: z.string() }),
  z.object({ type: z.literal('step-failed'), deployment, step, error: ErrorRecord }),
  /** A hook was run to its end, well or badly. */
  z.object({ type: z.literal('hook-ended'), deployment, ...HookRun.shape }),
  /** What is known of a side that is watched; recorded when a judgement changes, and now and then, so that no sample is forgotten. */
  z.object({ type: z.literal('analysis-looked'), deployment, step, state: AnalysisState }),
  z.object({
    type: z.literal('abort-requested'),
    deployment,
    by,
    reason: reason.optional(),
    verdict: Verdict.nullable().optional(),
  }),
  /** No further step begins, and holds and bakes last as much longer, until it is resumed. */
  z.object({ type: z.literal('pause-requested'), deployment, by, reason }),
  /** `step`: the hold that is over with it; null: the pause. */
  z.object({ type: z.literal('resume-requested'), deployment, by, step: step.nullable() }),
  /** `step`: the gate that is meant. */
  z.object({ type: z.literal('approval-given'), deployment, by, step, approved: z.boolean(), reason }),
  /** What is left of the canary, or after the switch of the bake, is skipped; `force`: gates too. */
  z.object({ type: z.literal('promotion-requested'), deployment, by, force: z.boolean() }),
  /** From here on the deployment is taken back, newest step first. */
  z.object({
    type: z.literal('turned-back'),
    deployment,
    error: ErrorRecord,
    verdict: Verdict.nullable().optional(),
  }),
  /** It did badly, and the verdict does not allow that it goes back by itself: the traffic stays until a person has decided. */
  z.object({ type: z.literal('deployment-frozen'), deployment, error: ErrorRecord, verdict: Verdict }),
  /** What the person decided: `back` takes the deployment back all the same, `keep` goes on with the new side. */
  z.object({
    type: z.literal('decision-taken'),
    deployment,
    decision: z.enum(['back', 'keep']),
    by,
    reason,
    verdict: Verdict.nullable(),
  }),
  z.object({ type: z.literal('undo-started'), deployment, step }),
  z.object({ type: z.literal('undo-done'), deployment, step, says: z.string() }),
  z.object({ type: z.literal('undo-failed'), deployment, step, error: ErrorRecord }),
  z.object({ type: z.literal('deployment-ended'), deployment, outcome: Outcome }),
  z.object({ type: z.literal('receipt-recorded'), deployment, receipt: Receipt }),

  z.object({ type: z.literal('environment-prepared'), colour: Colour, release, placement: Placement }),
  z.object({ type: z.literal('release-shipped'), release, digest: z.string() }),
  /** `only`: the first so many of the layer that gets traffic, and all of the others; absent: all. */
  z.object({
    type: z.literal('environment-started'),
    colour: Colour,
    release,
    only: z.int().min(1).optional(),
  }),
  z.object({ type: z.literal('environment-healthy'), colour: Colour, release }),
  /** What came of the requests that were to make it warm. */
  z.object({ type: z.literal('environment-warmed'), deployment, colour: Colour, warmth: Warmth }),
  z.object({ type: z.literal('environment-verified'), colour: Colour, release }),
  /** What was on machines that are gone is no part of it any more; the rest is where it was. */
  z.object({
    type: z.literal('environment-reduced'),
    colour: Colour,
    release,
    placement: Placement,
    lost: z.array(z.string()),
  }),
  /**
   * So many of the layer that gets traffic are to run from here on, and so many of these have been healthy. Recorded before others are started
   * or stopped, and again when those that were started are healthy.
   */
  z.object({
    type: z.literal('environment-sized'),
    colour: Colour,
    release,
    started: z.int().min(0),
    healthy: z.int().min(0),
  }),
  z.object({ type: z.literal('environment-kept'), colour: Colour, release, until: z.number() }),
  z.object({ type: z.literal('environment-retired'), colour: Colour }),

  /** How the service meets requests from here on; the route that says so to the router is ordered with it. */
  z.object({ type: z.literal('mode-set'), mode: Mode, by, reason }),

  /** Somebody is to be told; written together with what it is about. */
  z.object({ type: z.literal('notice-due'), ...Notice.shape }),
  /** They were told, or that was given up. */
  z.object({
    type: z.literal('notice-ended'),
    ...Notice.shape,
    sent: z.boolean(),
    detail: z.string(),
    tries: z.int().min(0),
  }),

  /** The epoch is given out here, before the router is told: whoever wrote a later one is the newer controller. No deployment: the mode was set, or what is in force was told to a router that had forgotten it. */
  z.object({
    type: z.literal('route-ordered'),
    deployment: deployment.nullable(),
    epoch: z.int().min(1),
    live: Colour,
    /** How the traffic is divided; absent: all to `live`. */
    weights: Weights.optional(),
    /** How many instances of each side are in service; absent: all that are healthy. */
    inService: InService.optional(),
  }),
  /** The route of this epoch comes in force at several proxies: all of them were ready and held. Written before any of them is told; without it, it never does. */
  z.object({ type: z.literal('route-decided'), epoch: z.int().min(1) }),
  /** The traffic was divided anew; `requests`, `failed` and `writes` are the router's counts at that moment. */
  z.object({
    type: z.literal('traffic-weighed'),
    deployment,
    epoch: z.int().min(1),
    to: Colour,
    weight: z.int().min(0).max(100),
    holdMs: z.number(),
    held: z.number(),
    bootId: z.string(),
    blue: SideCount,
    green: SideCount,
  }),
  z.object({
    type: z.literal('traffic-switched'),
    deployment,
    epoch: z.int().min(1),
    from: Colour.nullable(),
    to: Colour,
    switchMs: z.number(),
    holdMs: z.number(),
    held: z.number(),
  }),
  /** What is copied to the side that is not live from here on; null: nothing any more. The route that says so to the router is ordered after it. */
  z.object({ type: z.literal('mirror-set'), deployment, mirror: RouteMirror.nullable() }),
  /** What came of it. */
  z.object({ type: z.literal('mirror-compared'), deployment, summary: DiffSummary }),
  /** The workers of this environment may work from here on; recorded before they are told. No deployment: what is live had none. */
  z.object({
    type: z.literal('lease-granted'),
    deployment: deployment.nullable(),
    colour: Colour,
    epoch: z.int().min(1),
  }),
  /** None of the workers of this environment works any more. */
  z.object({
    type: z.literal('lease-released'),
    deployment: deployment.nullable(),
    colour: Colour,
    epoch: z.int().min(1),
  }),
  /** The router's own counter of the writes of the side that is live, so that they are known when the router is gone. */
  z.object({
    type: z.literal('writes-counted'),
    side: Colour,
    bootId: z.string(),
    writes: z.int().min(0),
  }),
  z.object({ type: z.literal('traffic-measured'), deployment, moment: Moment, counters: Counters }),
  z.object({
    type: z.literal('traffic-drained'),
    deployment,
    colour: Colour,
    drainMs: z.number(),
    left: z.number(),
  }),
  /** Nobody is taken to come to `colour` any more, which has lost the traffic: how many came late, and when the last; null where that is not observed. */
  z.object({
    type: z.literal('traffic-lingered'),
    deployment,
    colour: Colour,
    ms: z.number(),
    late: z.number().nullable(),
    lastAt: z.number().nullable(),
    /** False: some still came when they were no longer waited for. */
    left: z.boolean(),
  }),
]);
export type ServiceEvent = z.infer<typeof ServiceEvent>;

/** An event as the log has it: numbered from 1 within its stream, with the time at which it was written. */
export interface EventRecord {
  readonly version: number;
  readonly at: number;
  readonly event: ServiceEvent;
}
