import { z } from 'zod';

const endpointError = { error: 'expected the URL of a collector, e.g. http://127.0.0.1:4318' };

/** What a user writes under `router.tracing.otlp`; see docs/tracing.md. */
export const Otlp = z.strictObject({
  endpoint: z
    .url({ ...endpointError, protocol: /^https?$/ })
    .max(2048, endpointError)
    .refine((text) => URL.canParse(text) && new URL(text).username === '', {
      error: 'expected a URL without a password; secrets belong in headersFile',
    })
    .describe('The collector, OTLP over HTTP. Without a path, `/v1/traces` is added.'),
  headersFile: z
    .string()
    .min(1, { error: 'expected the path of a file' })
    .max(4096)
    .optional()
    .describe(
      'A file with headers for the collector, `Name: value` in each line; for secrets. It is read when spans are sent and never recorded.',
    ),
  sample: z
    .number()
    .min(0)
    .max(1, { error: 'expected a share from 0 to 1' })
    .default(0.01)
    .describe(
      'The share of the requests that come without a trace of which spans are made. Of others their trace says whether.',
    ),
  serviceName: z.string().min(1).max(200).default('cutover').describe('The `service.name` of the spans.'),
});
export type Otlp = z.infer<typeof Otlp>;

/** The same on the wire to a router: files by absolute paths. */
export const RouteOtlp = z.object({
  endpoint: z.string(),
  headersFile: z.string().nullable(),
  sample: z.number().min(0).max(1),
  serviceName: z.string(),
});
export type RouteOtlp = z.infer<typeof RouteOtlp>;

/** What a router adds to requests so that they can be followed through all the programs behind it. */
export const RouteTracing = z.object({
  /** `X-Request-Id`: kept if it is well-formed, else made. */
  requestId: z.boolean(),
  /** `traceparent` (W3C Trace Context): passed on if it is valid, else made. */
  traceContext: z.boolean(),
  /** Spans of the requests are sent to a collector; absent: none are made. */
  otlp: RouteOtlp.optional(),
});
export type RouteTracing = z.infer<typeof RouteTracing>;

/** The same by value; absent means that nothing is added. */
export const sameTracing = (a: RouteTracing | undefined, b: RouteTracing | undefined): boolean =>
  (a?.requestId ?? false) === (b?.requestId ?? false) &&
  (a?.traceContext ?? false) === (b?.traceContext ?? false) &&
  JSON.stringify(a?.otlp) === JSON.stringify(b?.otlp);
