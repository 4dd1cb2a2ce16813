import { z } from 'zod';

/** What a router adds to requests so that they can be followed through all the programs behind it. */
export const RouteTracing = z.object({
  /** `X-Request-Id`: kept if it is well-formed, else made. */
  requestId: z.boolean(),
  /** `traceparent` (W3C Trace Context): passed on if it is valid, else made. */
  traceContext: z.boolean(),
});
export type RouteTracing = z.infer<typeof RouteTracing>;

/** The same by value; absent means that nothing is added. */
export const sameTracing = (a: RouteTracing | undefined, b: RouteTracing | undefined): boolean =>
  (a?.requestId ?? false) === (b?.requestId ?? false) &&
  (a?.traceContext ?? false) === (b?.traceContext ?? false);
