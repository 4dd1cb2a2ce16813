import type { AnalysisState } from './analysis/state.ts';
import type { ErrorRecord } from './errors.ts';
import type { Moment, Outcome } from './event.ts';
import type { HookRun } from './hook-run.ts';
import type { DiffSummary } from './mirror/diff-report.ts';
import type { Plan, PlannedStep } from './plan.ts';
import type { Counters } from './traffic.ts';
import type { Colour } from './colour.ts';
import { pausedBy, type Intervention } from './interventions.ts';
import type { Verdict } from './verdict.ts';
import type { SetPart } from './set.ts';
import type { Receipt } from './receipt.ts';
import type { Warmth } from './warm-up.ts';

/** pending → running → done | failed; when the deployment is taken back: → undoing → undone | stuck. */
export type StepStatus = 'pending' | 'running' | 'done' | 'failed' | 'undoing' | 'undone' | 'stuck';

export interface StepState {
  readonly planned: PlannedStep;
  readonly status: StepStatus;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** More than one if it was run again after a crash. */
  readonly attempts: number;
  readonly says: string | null;
  readonly error: ErrorRecord | null;
  /** Of a step that watches a side: what was known at last. */
  readonly analysis?: AnalysisState;
}

export interface Switched {
  readonly epoch: number;
  readonly from: Colour | null;
  readonly to: Colour;
  readonly at: number;
  readonly switchMs: number;
  readonly holdMs: number;
  readonly held: number;
}

/** How the traffic was divided from a moment on, and what the router had counted until then. */
export interface Weighed {
  readonly epoch: number;
  readonly to: Colour;
  /** Of `to`, in per cent. */
  readonly weight: number;
  readonly at: number;
  readonly holdMs: number;
  readonly held: number;
  readonly bootId: string;
  readonly counts: Readonly<Record<Colour, { requests: number; failed: number; writes: number }>>;
}

/** What a person decided about a deployment that was frozen. */
export interface Decision {
  readonly decision: 'back' | 'keep';
  readonly by: string;
  readonly reason: string | null;
  readonly at: number;
}

/**
 * running → succeeded, or running → turning-back → undone | frozen. A deployment that may not go back by itself is `frozen` without an end:
 * it waits for a person, and then goes on or is turned back.
 */
export type DeploymentStatus = 'running' | 'turning-back' | Outcome;

export interface Deployment {
  readonly id: number;
  readonly plan: Plan;
  readonly by: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly status: DeploymentStatus;
  readonly steps: readonly StepState[];
  readonly abortedBy: string | null;
  /** Why a person ordered it or had it aborted, if that was said. */
  readonly reason: string | null;
  /** Why it was turned back. */
  readonly failure: ErrorRecord | null;
  /** Of going back, as it stood when that was last asked for this deployment. */
  readonly verdict: Verdict | null;
  /** When it was frozen to wait for a person, if it ever was, and what was decided. */
  readonly frozenAt: number | null;
  readonly decision: Decision | null;
  readonly switches: readonly Switched[];
  readonly weighed: readonly Weighed[];
  /** Oldest first. */
  readonly interventions: readonly Intervention[];
  readonly measured: Partial<Record<Moment, Counters>>;
  readonly drain: { readonly colour: Colour; readonly drainMs: number; readonly left: number } | null;
  /** Who came late to the side that had lost the traffic, if that was waited for; `late` null: it was not observed. */
  readonly lingered?: {
    readonly colour: Colour;
    readonly ms: number;
    readonly late: number | null;
    readonly lastAt: number | null;
    readonly left: boolean;
  };
  /** What came of the warm-up that was the last; absent: there was none. */
  readonly warmth?: Warmth;
  /** In the order in which they ended. */
  readonly hooks: readonly HookRun[];
  /** What its mirror has found. */
  readonly mirrored: DiffSummary | null;
  readonly receipt: Receipt | null;
  /** What it is a part of; absent: the service changes by itself. */
  readonly set?: SetPart;
  /** The router was ordered to move the traffic, whether or not it is known to have done so. */
  readonly moveOrdered?: boolean;
}

/** What the engine does next with a deployment. A pure function of its state, so a restart goes on where the log ends. */
export type Move =
  | { readonly act: 'run'; readonly step: number }
  /** It is paused. */
  | { readonly act: 'wait' }
  | { readonly act: 'turn-back'; readonly error: ErrorRecord }
  | { readonly act: 'undo'; readonly step: number }
  | { readonly act: 'end'; readonly outcome: Outcome }
  | { readonly act: 'none' };

/** Whether the deployment is under way, so that no other may begin. */
export const underWay = (deployment: Deployment): boolean =>
  deployment.status === 'running' || deployment.status === 'turning-back' || awaitsDecision(deployment);

/** Whether it waits for a person, who has to say whether it goes back although that is not safe. */
export const awaitsDecision = ({ status, endedAt }: Pick<Deployment, 'status' | 'endedAt'>): boolean =>
  status === 'frozen' && endedAt === null;

/** Whether taking it back moves traffic of users that has come to its side already: what was written there would be lost. */
export const hasMoved = ({ switches }: Deployment, live: Colour | null): boolean => {
  const last = switches.at(-1);
  return last !== undefined && last.from !== null && last.to === live;
};

/** When a side has lost the traffic of users last, in this deployment; undefined: it has not. */
export const lostTrafficAt = (
  { switches, weighed }: Pick<Deployment, 'switches' | 'weighed'>,
  colour: Colour,
): number | undefined => {
  const switched = switches.findLast(({ to }) => to !== colour)?.at;
  const weightless = weighed.findLast(({ to, weight }) => to === colour && weight === 0)?.at;
  return switched === undefined || weightless === undefined
    ? (switched ?? weightless)
    : Math.max(switched, weightless);
};

export function nextMove(deployment: Deployment): Move {
  const { steps } = deployment;
  if (deployment.status === 'running') {
    const failed = steps.find((step) => step.status === 'failed');
    if (failed?.error) return { act: 'turn-back', error: failed.error };
    const step = steps.findIndex(({ status }) => status !== 'done');
    if (step === -1) return { act: 'end', outcome: 'succeeded' };
    if (deployment.abortedBy !== null) {
      const message = `deployment ${deployment.id} was aborted by ${deployment.abortedBy}`;
      return { act: 'turn-back', error: { code: 'aborted', message } };
    }
    // What has begun is not left half done.
    if (steps[step]?.status === 'pending' && pausedBy(deployment) !== null) return { act: 'wait' };
    return { act: 'run', step };
  }
  if (deployment.status === 'turning-back') {
    if (steps.some(({ status }) => status === 'stuck')) return { act: 'end', outcome: 'frozen' };
    const step = steps.findLastIndex(({ status }) => status !== 'pending' && status !== 'undone');
    return step === -1 ? { act: 'end', outcome: 'undone' } : { act: 'undo', step };
  }
  return { act: 'none' };
}
