import type { Colour } from '../../core/colour.ts';

/** The name of an instance across the processes of the proxy. The release is part of it: at the same address, another release is another program. */
export const instanceKey = (
  service: string,
  colour: Colour,
  release: number | null,
  address: string,
): string => `${service} ${colour} ${release} ${address}`;
