import { z } from 'zod';

const share = z.int().min(0).max(10_000);
const none = { error: 'expected a weight above 0 on blue or on green: somebody has to get the traffic' };

/** Which part of the requests of users goes to each side, in proportion: 90 and 10 are the same as 9 and 1. A side of weight 0 gets none. */
export const Weights = z
  .strictObject({ blue: share, green: share })
  .refine(({ blue, green }) => blue + green > 0, none);
export type Weights = z.infer<typeof Weights>;

/** The same by value; absent: all to the side that is live. */
export const sameWeights = (a: Weights | undefined, b: Weights | undefined): boolean =>
  a?.blue === b?.blue && a?.green === b?.green;

/** Which part each side gets, in per cent. */
export function percentOf({ blue, green }: Weights): Readonly<Record<'blue' | 'green', number>> {
  const all = blue + green;
  return { blue: (100 * blue) / all, green: (100 * green) / all };
}
