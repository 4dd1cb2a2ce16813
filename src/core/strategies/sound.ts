import type { Plan, PlannedStep, StepKind } from '../plan.ts';
import type { Release } from '../release.ts';
import { nextColour, type Service } from '../service.ts';

/** In this order, each exactly once, before any traffic. */
const before = ['ship', 'prepare', 'start', 'health', 'verify'] as const;
const after: readonly StepKind[] = ['drain', 'bake', 'keep'];
const sharing: readonly StepKind[] = ['weigh', 'hold'];

/**
 * Why a plan that takes a release live would break a promise; null if it keeps all of them. What it asks for: the release is shipped, brought
 * up, healthy and verified, once each and in this order, before it gets a request; all is done on the side that is not live; there is one
 * switch; after it, the old side is drained and kept for the way back. Steps that policies add are not its business. Pure.
 */
export function unsound(plan: Plan, service: Service, release: Release): string | null {
  const { live } = service;
  const to = nextColour(service);
  const { steps } = plan;
  const places = (kind: StepKind): number[] =>
    steps.flatMap((step, index) => (step.kind === kind ? [index] : []));
  const once = (kind: StepKind): string | null => {
    const found = places(kind).length;
    return found === 1 ? null : `expected ${kind} exactly once, found it ${found} times`;
  };

  for (const kind of [...before, 'switch', 'bake'] as const) {
    const problem = once(kind);
    if (problem !== null) return problem;
  }
  if (live !== null)
    for (const kind of ['drain', 'keep'] as const) {
      const problem = once(kind);
      if (problem !== null) return `${problem}: ${live} is to be drained, and kept for the way back`;
    }
  const order: readonly StepKind[] = [
    ...before,
    'switch',
    ...(live === null ? (['bake'] as const) : (['drain', 'keep'] as const)),
  ];
  const at = order.map((kind) => places(kind)[0] ?? -1);
  for (const [index, kind] of order.entries())
    if (index > 0 && (at[index] ?? 0) < (at[index - 1] ?? 0))
      return `expected ${order[index - 1]} before ${kind}, found it after`;
  const verified = places('verify')[0] ?? -1;
  const switched = places('switch')[0] ?? -1;
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'weigh' && live === null)
      return 'expected no weigh: nothing is live that could have the rest of the traffic';
    if (sharing.includes(step.kind) && (index < verified || index > switched))
      return `expected ${step.kind} between verify and the switch, found it as step ${index + 1}`;
    if (after.includes(step.kind) && index < switched)
      return `expected ${step.kind} after the switch, found it before`;
    const problem = wrongPlace(step, { live, to, release: release.number, service });
    if (problem !== null) return `step ${index + 1}, ${step.kind}: ${problem}`;
  }
  return null;
}

/** Why a step is not where, or for what, it has to be; null if it is. */
function wrongPlace(
  step: PlannedStep,
  { live, to, release, service }: { live: Service['live']; to: string; release: number; service: Service },
): string | null {
  const mismatch = (what: string, expected: unknown, found: unknown): string | null =>
    expected === found ? null : `expected ${what} ${String(expected)}, found ${String(found)}`;
  switch (step.kind) {
    case 'ship':
    case 'start':
    case 'health':
    case 'verify':
    case 'bake':
    case 'hold':
    case 'prepare':
      return mismatch('side', to, step.colour) ?? mismatch('release', release, step.release);
    case 'weigh':
      return (
        mismatch('side', to, step.to) ??
        mismatch('side', live, step.from) ??
        mismatch('release', release, step.release)
      );
    case 'switch':
      return (
        mismatch('side', to, step.to) ??
        mismatch('side', live, step.from) ??
        mismatch('release', release, step.release)
      );
    case 'drain':
      return mismatch('side', live, step.colour);
    case 'keep':
      return (
        mismatch('side', live, step.colour) ??
        mismatch('release', live === null ? null : service.environments[live].release, step.release)
      );
    case 'retire':
      return 'expected no retire: the way back is kept';
    default:
      return null;
  }
}
