import { CutoverError } from '../errors.ts';
import type { Plan, PlannedStep } from '../plan.ts';
import type { Service } from '../service.ts';

/** Steps that belong to the switch: nobody is kept waiting between them for others to get ready. */
const leadsIn = (step: PlannedStep | undefined): boolean =>
  step?.kind === 'passivate' || (step?.kind === 'hook' && step.when === 'before' && step.stage === 'switch');

/**
 * The plan of one service of a set: before the switch it waits until all are ready, the switch is that of all, and it does not end before all
 * have done well.
 *
 * @param others the other services
 * @throws CutoverError `set-unfit` for a plan by which the service would not change at one moment
 */
export function inSet(plan: Plan, service: string, set: string, others: readonly string[]): Plan {
  const at = plan.steps.findIndex(({ kind }) => kind === 'switch');
  const change = plan.steps[at];
  if (change?.kind !== 'switch' || plan.strategy !== 'blue-green')
    throw new CutoverError(
      'set-unfit',
      `service ${service}: expected strategy.kind blue-green within the set ${set}, found ${plan.strategy}, by which its traffic does not move at one moment`,
      { next: 'set strategy.kind: blue-green, or deploy it by itself' },
    );
  const muster = (when: 'switch' | 'end'): PlannedStep => ({
    kind: 'muster',
    set,
    when,
    others: [...others],
  });
  let first = at;
  while (leadsIn(plan.steps[first - 1])) first -= 1;
  return {
    ...plan,
    steps: [
      ...plan.steps.slice(0, first),
      muster('switch'),
      ...plan.steps.slice(first, at),
      { ...change, set },
      ...plan.steps.slice(at + 1),
      muster('end'),
    ],
  };
}

/**
 * Some with something live and others without could not be taken back as one: a first release has no way back.
 *
 * @throws CutoverError `set-unfit`
 */
export function expectSameAge(set: string, services: readonly Service[]): void {
  const fresh = services.filter(({ live }) => live === null);
  if (fresh.length === 0 || fresh.length === services.length) return;
  const names = fresh.map(({ name }) => name).join(', ');
  throw new CutoverError(
    'set-unfit',
    `set ${set}: expected that each of its services has something live, or none, found nothing live of ${names}: they would have no way back`,
    { next: `deploy ${names} first: cutover deploy --config its spec` },
  );
}
