import { z } from 'zod';
import type { Spec } from './spec.ts';

/** Where the artifact of a release comes from. Paths are absolute. */
export const Source = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('directory'), path: z.string() }),
  z.object({
    kind: z.literal('archive'),
    path: z.string(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  }),
  z.object({ kind: z.literal('git'), repository: z.string(), revision: z.string() }),
]);
export type Source = z.infer<typeof Source>;

/** A version of the artifact with its configuration and variables: numbered from 1, never changed. */
export interface Release {
  readonly number: number;
  readonly version: string;
  readonly source: Source;
  /** The folder that relative paths in the spec start from. */
  readonly base: string;
  readonly spec: Spec;
  readonly createdAt: number;
  readonly by: string;
  /** The sha256 of its content, in hex; null until it has been shipped. */
  readonly digest: string | null;
}
