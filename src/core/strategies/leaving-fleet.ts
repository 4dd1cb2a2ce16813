import type { PlannedStep } from '../plan.ts';
import { serves, weightsInForce } from '../service.ts';
import { drainOf } from './drain-of.ts';
import type { Policy } from './policies.ts';

/** Where both environments serve and a release comes that wants one of them for itself, that one is first taken out of service, as in a split fleet. */
export const leavingFleet: Policy = (plan, service, { strategy }) => {
  const { live } = service;
  const weights = weightsInForce(service);
  const at = plan.steps.findIndex(({ kind }) => kind === 'prepare');
  const step = plan.steps[at];
  if (plan.strategy === 'split-fleet' || live === null || !weights || step?.kind !== 'prepare') return plan;
  const { colour, retires } = step;
  if (retires === null || !serves(service, colour)) return plan;
  const first: PlannedStep[] = [
    { kind: 'withdraw', colour, live, release: retires, weights },
    drainOf(colour, strategy),
    { ...step, restores: retires },
  ];
  const note = `${colour} serves beside ${live} now, and is taken out of service: from now on one of them serves`;
  return { ...plan, steps: plan.steps.toSpliced(at, 1, ...first), notes: [...plan.notes, note] };
};
