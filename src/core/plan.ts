import { z } from 'zod';
import { HookStage, OnFailure } from './spec/hook.ts';
import { PlannedAnalysis } from './analysis/plan.ts';
import { Colour } from './colour-schema.ts';
import { InService } from './in-service.ts';
import { gateKinds } from './spec/gate.ts';
import { Weights } from './weights.ts';

const release = z.int().min(1);

/** How many instances of each side are in service ahead of a step, and behind it. */
const change = { before: InService, after: InService };

/**
 * One step as a plan names it: what is to be done, with all that it depends on, and nothing that is found out on the way.
 * Each is idempotent: it looks first, acts only if needed, and verifies what it did.
 */
export const PlannedStep = z.discriminatedUnion('kind', [
  /**
   * Empties the environment (`retires`: the release that was kept hot there) and chooses addresses. `restores`: the release that served there,
   * and is brought back when this is taken back.
   */
  z.object({
    kind: z.literal('prepare'),
    colour: Colour,
    release,
    retires: release.nullable(),
    restores: release.optional(),
  }),
  z.object({ kind: z.literal('ship'), colour: Colour, release }),
  /** `only`: the first so many of the layer that gets traffic, as the other steps before the first `join`; absent: all. */
  z.object({ kind: z.literal('start'), colour: Colour, release, only: z.int().min(1).optional() }),
  z.object({ kind: z.literal('health'), colour: Colour, release }),
  /** Asks its instances until their latency has settled, `atMostMs` long. */
  z.object({ kind: z.literal('warm'), colour: Colour, release, atMostMs: z.number() }),
  z.object({ kind: z.literal('verify'), colour: Colour, release, checks: z.int().min(0) }),
  /** Copies of the live traffic are answered by `colour`, and its answers compared with those of `from`. `limit`: which share of them may differ. */
  z.object({
    kind: z.literal('mirror'),
    from: Colour,
    colour: Colour,
    release,
    share: z.number(),
    forMs: z.number(),
    leastRequests: z.int(),
    limit: z.number(),
  }),
  /** `to` gets this part of the traffic, in per cent, and `from`, which is live, the rest. */
  z.object({
    kind: z.literal('weigh'),
    from: Colour,
    to: Colour,
    release,
    weight: z.int().min(0).max(100),
  }),
  /** `forMs` null: until a person says that it goes on. `weight`: what it gets meanwhile. `back`: the side that a failure goes back to. */
  z.object({
    kind: z.literal('hold'),
    colour: Colour,
    release,
    back: Colour.nullable(),
    weight: z.int().min(0).max(100),
    forMs: z.number().min(0).nullable(),
    analysis: PlannedAnalysis.optional(),
  }),
  /** Waits until gate number `gate` of the spec is open; `what` says in words what it waits for. */
  z.object({
    kind: z.literal('gate'),
    gate: z.int().min(1),
    release,
    name: z.string(),
    before: z.string(),
    waitsFor: z.enum(gateKinds),
    what: z.string(),
    timeoutMs: z.number().nullable(),
    onTimeout: z.enum(['fail', 'go-on']),
    reason: z.string().nullable(),
  }),
  /** `colour`, which serves as `live` does, gets no more requests of users, and is for testers. `weights`: how both served, and do again when this is taken back. */
  z.object({ kind: z.literal('withdraw'), colour: Colour, live: Colour, release, weights: Weights }),
  /** `colour` serves again, beside `live`. */
  z.object({ kind: z.literal('rejoin'), colour: Colour, live: Colour, release, weights: Weights }),
  /** The workers of `colour` stop, before others begin. */
  z.object({ kind: z.literal('passivate'), colour: Colour, release }),
  /** The workers of `colour` begin. `back`: the side whose workers take up again when this is taken back. */
  z.object({ kind: z.literal('activate'), colour: Colour, release, back: Colour.nullable() }),
  /** Waits until all services of the set have come as far: before they switch, or at the end, when all have done well. */
  z.object({
    kind: z.literal('muster'),
    set: z.string(),
    when: z.enum(['switch', 'end']),
    others: z.array(z.string()),
  }),
  /**
   * Instances of `layer` on `to` are started, if they are not yet, and come into service when they are healthy: those from the one behind
   * `before` on. `from`: the side that is renewed.
   */
  z.object({ kind: z.literal('join'), from: Colour, to: Colour, release, layer: z.string(), ...change }),
  /** Instances of `layer` on `from` leave the service, finish what they have begun, and are stopped: the last ones, down to `after`. */
  z.object({
    kind: z.literal('leave'),
    from: Colour,
    to: Colour,
    release,
    layer: z.string(),
    ...change,
    forMs: z.number(),
    closeOverMs: z.number().nullable(),
  }),
  /**
   * `set`: the set whose services all switch at this moment; absent: it goes by itself. `instances`: where each side has only a part of them in
   * service; absent: all, on one side.
   */
  z.object({
    kind: z.literal('switch'),
    from: Colour.nullable(),
    to: Colour,
    release,
    set: z.string().optional(),
    instances: z.object(change).optional(),
  }),
  /** Clients keep where they are sent for `forMs` from now on, and not for `keptMs`. */
  z.object({ kind: z.literal('shorten'), keptMs: z.number(), forMs: z.number() }),
  /**
   * Waits until `forMs` after `shorten`: nobody keeps longer what was told before. `back`: how clients leave `colour` if the traffic has been
   * taken back from it, as `linger` has it.
   */
  z.object({
    kind: z.literal('expire'),
    colour: Colour,
    forMs: z.number(),
    back: z.object({ forMs: z.number(), quietMs: z.number(), atMostMs: z.number() }),
  }),
  /**
   * `colour` serves those who come late, until `forMs` after the switch, and then until nobody has come for `quietMs`, but no longer than
   * `atMostMs` more. Meanwhile release `release` on `to` is watched. `quietMs` 0: who comes is not observed.
   */
  z.object({
    kind: z.literal('linger'),
    colour: Colour,
    to: Colour,
    release,
    forMs: z.number(),
    quietMs: z.number(),
    atMostMs: z.number(),
  }),
  /** Clients keep where they are sent for `forMs` again. */
  z.object({ kind: z.literal('lengthen'), forMs: z.number() }),
  /** `closeOverMs`: the time over which what is left then is ended; null: it goes on, as it did in plans that say nothing. */
  z.object({
    kind: z.literal('drain'),
    colour: Colour,
    forMs: z.number(),
    closeOverMs: z.number().nullable().default(null),
  }),
  /** What is left on `colour` after its drain is ended by the programs themselves, which are told to finish and then started anew for the way back. */
  z.object({ kind: z.literal('finish'), colour: Colour, release }),
  /** `back`: the side that a failure goes back to, if there is one. */
  z.object({
    kind: z.literal('bake'),
    colour: Colour,
    release,
    back: Colour.nullable(),
    forMs: z.number(),
    analysis: PlannedAnalysis.optional(),
  }),
  z.object({ kind: z.literal('keep'), colour: Colour, release, forMs: z.number() }),
  z.object({ kind: z.literal('retire'), colour: Colour, release }),
  /**
   * Hook number `hook` of the spec of release `of` is run. `release`: the one that the stage is about, on `colour`; `from`: the side that had
   * the traffic. `undo`: not now, but when the deployment is taken back as far as here.
   */
  z.object({
    kind: z.literal('hook'),
    hook: z.int().min(0),
    of: release,
    name: z.string(),
    runs: z.string(),
    when: z.enum(['before', 'after']),
    stage: HookStage,
    colour: Colour,
    release,
    from: Colour.nullable(),
    timeoutMs: z.number(),
    onFailure: OnFailure,
    undo: z.boolean(),
  }),
]);
export type PlannedStep = z.infer<typeof PlannedStep>;
export type StepKind = PlannedStep['kind'];

/**
 * The work of a deployment as data: `cutover plan` prints the very list that `cutover deploy` walks.
 * `later` is walked when its time comes, unless the next deployment comes first.
 */
export const Plan = z.object({
  kind: z.enum(['deploy', 'rollback', 'switch', 'retire']),
  strategy: z.string(),
  release,
  steps: z.array(PlannedStep).min(1),
  later: z.array(PlannedStep),
  /** Of a split fleet: what becomes of the half that is renewed when the other half fails. */
  onSecondFailure: z.enum(['back', 'hold']).optional(),
  /** What a person should know before it begins, e.g. that a way back is given up. */
  notes: z.array(z.string()),
});
export type Plan = z.infer<typeof Plan>;
