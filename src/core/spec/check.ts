import { z } from 'zod';
import { Duration } from '../duration.ts';
import { Expectation } from '../expectation.ts';
import { jsonPathPattern } from '../json-path.ts';
import { LoadCheck, longestLoadMs } from '../load-check.ts';
import { Command } from './command.ts';

const statusError = { error: 'expected a status such as 200, 2xx or 200-399' };
const HttpCheck = z.strictObject({
  path: z
    .string()
    .startsWith('/', { error: 'expected a path that begins with /' })
    .default('/')
    .describe('The path that is asked for.'),
  method: z.enum(['GET', 'HEAD', 'POST', 'OPTIONS']).default('GET').describe('The method of the request.'),
  status: z
    .union(
      [
        z.int().min(100, statusError).max(599, statusError),
        z.string().regex(/^[1-5](xx|\d\d)(-[1-5]\d\d)?$/, statusError),
      ],
      statusError,
    )
    .default('2xx')
    .describe(
      'A status such as 200, a class such as 2xx, or a range such as 200-399. Redirects are not followed.',
    ),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      z.string().regex(/^[^\r\n\0]*$/, { error: 'expected the value of a header, in one line' }),
    )
    .default({})
    .describe('Headers that are sent.'),
  contains: z.string().optional().describe('Text that the body must contain.'),
});

const jsonPathError = { error: 'expected a JSONPath to one place, e.g. $.items[0].name' };
/** What a release is asked before it gets traffic may be looked at more closely than what is asked again and again. */
const VerifyHttp = HttpCheck.extend({
  responseHeaders: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'expected the name of a header' }),
      Expectation,
    )
    .default({})
    .describe('What headers of the answer must be, e.g. {cache-control: {contains: max-age}}.'),
  json: z
    .record(z.string(jsonPathError).regex(jsonPathPattern, jsonPathError), Expectation)
    .default({})
    .describe('What must be in a JSON body, by JSONPath, e.g. {$.status: ok, "$.items[0].price": {min: 1}}.'),
  within: Duration.optional().describe('The whole answer must be there within this time.'),
});

const checkKind = {
  http: HttpCheck.optional().describe('A request is answered as expected.'),
  tcp: z.literal(true).optional().describe('The address accepts a connection.'),
  command: Command.optional().describe(
    'Exits 0. It runs in the release with CUTOVER_ADDRESS, CUTOVER_URL, HOST and PORT in its environment.',
  ),
};

/** Exactly one of these keys must be there: the rule, its error, and the same rule for the JSON Schema. */
export const exactlyOne = <K extends string>(...kinds: K[]) => ({
  holds: (check: Partial<Record<K, unknown>>): boolean =>
    kinds.filter((kind) => check[kind] !== undefined).length === 1,
  error: { error: `expected exactly one of ${kinds.slice(0, -1).join(', ')} and ${kinds.at(-1)}` },
  schema: { oneOf: kinds.map((kind) => ({ required: [kind] })) },
});
const oneCheck = exactlyOne('http', 'tcp', 'command', 'load');
const oneHealth = exactlyOne('http', 'tcp', 'command', 'running');

export const Health = z
  .strictObject({
    ...checkKind,
    running: Duration.optional().describe(
      'It has run for so long without ending. For layers that listen nowhere, such as workers.',
    ),
    interval: Duration.default(250).describe('Between two probes of an instance.'),
    timeout: Duration.default(2000).describe('For one probe.'),
    startPeriod: Duration.default(30_000).describe('How long an instance may take to become healthy.'),
    healthy: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('Good probes in a row that make an instance healthy.'),
    unhealthy: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe('Bad probes in a row that make it unhealthy again.'),
  })
  .refine(oneHealth.holds, oneHealth.error)
  .meta(oneHealth.schema);
export type Health = z.infer<typeof Health>;

export const Check = z
  .strictObject({
    name: z.string().min(1).max(80).optional().describe('What the check is called in plans and receipts.'),
    ...checkKind,
    http: VerifyHttp.optional().describe('A request is answered as expected.'),
    load: LoadCheck.refine(({ duration }) => duration > 0 && duration <= longestLoadMs, {
      error: 'expected a duration above 0 and of at most 1h',
      path: ['duration'],
    })
      .optional()
      .describe('Many requests, at a steady rate, are answered as expected.'),
    timeout: Duration.default(10_000).describe('For one attempt; with `load`, for each of its requests.'),
    attempts: z
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('How often it is tried before it counts as failed.'),
    interval: Duration.default(500).describe('Between two attempts.'),
  })
  .refine(oneCheck.holds, oneCheck.error)
  .meta(oneCheck.schema);
export type Check = z.infer<typeof Check>;
