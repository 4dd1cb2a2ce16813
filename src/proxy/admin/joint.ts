import { z } from 'zod';
import { Turn } from '../../core/proxies/standing.ts';
import { RouteProxies } from '../../core/proxies/rules.ts';
import { Colour } from '../../core/colour-schema.ts';
import { Counters, Eviction, Route } from '../../core/traffic.ts';

/**
 * What a controller says to each of several proxies, so that they change as one: version 1. The same over the admin socket and, for a proxy on another
 * machine, over TLS with certificates of both sides. Each may be said again; an order that is older than what is known is refused with `stale-epoch`.
 *
 *   look      → Look       how all stands, and leases: the route in force is the last one, until a moment of the proxy's own clock
 *   prepare   → {}         the route is checked, what it needs is ready, and it is on disk; nothing changes for users
 *   hold      → {}         no request begins by the route in force any more, until it is known what was decided
 *   commit    → Committed  the prepared route is in force, and what was held goes by it
 *   release   → {}         all goes on by the route in force; what was prepared is forgotten
 *   counters  → Counters
 *   evict     → Evicted
 */
export const jointVersion = 1;

const service = z.string().min(1).max(40);

export const LookOrder = z.strictObject({
  leases: z
    .array(
      z.strictObject({
        service,
        /** Of the route that is the last. */
        epoch: z.int().min(1),
        bootId: z.string(),
        /** By the clock of the proxy, as `Look.clockMs`. */
        untilMs: z.number(),
      }),
    )
    .max(1000),
});
export type LookOrder = z.infer<typeof LookOrder>;
/** Without a route the service does not enter there any more. `decided`: the others go by it already. */
export const PrepareOrder = z.strictObject({
  service,
  turn: Turn,
  route: Route.nullable(),
  decided: z.boolean(),
});
export type PrepareOrder = z.infer<typeof PrepareOrder>;
export const TurnOrder = z.strictObject({ service, turn: Turn });
export type TurnOrder = z.infer<typeof TurnOrder>;
export const CountersOrder = z.strictObject({ service });
export const EvictOrder = z.strictObject({ service, eviction: Eviction });

/** How one service stands at a proxy. */
export const Stand = z.object({
  service,
  /** Of the route in force; 0: there is none. */
  epoch: z.int().min(0),
  live: Colour.nullable(),
  prepared: Turn.nullable(),
  promised: Turn.nullable(),
  conduct: z.enum(['serve', 'hold', 'closed']),
  rules: RouteProxies.nullable(),
  /** How often a hold was over before it was known what was decided, since the proxy started. */
  overrun: z.int().min(0),
});
export type Stand = z.infer<typeof Stand>;

export const Look = z.object({
  protocol: z.literal(jointVersion),
  bootId: z.string(),
  /** Its own clock, for leases: it never goes back while `bootId` is the same. */
  clockMs: z.number(),
  services: z.array(Stand),
  version: z.string(),
  pid: z.int(),
  workers: z.int(),
  warnings: z.array(z.string()),
});
export type Look = z.infer<typeof Look>;

export const Committed = z.object({
  /** How long requests were held here; 0 if none had to be. */
  holdMs: z.number(),
  held: z.number(),
  counters: Counters,
});
export type Committed = z.infer<typeof Committed>;
export const Nothing = z.object({});
