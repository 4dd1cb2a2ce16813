import type { Plan } from '../plan.ts';
import type { Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { analysed } from './analysed.ts';
import { leavingFleet } from './leaving-fleet.ts';
import { withGates } from './gates.ts';
import { withMirror } from './mirror.ts';
import { warmUp } from './warm-up.ts';
import { withHooks } from './hooks.ts';
import { withFinish } from './handover.ts';
import { withWorkers } from './workers.ts';

/**
 * A small transform of a plan: adds, at their places, the steps that a part of the spec asks for. It takes nothing away and changes no
 * order, so what a strategy promises still holds. Pure.
 */
export type Policy = (plan: Plan, service: Service, spec: Spec) => Plan;

/** In the order in which they are applied: the steps of a later one stand around those of the ones before. */
const policies: readonly Policy[] = [
  leavingFleet,
  withFinish,
  warmUp,
  withMirror,
  analysed,
  withGates,
  withWorkers,
  withHooks,
];

/** The plan with what the spec asks for beyond the strategy. */
export const withPolicies = (plan: Plan, service: Service, spec: Spec): Plan =>
  policies.reduce((sofar, policy) => policy(sofar, service, spec), plan);
