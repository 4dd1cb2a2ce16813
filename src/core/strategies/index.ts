import type { Plan } from '../plan.ts';
import type { Release } from '../release.ts';
import type { Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { blueGreen } from './blue-green.ts';
import { canary } from './canary.ts';
import { withPolicies } from './policies.ts';

/** Writes the plan for taking a release live, from what the log says. Pure. */
export type Strategy = (service: Service, release: Release) => Plan;

const strategies: Readonly<Record<Spec['strategy']['kind'], Strategy>> = {
  'blue-green': blueGreen,
  canary,
  custom: blueGreen,
};

/** The plan for taking a release live: that of its strategy, with what its spec asks for beyond it. */
export const deployPlan = (service: Service, release: Release): Plan =>
  withPolicies(strategies[release.spec.strategy.kind](service, release), service, release.spec);
