import { z } from 'zod';
import { Address, formatAddress } from './address.ts';

/** Where one instance is to be. `index` counts from 0 within its layer. */
const Instance = z.object({ layer: z.string(), index: z.int().min(0), address: Address });
export type Instance = z.infer<typeof Instance>;

/** Where the instances of an environment are to be. */
export const Placement = z.object({ instances: z.array(Instance).min(1) });
export type Placement = z.infer<typeof Placement>;

/** The addresses of one layer, by index. */
export const addressesOf = (placement: Placement, layer: string): Address[] =>
  placement.instances.filter((instance) => instance.layer === layer).map((instance) => instance.address);

/** To compare where instances are. */
export const placeText = ({ layer, index, address }: Instance): string =>
  `${layer} ${index} ${formatAddress(address)}`;
