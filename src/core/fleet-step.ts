import type { StepKind } from './plan.ts';

const workOfHalf: readonly StepKind[] = ['ship', 'prepare', 'start', 'health', 'warm', 'verify', 'rejoin'];

/** Whether a step brings half of a split fleet up again: after the switch nothing else does such things, and nothing can stand in for them. */
export const isWorkOfHalf = (kind: StepKind): boolean => workOfHalf.includes(kind);
