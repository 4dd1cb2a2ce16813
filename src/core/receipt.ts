import { z } from 'zod';
import { AnalysisReceipt } from './analysis/receipt.ts';
import { Colour } from './colour-schema.ts';
import { Cut } from './cut-schema.ts';
import { HookRun } from './hook-run.ts';
import { DiffSummary } from './mirror/diff-report.ts';
import { SetPart } from './set.ts';
import { Timeline } from './timeline.ts';
import { Warmth } from './warm-up.ts';
import { Verdict } from './verdict.ts';

/** SHA-256, in hexadecimal. */
const Hash = z.string().regex(/^[0-9a-f]{64}$/, { error: 'expected 64 hexadecimal digits' });

const latency = z.object({
  requests: z.number(),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
});

/** What went through one environment during a deployment. */
export const SideReceipt = z.object({
  release: z.int().nullable(),
  requests: z.number(),
  failed: z.record(z.string(), z.number()),
  held: z.number(),
  retried: z.number(),
  writes: z.number(),
  clientClosed: z.number(),
  /** What was ended on purpose, so that this environment got free. */
  cut: Cut.optional(),
  /** Of `requests`, those of testers. */
  previews: z.number().optional(),
  /** Of `requests`, those that were answered with what the environment before still had. */
  fromBefore: z.number().optional(),
  status: z.record(z.string(), z.number()),
});
export type SideReceipt = z.infer<typeof SideReceipt>;

/** The measured proof of a deployment, from the router's own counters. Times in milliseconds. */
export const Receipt = z.object({
  service: z.string(),
  deployment: z.int(),
  kind: z.string(),
  release: z.int(),
  version: z.string(),
  outcome: z.string(),
  by: z.string(),
  /** How the service met requests when it ended. */
  mode: z.string().optional(),
  /** The set that it was a part of, and the deployments of the other services in it; absent: the service changed by itself. */
  set: SetPart.optional(),
  startedAt: z.number(),
  endedAt: z.number(),
  requests: z.number(),
  failed: z.number(),
  held: z.number(),
  retried: z.number(),
  environments: z.object({ blue: SideReceipt, green: SideReceipt }),
  /** Before the switch, from the switch until the dust has settled, and from then to the end. */
  latency: z.object({ before: latency, during: latency, after: latency }).nullable(),
  switch: z
    .object({
      from: Colour.nullable(),
      to: Colour,
      epoch: z.int(),
      at: z.number(),
      switchMs: z.number(),
      holdMs: z.number(),
    })
    .nullable(),
  /** The switch back, if the deployment was taken back after its switch. */
  switchBack: z.object({ to: Colour, epoch: z.int(), at: z.number(), switchMs: z.number() }).nullable(),
  /** What the new side was asked before the switch, so that users found it warm. */
  warmUp: Warmth.optional(),
  /** What going back would lose or lost, where that was asked; absent where it was not. */
  wayBack: z
    .object({
      verdict: Verdict.nullable(),
      /** Since when the deployment waited for a person; null: it did not have to. */
      frozenAt: z.number().nullable(),
      decision: z
        .object({
          decision: z.enum(['back', 'keep']),
          by: z.string(),
          reason: z.string().nullable(),
          at: z.number(),
        })
        .nullable(),
      /** Why a person ordered it or had it aborted. */
      reason: z.string().nullable(),
    })
    .optional(),
  drainMs: z.number().nullable(),
  leftAfterDrain: z.number().nullable(),
  /** Clients who still went to the side that had lost the traffic, where a router has such; `late` null: they were not observed. */
  lateClients: z
    .object({
      colour: Colour,
      /** How long the side served them. */
      ms: z.number(),
      late: z.number().nullable(),
      lastAt: z.number().nullable(),
      /** False: some still came when they were no longer waited for. */
      left: z.boolean(),
    })
    .optional(),
  steps: z.array(
    z.object({
      kind: z.string(),
      status: z.string(),
      startedAt: z.number().nullable(),
      ms: z.number().nullable(),
    }),
  ),
  /** The hooks that were run, in their order; absent: none was. */
  hooks: z.array(HookRun).optional(),
  /** What copies of the live traffic showed before the switch; absent: nothing was mirrored. */
  mirror: DiffSummary.optional(),
  /** What was looked at while the new side took traffic; absent: nothing. */
  analysis: z.array(AnalysisReceipt).optional(),
  /** How the traffic was divided before the switch, from each moment to the next; absent: it was not. */
  canary: z
    .array(
      z.object({
        to: Colour,
        /** Of `to`, in per cent; 0: all was taken back. */
        weight: z.number(),
        at: z.number(),
        /** Until it was divided anew, or switched, or the deployment ended. */
        ms: z.number(),
        /** What each side got meanwhile; null where the router was restarted in between. */
        requests: z.object({ blue: z.number(), green: z.number() }).nullable(),
        failed: z.object({ blue: z.number(), green: z.number() }).nullable(),
      }),
    )
    .optional(),
  /** What was waited for, and who opened it; absent: there was nothing. */
  gates: z
    .array(
      z.object({
        gate: z.int(),
        name: z.string(),
        before: z.string(),
        waitsFor: z.string(),
        status: z.string(),
        says: z.string().nullable(),
        waitedMs: z.number().nullable(),
        said: z.array(
          z.object({ kind: z.string(), by: z.string(), at: z.number(), reason: z.string().nullable() }),
        ),
      }),
    )
    .optional(),
  /** Who paused, resumed or promoted it, and when; absent: nobody did. */
  interventions: z
    .array(z.object({ kind: z.string(), by: z.string(), at: z.number(), force: z.boolean() }))
    .optional(),
  /** How the traffic went meanwhile; null if the router was not looked at twice. */
  timeline: Timeline.nullable(),
  /** What could not be measured, and why; empty when all could. */
  gaps: z.array(z.string()),
  /** The hash of the service's receipt before this one; null for the first. So none can be changed or taken out unseen (`receipt-chain.ts`). */
  previous: Hash.nullable(),
  /** Of everything else in this receipt. */
  hash: Hash,
});
export type Receipt = z.infer<typeof Receipt>;

/** A receipt that is not yet part of the chain. */
export type Draft = Omit<Receipt, 'previous' | 'hash'>;
