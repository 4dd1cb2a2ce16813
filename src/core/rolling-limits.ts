import type { z } from 'zod';
import { countOf, type InstanceLimit } from './instance-limit.ts';

/** What a roll keeps to, in instances of the layer that gets traffic, both releases together. */
export interface RollingLimits {
  /** So many the spec names. */
  readonly instances: number;
  /** So many more may run. */
  readonly surge: number;
  /** So many of them may be missing in service. */
  readonly unavailable: number;
}

interface Limits {
  readonly surge?: InstanceLimit | undefined;
  readonly unavailable?: InstanceLimit | undefined;
}

/** The limits for a number of instances. What the spec leaves out: a quarter more, and none missing. */
export const rollingLimits = (
  { surge = '25%', unavailable = 0 }: Limits,
  instances: number,
): RollingLimits => ({
  instances,
  surge: countOf(surge, instances, 'up'),
  unavailable: countOf(unavailable, instances, 'down'),
});

/** Why no roll can keep to the limits, and which of them is to blame; null if one can. */
export function hopeless({
  instances,
  surge,
  unavailable,
}: RollingLimits): { readonly limit: 'surge' | 'unavailable'; readonly why: string } | null {
  const all = instances === 1 ? '1 instance' : `${instances} instances`;
  if (surge === 0 && unavailable === 0)
    return {
      limit: 'surge',
      why: `expected surge or unavailable to be at least 1 of ${all}, found both 0: no instance could be renewed`,
    };
  if (unavailable >= instances)
    return {
      limit: 'unavailable',
      why: `expected unavailable to leave one of ${all} in service, found ${unavailable}: nobody would get the traffic`,
    };
  return null;
}

/** What of a spec has to fit a roll. */
export function rollingRules(
  {
    strategy,
    router,
    environments: { layers },
  }: {
    readonly strategy: Limits & { readonly kind: string };
    readonly router: { readonly layer?: string | undefined };
    readonly environments: { readonly layers: Readonly<Record<string, { readonly instances: number }>> };
  },
  context: z.core.$RefinementCtx,
): void {
  if (strategy.kind !== 'rolling') return;
  const names = Object.keys(layers);
  const routed = layers[router.layer ?? (names.includes('web') ? 'web' : (names[0] ?? ''))];
  const problem = routed && hopeless(rollingLimits(strategy, routed.instances));
  if (!problem) return;
  context.issues.push({
    code: 'custom',
    path: ['strategy', problem.limit],
    input: strategy[problem.limit],
    message: problem.why,
  });
}
