import { z } from 'zod';
import { Address } from '../../core/address.ts';
import { Colour } from '../../core/colour-schema.ts';
import { Page } from '../../core/page.ts';
import { StickyKey } from '../../core/sticky-key.ts';
import { Counters, Route } from '../../core/traffic.ts';
import { Challenge } from '../acme/messages.ts';

/** What a worker counts for each service; the keeper adds its boot id. */
export const WorkerCounters = z.record(z.string(), Counters.omit({ bootId: true }));
export type WorkerCounters = z.infer<typeof WorkerCounters>;

const Leases = z.record(z.string(), z.number());
const Table = z.object({ version: z.int().min(0), routes: z.array(Route), leases: Leases.optional() });
const Provisions = z.object({
  pages: z.record(z.string(), Page),
  stickyKeys: z.array(StickyKey),
  previewSecrets: z.record(z.string(), z.string()).optional(),
  mirrorSocket: z.string().optional(),
});
const id = z.int().min(0);

/** From the keeper to a worker. `id` comes back in the answer. */
export const Order = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('start'),
    id,
    table: Table,
    provisions: Provisions,
    /** `fd` is the number under which the worker inherited the socket. */
    listeners: z.array(z.object({ address: Address, fd: z.int().min(3) })),
    /** Where the listening sockets go when the keeper has died and the next one asks for them (SIGUSR2). */
    inbox: z.string(),
    /** Which of how many equal workers it is, the first being 0: what holds for the proxy as a whole is divided among them. */
    share: z.object({ index: z.int().min(0), of: z.int().min(1) }),
    /** What an authority asks for just now. */
    challenges: z.array(Challenge),
    drainMs: z.number().min(0),
  }),
  /** Makes a table ready, before anyone holds: the larger it is, the longer that takes. */
  z.object({ kind: z.literal('prepare'), id, table: Table }),
  z.object({ kind: z.literal('hold'), id }),
  /** Swaps to the prepared table, then releases: every other worker holds by now, so nothing can reach the old side any more. */
  z.object({ kind: z.literal('swap'), id, version: z.int().min(0) }),
  /** Releases by the table that was in force before; one that was prepared is forgotten. */
  z.object({ kind: z.literal('release'), id }),
  /** Before a table that refers to it. */
  z.object({ kind: z.literal('provide'), id, provisions: Provisions }),
  z.object({ kind: z.literal('counters'), id }),
  /** Renews leases of the table in force; one that is not named stays. */
  z.object({ kind: z.literal('lease'), id, leases: Leases }),
  /** These instances are sick, by `instanceKey`, and no others. */
  z.object({ kind: z.literal('sicken'), id, instances: z.array(z.string()) }),
  /** These proofs are to be shown to an authority, and no others. */
  z.object({ kind: z.literal('challenges'), id, challenges: z.array(Challenge) }),
  z.object({
    kind: z.literal('evict'),
    id,
    service: z.string(),
    colour: Colour,
    overMs: z.number().min(0),
  }),
  z.object({ kind: z.literal('drain'), id, deadlineMs: z.number().min(0) }),
]);
export type Order = z.infer<typeof Order>;
export type OrderOf<K extends Order['kind']> = Extract<Order, { kind: K }>;

/** From a worker to the keeper. */
export const Report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** The order `id` is carried out. `held` is how many requests waited, after a release. */
  z.object({ kind: z.literal('done'), id, held: z.int().min(0), counters: WorkerCounters }),
  z.object({ kind: z.literal('failed'), id, message: z.string() }),
  z.object({ kind: z.literal('counted'), counters: WorkerCounters }),
  /** It was told by a signal to end, and accepts no more. */
  z.object({ kind: z.literal('draining') }),
]);
export type Report = z.infer<typeof Report>;

/** From a worker whose keeper has died to the next keeper, beside the descriptors. */
export const OrphanReport = z.discriminatedUnion('kind', [
  /** The descriptors that came along listen on these addresses, in this order; `last` if no more of them follow. */
  z.object({ kind: z.literal('listeners'), pid: z.int(), addresses: z.array(Address), last: z.boolean() }),
  /** It was draining when it was asked for its sockets, so it has none. */
  z.object({ kind: z.literal('draining'), pid: z.int() }),
  /** It routes nothing new any more. */
  z.object({ kind: z.literal('quiet'), pid: z.int() }),
]);
export type OrphanReport = z.infer<typeof OrphanReport>;
