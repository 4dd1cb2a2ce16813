import { z } from 'zod';

export const modeNames = ['open', 'read-only', 'held', 'closed'] as const;
export const ModeName = z.enum(modeNames);
export type ModeName = z.infer<typeof ModeName>;

/** How a service meets the requests of its users; those to the preview are not concerned. */
export const Mode = z.strictObject({
  mode: ModeName,
  /** What `read-only` does with an unsafe method: hold it as `held` does, or answer 503. */
  writes: z.enum(['hold', 'refuse']).default('hold'),
  /** How long one request is held, in milliseconds; then 503. */
  waitMs: z.int().min(1).max(600_000).default(30_000),
  /** Requests held in each worker; one more gets 503. */
  queue: z.int().min(0).max(1_000_000).default(10_000),
  /** Held requests that each worker lets go in a second, first come first. */
  pace: z.int().min(1).max(1_000_000).default(1_000),
  /** What `Retry-After` says in every 503, in seconds. */
  retryAfterS: z.int().min(0).max(86_400).default(5),
  /** HTML that `closed` shows to who accepts it; null: a line of our own. */
  page: z.string().max(262_144).nullable().default(null),
});
export type Mode = z.infer<typeof Mode>;
