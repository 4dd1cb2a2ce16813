import { z } from 'zod';
import { Address } from '../../core/address.ts';
import { CertificateStatus } from '../../core/certificate-status.ts';
import { Colour } from '../../core/colour-schema.ts';
import { Applied, Route } from '../../core/traffic.ts';
import { Stand } from './joint.ts';
import { RouteMirror } from '../../core/mirror/route-mirror.ts';
import { errorTable, type ErrorCode } from '../../core/errors.ts';

/** Where the proxy's admin socket is within the home directory (`socketPath` in config/home.ts). */
export const adminSocketName = 'proxy/admin.sock';

export const ProxyStatus = z.object({
  pid: z.int(),
  /** Another one after every start of the keeper; counters of different ones cannot be compared. */
  bootId: z.string(),
  /** Of the program. */
  version: z.string(),
  startedAt: z.number(),
  workers: z.array(
    z.object({
      pid: z.int().nullable(),
      ready: z.boolean(),
      startedAt: z.number().nullable(),
      restarts: z.int(),
    }),
  ),
  /** Processes of former sets that finish what they began. */
  draining: z.array(z.int()),
  table: z.object({ version: z.int(), services: z.array(z.string()) }),
  listeners: z.array(Address),
  /** Instances that the checks found sick: service, colour, release and address. */
  sick: z.array(z.string()).default([]),
  certificates: z.array(CertificateStatus).default([]),
  /** Whether it runs by itself: then the admin API switches it, and no controller's log knows of that. */
  alone: z.boolean().default(false),
  /** How it stands with services of which it is one of several proxies. */
  joint: z.array(Stand).default([]),
  /** What a person should look at: a damaged table, an address that could not be bound. */
  warnings: z.array(z.string()),
});
export type ProxyStatus = z.infer<typeof ProxyStatus>;

/** Several services change together in one order: so many at most. */
export const mostTogether = 16;

/** Routes of several services, which are put in force as one: all of them, or none. */
export const TogetherOrder = z.strictObject({ routes: z.array(Route).min(1).max(mostTogether) });

/** What came of each, in their order. */
export const AppliedTogether = z.object({ applied: z.array(Applied) });

export const SwitchOrder = z.strictObject({ to: Colour });
export type SwitchOrder = z.infer<typeof SwitchOrder>;

/** A mirror of a proxy that runs alone: it goes to the side that is not live. Null: none any more. */
export const AloneMirror = z.strictObject({ mirror: RouteMirror.omit({ to: true }).nullable() });

/** The upgrade has been begun; when the status has another `bootId`, it is done. */
export const Upgrading = z.object({
  upgrading: z.literal(true),
  pid: z.int(),
  bootId: z.string(),
  from: z.string(),
  to: z.string(),
});
export type Upgrading = z.infer<typeof Upgrading>;

export const Removed = z.object({ removed: z.boolean() });

export const StopOrder = z.strictObject({
  /** How long exchanges that have begun may go on. */
  drainMs: z.number().min(0).max(3_600_000).default(10_000),
  /** Only the keeper ends; workers serve on until the next keeper takes over from them. For upgrades. */
  keepWorkers: z.boolean().default(false),
});
export type StopOrder = z.infer<typeof StopOrder>;

const codes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

/** An error on the wire: `ErrorRecord`. */
export const WireError = z.object({
  code: z.enum(codes),
  message: z.string(),
  next: z.string().optional(),
  detail: z.record(z.string(), z.unknown()).optional(),
});

const statuses: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 400,
  'service-unknown': 404,
  'stale-epoch': 409,
  'not-ready': 409,
  'already-live': 409,
  'upgrade-refused': 409,
  'address-in-use': 409,
  'route-taken': 409,
  'address-refused': 422,
  'certificate-invalid': 422,
  'page-invalid': 422,
  'router-cannot': 422,
  'proxy-absent': 503,
  'disk-full': 507,
};

/** The HTTP status of an error; the code says more. */
export const httpStatus = (code: ErrorCode): number => statuses[code] ?? 500;
