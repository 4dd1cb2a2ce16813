import type { Colour } from '../colour.ts';
import type { Plan, PlannedStep, StepKind } from '../plan.ts';
import type { Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { hookRuns, type Hook, type HookStage } from '../spec/hook.ts';

/** The kinds of steps that a stage is made of: from the first to the last of them in a plan. */
const kindsOf: Readonly<Record<Exclude<HookStage, 'rollback'>, readonly StepKind[]>> = {
  ship: ['ship'],
  // What has been started is of use when it is healthy, and warm.
  start: ['start', 'health', 'warm'],
  verify: ['verify'],
  // From the first part of the traffic that moves.
  switch: ['weigh', 'withdraw', 'rejoin', 'join', 'hold', 'switch'],
  bake: ['bake'],
  retire: ['retire'],
};

/** What belongs to the step behind it, and to the one ahead of it: workers are handed over around a switch, and gates guard what comes next. */
const leading: readonly StepKind[] = ['gate', 'passivate'];
const trailing: readonly StepKind[] = ['activate'];

/** The place of the first of these kinds of steps right before this one, or its own. */
function firstOf(steps: readonly PlannedStep[], at: number, kinds: readonly StepKind[]): number {
  const found = steps.slice(0, at).findLastIndex(({ kind }) => !kinds.includes(kind));
  return found + 1;
}

/** The place of the last of these kinds of steps right behind this one, or its own. */
function lastOf(steps: readonly PlannedStep[], at: number, kinds: readonly StepKind[]): number {
  const found = steps.findIndex(({ kind }, index) => index > at && !kinds.includes(kind));
  return found === -1 ? steps.length - 1 : found - 1;
}

const timeoutMs = 30_000;
const beforeRollbackMs = 5000;

/** What the stage that a hook stands at is about. */
interface About {
  readonly colour: Colour;
  readonly release: number;
  readonly from: Colour | null;
}

/**
 * Adds the hooks of the spec. Those before a stage stand right before its first step, those after it right after its last. Those around a
 * rollback stand around the switch of a rollback; in other plans on either side of the switch, to be run if it is taken back: what
 * stands behind it is undone before it, and what stands ahead of it after it. Where workers are handed over with the switch, hooks stand
 * outside of that: while nobody works nothing else is waited for.
 */
export function withHooks(plan: Plan, service: Service, spec: Spec): Plan {
  if (spec.hooks.length === 0) return plan;
  const hooks = new HooksOf(plan, service, spec);
  return { ...plan, steps: hooks.around(plan.steps), later: hooks.around(plan.later) };
}

class HooksOf {
  readonly #of: number;

  constructor(
    private readonly plan: Plan,
    private readonly service: Service,
    private readonly spec: Spec,
  ) {
    // What retires a side is asked of the release that has the traffic: the other one may have left the disk.
    const live = service.live === null ? null : service.environments[service.live].release;
    this.#of = plan.kind === 'retire' ? (live ?? plan.release) : plan.release;
  }

  around(steps: readonly PlannedStep[]): PlannedStep[] {
    const before = new Map<number, PlannedStep[]>();
    const after = new Map<number, PlannedStep[]>();
    const put = (into: Map<number, PlannedStep[]>, at: number, step: PlannedStep): void => {
      into.set(at, [...(into.get(at) ?? []), step]);
    };
    for (const [index, hook] of this.spec.hooks.entries()) {
      const stage = hook.before ?? hook.after ?? 'ship';
      const isBefore = hook.before !== undefined;
      if (stage === 'rollback') {
        const undo = this.plan.kind !== 'rollback';
        const moving = steps.flatMap((step, at) => {
          if (step.kind === 'rejoin')
            return [{ at, about: { colour: step.colour, release: step.release, from: step.live } }];
          const moves =
            (step.kind === 'switch' && step.from !== null) || step.kind === 'weigh' || step.kind === 'join';
          return moves ? [{ at, about: { colour: step.to, release: step.release, from: step.from } }] : [];
        });
        // What is run ahead of the way back stands behind each part of the traffic that has moved; whatever is undone first meets it.
        const met = undo ? isBefore : !isBefore;
        for (const { at, about } of met ? (undo ? moving : moving.slice(-1)) : moving.slice(0, 1)) {
          const step = this.#step(index, hook, about, undo);
          const ahead = firstOf(steps, at, ['passivate']);
          const behind = lastOf(steps, at, trailing);
          if (isBefore !== undo) put(before, ahead, step);
          else put(after, behind, step);
          // Workers that do not begin have the switch taken back from here.
          if (isBefore && undo && behind !== at) put(after, at, step);
        }
        continue;
      }
      // A rollback has hooks of its own: nothing else is in its way.
      if (this.plan.kind === 'rollback' && stage !== 'retire') continue;
      const range = this.#range(steps, stage);
      if (!range) continue;
      put(
        isBefore ? before : after,
        isBefore ? range.first : range.last,
        this.#step(index, hook, range, false),
      );
    }
    return steps.flatMap((step, at) => {
      const ahead = before.get(at) ?? [];
      const behind = after.get(at) ?? [];
      // Next to the switch, so that they are there as soon as it is done; of several the first of the spec is run first, so it stands last.
      const ready = (each: readonly PlannedStep[]): PlannedStep[] => each.filter(isUndo).reverse();
      const now = (each: readonly PlannedStep[]): PlannedStep[] => each.filter((one) => !isUndo(one));
      return [...now(ahead), ...ready(ahead), step, ...ready(behind), ...now(behind)];
    });
  }

  #range(
    steps: readonly PlannedStep[],
    stage: Exclude<HookStage, 'rollback'>,
  ): (About & { first: number; last: number }) | null {
    const isOf = (step: PlannedStep): boolean =>
      kindsOf[stage].includes(step.kind) ||
      // The release that was kept where the new one is to be is retired there.
      (stage === 'retire' && step.kind === 'prepare' && step.retires !== null);
    const first = steps.findIndex(isOf);
    const last = steps.findLastIndex(isOf);
    const step = steps[first];
    if (!step) return null;
    const release =
      step.kind === 'prepare' ? step.retires : 'release' in step ? step.release : this.plan.release;
    const colour = 'to' in step ? step.to : 'colour' in step ? step.colour : this.service.live;
    if (release === null || colour === null) return null;
    const from = stage === 'retire' ? null : 'from' in step ? step.from : this.service.live;
    const about = { colour, release, from };
    return stage === 'switch'
      ? { first: firstOf(steps, first, leading), last: lastOf(steps, last, trailing), ...about }
      : { first, last, ...about };
  }

  #step(index: number, hook: Hook, about: About, undo: boolean): PlannedStep {
    const { name = hookRuns(hook), before, after, timeout } = hook;
    const stage = before ?? after ?? 'ship';
    const isUnstoppable = stage === 'rollback' || stage === 'retire';
    return {
      kind: 'hook',
      hook: index,
      of: this.#of,
      name,
      runs: hookRuns(hook),
      when: before === undefined ? 'after' : 'before',
      stage,
      ...about,
      timeoutMs: timeout ?? (before === 'rollback' ? beforeRollbackMs : timeoutMs),
      onFailure: hook.onFailure ?? (isUnstoppable ? 'go-on' : 'roll-back'),
      undo,
    };
  }
}

const isUndo = (step: PlannedStep): boolean => step.kind === 'hook' && step.undo;
