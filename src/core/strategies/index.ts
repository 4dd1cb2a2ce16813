import type { Plan } from '../plan.ts';
import type { Release } from '../release.ts';
import type { Service } from '../service.ts';
import type { Spec } from '../spec.ts';
import { blueGreen } from './blue-green.ts';

/** Writes the plan for taking a release live, from what the log says. Pure. */
export type Strategy = (service: Service, release: Release) => Plan;

export const strategies: Readonly<Record<Spec['strategy']['kind'], Strategy>> = { 'blue-green': blueGreen };
