import type { PlannedStep } from '../plan.ts';
import type { Policy } from './policies.ts';

/** Warms a release as soon as its instances are healthy: the checks, and then the users, find them so. */
export const warmUp: Policy = (plan, _service, { warmUp: asked }) => {
  if (asked === undefined) return plan;
  const steps = plan.steps.flatMap((step): PlannedStep[] =>
    step.kind === 'health'
      ? [step, { kind: 'warm', colour: step.colour, release: step.release, atMostMs: asked.atMost }]
      : [step],
  );
  return { ...plan, steps };
};
