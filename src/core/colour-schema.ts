import { z } from 'zod';
import { colours } from './colour.ts';

/** A colour that comes from outside. */
export const Colour = z.enum(colours);
export type Colour = z.infer<typeof Colour>;
