import { z } from 'zod';
import type { Weights } from './weights.ts';

const count = z.int().min(0).max(1024);
const none = { error: 'expected an instance of blue or of green: somebody has to get the traffic' };

/** How many instances of each side get requests of users: the first so many of the layer that gets traffic. */
export const InService = z
  .strictObject({ blue: count, green: count })
  .refine(({ blue, green }) => blue + green > 0, none);
export type InService = z.infer<typeof InService>;

/** Each side gets its part by the instances that it has in service; absent: one side has them all. */
export const weightsOf = ({ blue, green }: InService): Weights | undefined =>
  blue > 0 && green > 0 ? { blue, green } : undefined;

/** Which part of the traffic `colour` gets, in per cent; a part of one is never none, and never all. */
export function shareOf(inService: InService, colour: 'blue' | 'green'): number {
  const { blue, green } = inService;
  const share = Math.round((100 * inService[colour]) / (blue + green));
  return weightsOf(inService) ? Math.min(99, Math.max(1, share)) : share;
}
