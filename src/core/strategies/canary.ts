import type { Plan, PlannedStep } from '../plan.ts';
import type { Release } from '../release.ts';
import type { Service } from '../service.ts';
import type { CanaryStep, HoldTime } from '../spec/canary.ts';
import type { StrategySpec } from '../spec/strategy.ts';
import { blueGreen } from './blue-green.ts';

/**
 * The new side gets a part of the traffic first, more of it step by step, and is watched; then all traffic goes there as in blue/green, and
 * all that comes after the switch is as there.
 */
export function canary(service: Service, release: Release): Plan {
  const { steps, notes, ...plan } = blueGreen(service, release);
  const before = steps.findIndex(({ kind }) => kind === 'switch');
  const switching = steps[before];
  if (switching?.kind !== 'switch') throw new Error('blue/green has a switch');
  const { from, to } = switching;
  if (from === null)
    return {
      ...plan,
      strategy: 'canary',
      steps,
      notes: [...notes, 'no canary: nothing is live that could have the rest of the traffic'],
    };
  let weight = 0;
  const way = canarySteps(release.spec.strategy).map((step): PlannedStep => {
    if (step.weight !== undefined) {
      weight = step.weight;
      return { kind: 'weigh', from, to, release: release.number, weight };
    }
    const forMs = msOf(step.hold ?? true);
    return { kind: 'hold', colour: to, release: release.number, back: from, weight, forMs };
  });
  return { ...plan, strategy: 'canary', steps: steps.toSpliced(before, 0, ...way), notes };
}

/** The steps as written, or those that the short form stands for. */
export const canarySteps = ({ steps, weights = [], hold = true }: StrategySpec): readonly CanaryStep[] =>
  steps ?? weights.flatMap((weight) => [{ weight }, { hold }]);

const msOf = (hold: HoldTime): number | null => (hold === true ? null : hold);
