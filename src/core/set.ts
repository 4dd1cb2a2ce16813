import { z } from 'zod';
import { Name } from './spec/name.ts';

/** So many services change as one at most. */
export const mostInSet = 16;

/** A deployment of one service as a part of that of a set: with which deployments of which services it changes as one. */
export const SetPart = z.object({
  name: Name,
  /** Of the set's deployments, from 1. */
  number: z.int().min(1),
  /** In the order of the set, this one among them. */
  services: z
    .array(z.object({ service: Name, deployment: z.int().min(1) }))
    .min(2)
    .max(mostInSet),
  /** Which of the targets of its notifications another service tells what all of them do: by their places in the spec. */
  quiet: z.array(z.int().min(0)).optional(),
});
export type SetPart = z.infer<typeof SetPart>;

/** What a person writes in `set.yaml`. */
export const SetSpec = z.strictObject({
  set: Name.describe('The name of the set.'),
  services: z
    .array(z.string().min(1))
    .min(2)
    .max(mostInSet)
    .describe(
      'The specs of the services that change as one, each a file or its folder, relative to this file.',
    ),
});
export type SetSpec = z.infer<typeof SetSpec>;
