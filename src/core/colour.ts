import { z } from 'zod';

/** The two environments of a service, by colour. */
export const colours = ['blue', 'green'] as const;
export const Colour = z.enum(colours);
export type Colour = z.infer<typeof Colour>;

/** The colour that the given one is not. */
export const other = (colour: Colour): Colour => (colour === 'blue' ? 'green' : 'blue');
