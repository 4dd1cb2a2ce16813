import type { Plan } from '../plan.ts';
import type { Release } from '../release.ts';
import type { Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { authoredPlan } from './authored.ts';
import { blueGreen } from './blue-green.ts';
import { canary } from './canary.ts';
import { handover } from './handover.ts';
import { rolling } from './rolling.ts';
import { withPolicies } from './policies.ts';
import { splitFleet } from './split-fleet.ts';

/** Writes the plan for taking a release live, from what the log says. Pure. */
export type Strategy = (service: Service, release: Release, written: unknown) => Plan;

const strategies: Readonly<Record<Spec['strategy']['kind'], Strategy>> = {
  'blue-green': blueGreen,
  canary,
  'split-fleet': splitFleet,
  rolling,
  handover,
  custom: authoredPlan,
};

/** The plan for taking a release live: that of its strategy, with what its spec asks for beyond it; `written`: what a strategy of the user's own wrote. */
export const deployPlan = (service: Service, release: Release, written?: unknown): Plan =>
  withPolicies(strategies[release.spec.strategy.kind](service, release, written), service, release.spec);
