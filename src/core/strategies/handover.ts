import type { Plan, PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import type { Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { blueGreen } from './blue-green.ts';

/**
 * As blue/green, where nothing stands between users and the program: who is connected to the old processes stays with them until they are told to
 * finish.
 */
export const handover = (service: Service, release: Release): Plan => ({
  ...blueGreen(service, release),
  strategy: 'handover',
});

/**
 * After each drain the old processes are told to finish what is left, and started anew for the way back; not where what is left goes on, or the old
 * side is not kept.
 */
export function withFinish(plan: Plan, service: Service, { strategy, keep }: Spec): Plan {
  if (strategy.kind !== 'handover') return plan;
  const steps = plan.steps.flatMap((step): PlannedStep[] => {
    if (step.kind !== 'drain') return [step];
    const { release } = service.environments[step.colour];
    const drained = { ...step, closeOverMs: null };
    return strategy.leftover === 'keep' || keep === 0 || release === null
      ? [drained]
      : [drained, { kind: 'finish', colour: step.colour, release }];
  });
  return { ...plan, steps };
}
