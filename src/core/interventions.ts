/**
 * What people say to a deployment that is under way. `approve`, `reject`: to the gate that is this step; `pause`: no further step begins;
 * `resume`: it goes on, or, with a step, that hold is over; `promote`: what is left of the canary, or of the bake, is skipped.
 */
export interface Intervention {
  readonly kind: 'approve' | 'reject' | 'pause' | 'resume' | 'promote';
  readonly by: string;
  readonly at: number;
  /** The gate or the hold; null where the whole deployment is meant. */
  readonly step: number | null;
  /** A promotion that passes gates too. */
  readonly force: boolean;
  /** Whether the deployment had switched the traffic by then. */
  readonly afterSwitch: boolean;
  /** Why, as they said it; null if they did not. */
  readonly reason: string | null;
}

type Spoken = { readonly interventions: readonly Intervention[] };

/** Who has paused it, if it is paused. */
export function pausedBy({ interventions }: Spoken): Intervention | null {
  const last = interventions.findLast(
    ({ kind, step }) => kind === 'pause' || (kind === 'resume' && step === null),
  );
  return last?.kind === 'pause' ? last : null;
}

/** How long it was paused within a stretch of time; a pause that has not ended goes on to the end of the stretch. */
export function pausedMs({ interventions }: Spoken, from: number, to: number): number {
  let sum = 0;
  let since: number | null = null;
  for (const { kind, at, step } of interventions) {
    if (kind === 'pause') since ??= at;
    if (kind !== 'resume' || step !== null || since === null) continue;
    sum += overlap(since, at, from, to);
    since = null;
  }
  return since === null ? sum : sum + overlap(since, to, from, to);
}

const overlap = (begin: number, end: number, from: number, to: number): number =>
  Math.max(0, Math.min(end, to) - Math.max(begin, from));

/** What counts as left of a time that stands still: it is looked at again after that, in milliseconds. */
export const pausedLeftMs = 1000;

/** Who has said that the hold which is this step is over. */
export const resumedBy = ({ interventions }: Spoken, step: number): Intervention | null =>
  interventions.find((each) => each.kind === 'resume' && each.step === step) ?? null;

/** Who has said that what is left is skipped: of the canary by a promotion before the switch, of the bake by one after it. */
export const promotedBy = ({ interventions }: Spoken, part: 'canary' | 'bake'): Intervention | null =>
  interventions.find(({ kind, afterSwitch }) => kind === 'promote' && afterSwitch === (part === 'bake')) ??
  null;

/** What was said to the gate that is this step: who approves, each once, and who was the first to reject it. */
export function saidTo(
  { interventions }: Spoken,
  step: number,
): { readonly approvals: readonly Intervention[]; readonly rejected: Intervention | null } {
  const mine = interventions.filter((each) => each.step === step);
  const approvals = mine.filter(
    ({ kind, by }, index) =>
      kind === 'approve' &&
      !mine.some((each, before) => before < index && each.kind === kind && each.by === by),
  );
  return { approvals, rejected: mine.find(({ kind }) => kind === 'reject') ?? null };
}

/** Who has forced the gates open. */
export const forcedBy = ({ interventions }: Spoken): Intervention | null =>
  interventions.find(({ kind, force }) => kind === 'promote' && force) ?? null;
