import { z } from 'zod';

const limitError = { error: 'expected a number of instances such as 1, or a share of them such as 25%' };

/** So many instances, or such a share of those that the spec names, as a user writes it: `1`, `25%`. */
export const InstanceLimit = z.union(
  [
    z.int(limitError).min(0, limitError).max(64, limitError),
    z.string(limitError).regex(/^(100|\d{1,2})%$/, limitError),
  ],
  limitError,
);
export type InstanceLimit = z.infer<typeof InstanceLimit>;

/** How many of `instances` a limit is. A part of one counts `up` as one, or `down` as none. */
export function countOf(limit: InstanceLimit, instances: number, part: 'up' | 'down'): number {
  if (typeof limit === 'number') return limit;
  const hundredths = Number(limit.slice(0, -1)) * instances;
  return part === 'up' ? Math.ceil(hundredths / 100) : Math.floor(hundredths / 100);
}
