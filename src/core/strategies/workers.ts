import type { Plan } from '../plan.ts';
import { releaseOf, type Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { hasWorkers } from '../worker-lease.ts';

/**
 * Hands the work of layers with `active` over with the switch: those of the old side have stopped before those of the new side begin. In between
 * nobody works.
 */
export function withWorkers(plan: Plan, service: Service, spec: Spec): Plan {
  const at = plan.steps.findIndex(({ kind }) => kind === 'switch');
  const move = plan.steps[at];
  if (move?.kind !== 'switch') return plan;
  const { from, to, release } = move;
  const old = from === null ? null : service.environments[from].release;
  const before = old === null ? undefined : releaseOf(service, old);
  const steps: Plan['steps'] = [...plan.steps];
  if (hasWorkers(spec)) steps.splice(at + 1, 0, { kind: 'activate', colour: to, release, back: from });
  if (from !== null && before && hasWorkers(before.spec))
    steps.splice(at, 0, { kind: 'passivate', colour: from, release: before.number });
  return { ...plan, steps };
}
