import { z } from 'zod';
import { RouteAccessLog } from './access-log.ts';
import { Address } from './address.ts';
import { RouteAuthority } from './certificate-authority.ts';
import { HostPattern, PathRule } from './claim.ts';
import { Colour } from './colour-schema.ts';
import { RouteEntrance } from './entrance.ts';
import { combineCut, noneCut } from './cut.ts';
import { Cut } from './cut-schema.ts';
import { InstancePolicy } from './instance-policy.ts';
import { combine } from './latency.ts';
import { Histogram } from './latency-schema.ts';
import { RouteLimits } from './limits.ts';
import { RouteMirror } from './mirror/route-mirror.ts';
import { Mode } from './mode.ts';
import { RouteProxies } from './proxies/rules.ts';
import { RoutePages } from './page.ts';
import { RouteTracing } from './tracing.ts';
import { HeaderName, RouteSticky } from './sticky.ts';
import { RouteAssets } from './assets.ts';
import { RouteTesters } from './testers.ts';
import { Weights } from './weights.ts';
import { RouteUpstream } from './upstream.ts';

/** One environment as the router sees it: which release, and where its instances are. Empty: nothing is there. */
export const RoutedSide = z.object({
  release: z.int().min(1).nullable(),
  instances: z.array(Address).max(1024),
  /** How its instances are spoken to; absent: plain HTTP/1.1. */
  upstream: RouteUpstream.optional(),
});
export type RoutedSide = z.infer<typeof RoutedSide>;

/** How a service is reached over TLS. Files are named by absolute paths: whoever serves reads them, so that no key is in a log. */
export const RouteTls = z
  .object({
    /** The first is the one for clients that name no host, or one that no certificate is for. No hosts: those that it names itself. */
    certificates: z.array(z.object({ cert: z.string(), key: z.string(), hosts: z.array(z.string()) })),
    /** Where plain HTTP is answered with a redirect to https. */
    redirect: Address.nullable(),
    /** For Strict-Transport-Security; 0: not sent. */
    hstsSeconds: z.int().min(0),
    /** Certificates of the authorities that sign clients; null: clients are not asked for a certificate. */
    clientCa: z.string().nullable(),
    clientAuth: z.enum(['required', 'optional']),
    /** Hosts whose certificates the router itself obtains; absent: none. */
    acme: RouteAuthority.optional(),
  })
  .refine(({ certificates, acme }) => certificates.length > 0 || acme !== undefined, {
    error: 'expected at least one certificate, or an authority',
  });
export type RouteTls = z.infer<typeof RouteTls>;

/**
 * What a router knows of a service: an immutable value, replaced whole.
 * `epoch` grows with every change that is ordered; a router refuses an older one.
 */
export const Route = z.object({
  service: z.string().min(1).max(40),
  epoch: z.int().min(1),
  live: Colour,
  /** Which part of the requests of users goes to each side; absent: all to the one that is live. */
  weights: Weights.optional(),
  /** Which requests go where others went before them; absent: each goes by itself. */
  sticky: RouteSticky.optional(),
  /** A header by which a client chooses blue or green, of the sides that have weight; absent: none. */
  sideHeader: HeaderName.optional(),
  /** How testers get past users, on `listen`; absent: not at all. */
  testers: RouteTesters.optional(),
  /** The side that is not live was live before, and is kept for the way back. */
  kept: z.boolean().optional(),
  /** Which 404s the side that is kept may answer instead; absent: none. */
  assets: RouteAssets.optional(),
  listen: Address,
  preview: Address.nullable(),
  previewHost: z.string().nullable(),
  /** Absent: plain HTTP. */
  tls: RouteTls.optional(),
  /** Who stands between the clients and its addresses; absent: nobody. */
  entrance: RouteEntrance.optional(),
  blue: RoutedSide,
  green: RoutedSide,
  /** Absent: `http`. With `tcp` whole connections are switched, whatever is in them. */
  protocol: z.enum(['http', 'tcp']).optional(),
  /** What is allowed to clients and instances; absent: the router's own defaults. */
  limits: RouteLimits.optional(),
  /** How instances that do badly are passed over; absent: by the router's own defaults, without checks. */
  instancePolicy: InstancePolicy.optional(),
  /** What is added to requests to follow them; absent: nothing. */
  tracing: RouteTracing.optional(),
  /** Where a line of each request is written; absent: nowhere. */
  accessLog: RouteAccessLog.optional(),
  /** Which hosts of `listen` are this service's; absent: any. */
  hosts: z.array(HostPattern).max(20_000).optional(),
  /** Which paths of these hosts; absent: all. */
  paths: z.array(PathRule).max(100).optional(),
  /** Absent: open. */
  mode: Mode.optional(),
  /** What the router answers with where it has to, as absolute paths; absent: a line of text. */
  errorPages: RoutePages.optional(),
  /** Which requests to the live side are copied to the other one, whose answers nobody gets; absent: none. */
  mirror: RouteMirror.optional(),
  /** By which proxies the service is entered, and how they change as one; absent: by this one alone. */
  proxies: RouteProxies.optional(),
});
export type Route = z.infer<typeof Route>;

/** Why a request that was accepted did not get one whole response. */
export const failureCauses = [
  'no-instance',
  'instances-full',
  'connect-failed',
  'upstream-closed',
  'upstream-truncated',
  'upstream-invalid',
  'upstream-timeout',
  'worker-lost',
] as const;
export type FailureCause = (typeof failureCauses)[number];
const perCause = z.record(z.string(), z.number());

/** What went through to one environment since the router started. Every number only grows, but for `inFlight`. */
export const SideCounters = z.object({
  /** Requests sent to this side, upgrades among them. */
  requests: z.number(),
  /** Whole responses by class. */
  status: z.object({
    '1xx': z.number(),
    '2xx': z.number(),
    '3xx': z.number(),
    '4xx': z.number(),
    '5xx': z.number(),
  }),
  /** By `FailureCause`. */
  failed: perCause,
  /** Requests whose client went away before the response was whole: not failures of ours. */
  clientClosed: z.number(),
  /** Requests that waited at the barrier of a switch, or because of the mode. */
  held: z.number(),
  /** Attempts beyond the first. */
  retried: z.number(),
  /** Answered requests with an unsafe method (not GET, HEAD, OPTIONS or TRACE; RFC 9110 §9.2.1). */
  writes: z.number(),
  upgrades: z.number(),
  /** Of `requests`, those that were answered with what the side before still had. */
  fromBefore: z.number().default(0),
  /** Of `requests`, those of testers. */
  previews: z.number().default(0),
  /** How often an instance was ejected, once for each worker. */
  ejected: z.number().default(0),
  bytesIn: z.number(),
  bytesOut: z.number(),
  inFlight: z.number(),
  /** Of these, so many at each instance that has any, by its address; absent: it is not known. */
  inFlightAt: perCause.optional(),
  /** What was ended on purpose, so that this side gets free: none of it counts as failed. */
  cut: Cut.default(noneCut),
  /** From the whole request head to the last byte of the response, without upgrades. */
  latency: Histogram,
});
export type SideCounters = z.infer<typeof SideCounters>;

/** What was told of requests one by one, and what was dropped because it could not be told in time. Every number only grows. */
export const ToldCounters = z.object({
  lines: z.number(),
  linesDropped: z.number(),
  spans: z.number(),
  spansDropped: z.number(),
});
export type ToldCounters = z.infer<typeof ToldCounters>;

export const nothingTold: ToldCounters = { lines: 0, linesDropped: 0, spans: 0, spansDropped: 0 };

export const combineTold = (a: ToldCounters, b: ToldCounters): ToldCounters => ({
  lines: a.lines + b.lines,
  linesDropped: a.linesDropped + b.linesDropped,
  spans: a.spans + b.spans,
  spansDropped: a.spansDropped + b.spansDropped,
});

/** Counters of one service. Two of them can be compared only if `bootId` is the same. */
export const Counters = z.object({
  bootId: z.string(),
  at: z.number(),
  blue: SideCounters,
  green: SideCounters,
  /** Requests answered by the router itself because they were wrong, by status; `connections`: closed for too many of one address, `proxy-header`: closed for want of a PROXY header. */
  refused: perCause,
  /** Of the access log, and of the spans that are sent to a collector. */
  told: ToldCounters.default(nothingTold),
  /** Requests that the mode of the service holds just now, those that leave at its pace among them. */
  queued: z.number().default(0),
  /** Of several proxies those that did not answer: of each, what was last heard counts. Absent: all did. */
  away: z.array(z.string()).optional(),
});
export type Counters = z.infer<typeof Counters>;

export const emptySide = (): SideCounters => ({
  requests: 0,
  status: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
  failed: {},
  clientClosed: 0,
  held: 0,
  retried: 0,
  writes: 0,
  upgrades: 0,
  previews: 0,
  fromBefore: 0,
  ejected: 0,
  bytesIn: 0,
  bytesOut: 0,
  inFlight: 0,
  cut: noneCut(),
  latency: [],
});

function combineCounts(
  a: Record<string, number>,
  b: Record<string, number>,
  sign: 1 | -1,
): Record<string, number> {
  const sum: Record<string, number> = { ...a };
  for (const [key, count] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + sign * count;
  return sum;
}

/** Both together, of numbers as they are now. */
const bothAt = (
  a: SideCounters['inFlightAt'],
  b: SideCounters['inFlightAt'],
): Pick<SideCounters, 'inFlightAt'> => (a || b ? { inFlightAt: combineCounts(a ?? {}, b ?? {}, 1) } : {});

/** Both together (`sign` 1), or what `a` has beyond `b` (`sign` -1; `inFlight` is then that of `a`). */
export function combineSides(a: SideCounters, b: SideCounters, sign: 1 | -1): SideCounters {
  return {
    requests: a.requests + sign * b.requests,
    status: {
      '1xx': a.status['1xx'] + sign * b.status['1xx'],
      '2xx': a.status['2xx'] + sign * b.status['2xx'],
      '3xx': a.status['3xx'] + sign * b.status['3xx'],
      '4xx': a.status['4xx'] + sign * b.status['4xx'],
      '5xx': a.status['5xx'] + sign * b.status['5xx'],
    },
    failed: combineCounts(a.failed, b.failed, sign),
    clientClosed: a.clientClosed + sign * b.clientClosed,
    held: a.held + sign * b.held,
    retried: a.retried + sign * b.retried,
    writes: a.writes + sign * b.writes,
    upgrades: a.upgrades + sign * b.upgrades,
    previews: a.previews + sign * b.previews,
    fromBefore: a.fromBefore + sign * b.fromBefore,
    ejected: a.ejected + sign * b.ejected,
    bytesIn: a.bytesIn + sign * b.bytesIn,
    bytesOut: a.bytesOut + sign * b.bytesOut,
    cut: combineCut(a.cut, b.cut, sign),
    inFlight: sign === 1 ? a.inFlight + b.inFlight : a.inFlight,
    ...bothAt(a.inFlightAt, sign === 1 ? b.inFlightAt : undefined),
    latency: combine(a.latency, b.latency, sign),
  };
}

/** Requests that failed on this side, whatever the cause. */
export const failures = (side: SideCounters): number =>
  Object.values(side.failed).reduce((sum, n) => sum + n, 0);

/** An order to end what is in flight on a side that gets no requests of users any more. */
export const Eviction = z.strictObject({
  colour: Colour,
  /** Of the route in force, as whoever orders it knows it. */
  epoch: z.int().min(1),
  /** Over which time the ends are spread. */
  overMs: z.number().min(0).max(86_400_000),
});
export type Eviction = z.infer<typeof Eviction>;

/** What was in flight there when the order was given. */
export const Evicted = z.object({ inFlight: z.number() });
export type Evicted = z.infer<typeof Evicted>;

/** What came of a route at one of several proxies. */
export const AppliedAt = z.object({
  name: z.string(),
  state: z.enum(['in-force', 'left-out', 'unconfirmed']),
  holdMs: z.number().nullable(),
  held: z.number().nullable(),
});
export type AppliedAt = z.infer<typeof AppliedAt>;

/** What a router answers when a route is in force everywhere. */
export const Applied = z.object({
  epoch: z.int(),
  /** False if this very route was in force already. */
  changed: z.boolean(),
  /** How long new requests were held, from the first worker that held to the last that released. */
  holdMs: z.number(),
  held: z.number(),
  /** At the moment of the switch, before any request went to the new side by it. */
  counters: Counters,
  /** What came of it at each of several proxies; absent: there is one. `left-out` and `unconfirmed` ones did not answer, before and after it was decided. */
  proxies: z.array(AppliedAt).optional(),
});
export type Applied = z.infer<typeof Applied>;
