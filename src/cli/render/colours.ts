import type { Colour } from '../../core/colour.ts';

/** Both colours, in the order in which they are shown. */
export const colours = ['blue', 'green'] as const satisfies readonly Colour[];
