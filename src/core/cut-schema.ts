import { z } from 'zod';
import { cutKinds } from './cut.ts';

/** How many of each kind were ended on purpose. */
export const Cut = z.record(z.enum(cutKinds), z.number());
export type Cut = z.infer<typeof Cut>;
