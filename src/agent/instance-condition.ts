import type { Condition } from '../health/role.ts';

/** What the checks of an instance have come to. */
export interface Observed {
  readonly condition: Condition;
  /** Results in a row that speak against the condition. */
  readonly against: number;
  /** What the last check found. */
  readonly detail: string;
}

/** How many results in a row change the condition. */
export interface Patience {
  readonly healthy: number;
  readonly unhealthy: number;
}

export const unobserved: Observed = { condition: 'starting', against: 0, detail: 'not checked yet' };

/** The condition after one more check. What was never healthy is `starting`, however often it fails. */
export function observe(before: Observed, ok: boolean, detail: string, patience: Patience): Observed {
  const { condition } = before;
  if (ok === (condition === 'healthy')) return { condition, against: 0, detail };
  const against = before.against + 1;
  if (ok && against >= patience.healthy) return { condition: 'healthy', against: 0, detail };
  if (!ok && condition === 'healthy' && against >= patience.unhealthy)
    return { condition: 'unhealthy', against: 0, detail };
  return { condition, against: ok || condition === 'healthy' ? against : 0, detail };
}
