import { z } from 'zod';
import { parseNetwork } from './trust.ts';

const expected = {
  error:
    'expected an address or a network such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, without bits beyond its length',
};
/** A network in a spec. */
export const NetworkText = z
  .string(expected)
  .max(49, expected)
  .refine((text) => parseNetwork(text) !== null, expected)
  .meta({ title: 'network', pattern: '^[0-9a-fA-F:.]+(/\\d{1,3})?$' });
