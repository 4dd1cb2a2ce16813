import { z } from 'zod';

/** What a line of the access log may say, in the order in which it is said unless the spec names another. */
export const accessLogFields = [
  'time',
  'service',
  'environment',
  'release',
  'instance',
  'client',
  'method',
  'host',
  'path',
  'query',
  'protocol',
  'tls',
  'status',
  'cause',
  'detail',
  'durationMs',
  'headMs',
  'heldMs',
  'connectMs',
  'firstByteMs',
  'bytesIn',
  'bytesOut',
  'attempts',
  'held',
  'mode',
  'upgraded',
  'requestId',
  'traceId',
  'userAgent',
  'referer',
] as const;
export type AccessLogField = (typeof accessLogFields)[number];

/** Queries carry tokens and names of people more often than anything else in a line: they have to be asked for. */
export const usualFields: readonly AccessLogField[] = accessLogFields.filter((field) => field !== 'query');

/** Their values are never written, whoever asks for them. */
export const secretHeaders: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'set-cookie',
  'x-api-key',
];

const headerError = { error: 'expected the name of a header' };
const headers = z
  .array(
    z
      .string(headerError)
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, headerError)
      .transform((name) => name.toLowerCase()),
  )
  .max(32);
const share = z.number().min(0).max(1, { error: 'expected a share from 0 to 1' });
const path = z
  .string()
  .min(1, { error: 'expected the path of a file' })
  .max(4096)
  .regex(/^[^\0]*$/, { error: 'expected a path without a NUL character' });

/** What a user writes under `router.accessLog`; see docs/access-log.md. */
export const AccessLog = z
  .strictObject({
    file: path
      .optional()
      .describe('The file, relative to the spec; its directory has to be there. It is added to.'),
    stdout: z
      .literal(true)
      .optional()
      .describe('What the proxy prints, instead of a file; with a controller that is `proxy.log`.'),
    format: z
      .enum(['json', 'common', 'combined'])
      .default('json')
      .describe('One JSON object to a line, or the formats of the same names that web servers share.'),
    sample: share
      .default(1)
      .describe(
        'The share of requests that is written, by chance. Failures, and what the proxy refused, always are.',
      ),
    fields: z
      .array(z.enum(accessLogFields))
      .min(1)
      .max(accessLogFields.length)
      .optional()
      .describe('For `json`: what a line says, in this order. Default: all but `query`.'),
    requestHeaders: headers.default([]).describe('Headers of the request that are written too.'),
    responseHeaders: headers.default([]).describe('Headers of the response that are written too.'),
    redact: z
      .strictObject({
        query: z
          .array(z.string().min(1).max(200))
          .max(100)
          .default([])
          .describe('Parameters of the query whose values are not written.'),
        headers: headers
          .default([])
          .describe(
            'Headers whose values are not written, beside Authorization, Cookie, Proxy-Authorization, Set-Cookie and X-Api-Key.',
          ),
      })
      .default({ query: [], headers: [] })
      .describe('What becomes `***`.'),
    maxBytes: z
      .int()
      .min(65_536)
      .default(104_857_600)
      .describe('The file is rotated when it has this size; looked at once a second.'),
    files: z.int().min(1).max(100).default(5).describe('Rotated files that are kept.'),
  })
  .superRefine(({ file, stdout, format, fields }, context) => {
    if ((file === undefined) === (stdout === undefined))
      context.addIssue({ code: 'custom', input: file, message: 'expected exactly one of file and stdout' });
    if (fields !== undefined && format !== 'json')
      context.addIssue({
        code: 'custom',
        path: ['fields'],
        input: fields,
        message: `expected no fields with format ${format}, which says itself what is in a line`,
      });
  })
  .meta({ oneOf: [{ required: ['file'] }, { required: ['stdout'] }] });
export type AccessLog = z.infer<typeof AccessLog>;

/** The same on the wire to a router, with nothing left open. */
export const RouteAccessLog = z.object({
  /** An absolute path; null: standard output. */
  file: z.string().nullable(),
  format: z.enum(['json', 'common', 'combined']),
  sample: share,
  fields: z.array(z.enum(accessLogFields)),
  requestHeaders: z.array(z.string()),
  responseHeaders: z.array(z.string()),
  redactQuery: z.array(z.string()),
  redactHeaders: z.array(z.string()),
  maxBytes: z.int().min(1),
  files: z.int().min(1),
});
export type RouteAccessLog = z.infer<typeof RouteAccessLog>;

/** What a router is told; `absolute` makes a path of the spec one that does not depend on where a program runs. */
export function routeAccessLog(log: AccessLog, absolute: (path: string) => string): RouteAccessLog {
  return {
    file: log.file === undefined ? null : absolute(log.file),
    format: log.format,
    sample: log.sample,
    fields: [...(log.fields ?? usualFields)],
    requestHeaders: log.requestHeaders,
    responseHeaders: log.responseHeaders,
    redactQuery: log.redact.query,
    redactHeaders: [...secretHeaders, ...log.redact.headers],
    maxBytes: log.maxBytes,
    files: log.files,
  };
}
