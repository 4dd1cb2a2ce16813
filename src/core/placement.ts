import { z } from 'zod';
import { Address } from './address.ts';

/** Where the instances of an environment are to be. `index` counts from 0 within a layer. */
export const Placement = z.object({
  instances: z.array(z.object({ layer: z.string(), index: z.int().min(0), address: Address })).min(1),
});
export type Placement = z.infer<typeof Placement>;

/** The addresses of one layer, by index. */
export const addressesOf = (placement: Placement, layer: string): Address[] =>
  placement.instances.filter((instance) => instance.layer === layer).map((instance) => instance.address);
