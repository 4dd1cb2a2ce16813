import { z } from 'zod';

/**
 * Over SSH the same orders go by lines of JSON: `{id, name, order}` there, `{id, status, text}` back, in any order, after a first line
 * `{ready: true}`. Content goes over a session of its own, which ends with one such answer.
 */
export const RelayOrder = z.strictObject({ id: z.int(), name: z.string().max(200), order: z.unknown() });
export const RelayAnswer = z.object({ id: z.int(), status: z.int(), text: z.string() });
export const RelayReady = z.object({ ready: z.literal(true) });
