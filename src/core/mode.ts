import { z } from 'zod';
import { Duration } from './duration.ts';
import { CutoverError } from './errors.ts';
import { openMode } from './open-mode.ts';
import { mostPageBytes, Page, PageFile } from './page.ts';

export const modeNames = ['open', 'read-only', 'held', 'closed'] as const;
export const ModeName = z.enum(modeNames);
export type ModeName = z.infer<typeof ModeName>;

const dayMs = 86_400_000;
const writes = z.enum(['hold', 'refuse']);
const waitMs = z.int().min(0).max(dayMs);
const queue = z.int().min(0).max(1_000_000);
const pace = z.int().min(1).max(1_000_000);
const retryAfterS = z.int().min(0).max(86_400);

/** How a service meets the requests of its users; those to the preview are not concerned. */
export const Mode = z.strictObject({
  mode: ModeName,
  /** What `read-only` does with an unsafe method: hold it as `held` does, or answer 503. */
  writes: writes.default(openMode.writes),
  /** How long one request is held, in milliseconds; then 503. */
  waitMs: waitMs.default(openMode.waitMs),
  /** Requests held by the whole proxy, divided evenly among its workers; one more gets 503. */
  queue: queue.default(openMode.queue),
  /** Held requests that the whole proxy lets go in a second, divided in the same way; first come first in each worker. */
  pace: pace.default(openMode.pace),
  /** What `Retry-After` says in every 503, in seconds. */
  retryAfterS: retryAfterS.default(openMode.retryAfterS),
  /** What `closed` shows to who accepts it; null: a line of our own. Text alone is HTML. */
  page: z
    .union([
      Page,
      z
        .string()
        .max(mostPageBytes)
        .transform((text): Page => ({ type: 'html', text })),
    ])
    .nullable()
    .default(openMode.page),
});
export type Mode = z.infer<typeof Mode>;

/** What a user writes under `router.modes`: what a mode is like unless the order says otherwise. */
export const ModeRules = z.strictObject({
  writes: writes
    .default(openMode.writes)
    .describe(
      'What `read-only` does with requests that may change something: `hold` them, or `refuse` them.',
    ),
  wait: Duration.default(openMode.waitMs).describe('How long one request is held; then 503. At most a day.'),
  queue: queue
    .default(openMode.queue)
    .describe('Requests that the proxy holds at most, all workers together; one more gets 503.'),
  pace: pace
    .default(openMode.pace)
    .describe('Held requests that the proxy lets go in a second, all workers together.'),
  retryAfter: Duration.default(1000 * openMode.retryAfterS).describe(
    'What `Retry-After` says in a 503, in whole seconds.',
  ),
  page: PageFile.optional().describe(
    'What `closed` shows to who accepts it, relative to the spec; read when the mode is set. Default: a page of our own.',
  ),
});
export type ModeRules = z.infer<typeof ModeRules>;

/** A mode as it is ordered: what is not said is as the spec has it. */
export const ModeOrder = z.strictObject({
  mode: ModeName,
  writes: writes.optional(),
  waitMs: waitMs.optional(),
  queue: queue.optional(),
  pace: pace.optional(),
  retryAfterS: retryAfterS.optional(),
  page: Page.optional(),
});
export type ModeOrder = z.infer<typeof ModeOrder>;

/** The mode that is meant. `page`: of the spec, if it was read. */
export function modeOf(order: ModeOrder, rules: ModeRules, page: Page | null): Mode {
  return {
    mode: order.mode,
    writes: order.writes ?? rules.writes,
    waitMs: order.waitMs ?? Math.min(dayMs, Math.round(rules.wait)),
    queue: order.queue ?? rules.queue,
    pace: order.pace ?? rules.pace,
    retryAfterS: order.retryAfterS ?? Math.min(86_400, Math.ceil(rules.retryAfter / 1000)),
    page: order.mode === 'closed' ? (order.page ?? page) : null,
  };
}

/** The same by value; absent: open. Of two that are open the pace counts: what was held before may still be leaving. */
export function sameMode(a: Mode | undefined, b: Mode | undefined): boolean {
  if (a === undefined || b === undefined) return (a ?? b ?? { mode: 'open' }).mode === 'open';
  if (a.mode === 'open' && b.mode === 'open') return a.pace === b.pace;
  const text = ({ mode, writes, waitMs, queue, pace, retryAfterS, page }: Mode): string =>
    JSON.stringify([mode, writes, waitMs, queue, pace, retryAfterS, page && [page.type, page.text]]);
  return text(a) === text(b);
}

/** @throws CutoverError `request-invalid` for a mode that a service of this protocol cannot have */
export function expectModeFor(service: string, protocol: 'http' | 'tcp' | undefined, mode: ModeName): void {
  if (protocol !== 'tcp' || mode === 'open') return;
  throw new CutoverError(
    'request-invalid',
    `service ${service}: expected mode open for a service that is switched as TCP, found ${mode}`,
    { next: 'modes are about requests, and none is read there; a switch holds connections by itself' },
  );
}
