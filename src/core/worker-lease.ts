import type { Colour } from './colour.ts';
import type { Spec } from './spec.ts';

/** Which environment’s workers may work. Never two: it is granted only when nobody has it. */
export interface WorkerLease {
  readonly holder: Colour | null;
  /** Grows with each grant and each release; what comes with an older one is refused by the instances’ platform. */
  readonly epoch: number;
}

export const noLease: WorkerLease = { holder: null, epoch: 0 };

/** Whether any layer of it works only while its environment is live. */
export const hasWorkers = (spec: Spec): boolean =>
  Object.values(spec.environments.layers).some(({ active }) => active !== undefined);

/** What the workers of one environment are told. */
export interface LeaseOrder {
  readonly state: 'active' | 'passive';
  readonly epoch: number;
}

/** What came of it: how many instances know it, and how many of them had to be ended because they did not answer. */
export interface LeaseTold {
  readonly told: number;
  readonly ended: number;
}
