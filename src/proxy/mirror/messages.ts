import { z } from 'zod';
import { Route } from '../../core/traffic.ts';

/** From the keeper to the process that mirrors. */
export const MirrorOrder = z.discriminatedUnion('kind', [
  /** The first one: where copies come in, and where reports are kept. */
  z.object({ kind: z.literal('begin'), socket: z.string(), folder: z.string() }),
  /** These routes are mirrored, and no others. */
  z.object({ kind: z.literal('follow'), routes: z.array(Route) }),
  /** Writes the reports as they are now. */
  z.object({ kind: z.literal('write'), id: z.int() }),
  /** Writes the reports and ends. */
  z.object({ kind: z.literal('end') }),
]);
export type MirrorOrder = z.infer<typeof MirrorOrder>;

/** From the process that mirrors to the keeper. */
export const MirrorWord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** Copies can come. */
  z.object({ kind: z.literal('listening') }),
  z.object({ kind: z.literal('written'), id: z.int() }),
]);
export type MirrorWord = z.infer<typeof MirrorWord>;
