import { z } from 'zod';
import { placeholderNames, unknownPlaceholders } from '../analysis/placeholders.ts';
import { Command } from './command.ts';
import { Duration } from '../duration.ts';
import { parseDuration } from '../duration-text.ts';
import { jsonPathPattern } from '../json-path.ts';

const percentError = { error: 'expected a part such as 20%, 0.5% or 0' };
/** A part as a user writes it, `20%`, as a number. */
const Percent = z
  .union([z.literal(0), z.string(percentError).regex(/^\d{1,4}(\.\d{1,4})?%$/, percentError)], percentError)
  .transform((part) => (part === 0 ? 0 : Number(part.slice(0, -1)) / 100));

const quantityError = { error: 'expected a number, a part such as 1%, or a duration such as 200ms' };
/** A number, a part or a duration, as a user writes it; with its unit: `share` from 0 to 1, `ms` milliseconds. */
const Quantity = z
  .union(
    [
      z.number(quantityError),
      z
        .string(quantityError)
        .regex(/^(\d{1,4}(\.\d{1,4})?%|\d{1,9}(\.\d{1,9})?(ms|s|m|h|d))$/, quantityError),
    ],
    quantityError,
  )
  .transform((text): Quantity => {
    if (typeof text === 'number') return { value: text, unit: 'number' };
    if (text.endsWith('%')) return { value: Number(text.slice(0, -1)) / 100, unit: 'share' };
    return { value: parseDuration(text) ?? 0, unit: 'ms' };
  });
export interface Quantity {
  readonly value: number;
  readonly unit: Unit;
}
export type Unit = 'share' | 'ms' | 'number';

/** What the proxy itself counts, by its name, with the unit that a limit of it has. */
export const proxyMeasures = {
  failures: 'share',
  errors: 'share',
  'errors-5xx': 'share',
  'errors-4xx': 'share',
  'client-closed': 'share',
  latency: 'ms',
  'latency-p50': 'ms',
  'latency-p90': 'ms',
  'latency-p95': 'ms',
  'latency-p99': 'ms',
  saturation: 'share',
  'in-flight': 'number',
  queued: 'number',
  ejected: 'number',
} as const satisfies Record<string, Unit>;
export type ProxyMeasure = keyof typeof proxyMeasures;
const names = Object.keys(proxyMeasures) as [ProxyMeasure, ...ProxyMeasure[]];

/** Those that are numbers of a moment: two sides cannot be compared by them. */
const ofAMoment: ReadonlySet<string> = new Set(['saturation', 'in-flight', 'queued', 'ejected']);

const url = { error: 'expected a URL that begins with http:// or https://, without user and password' };
const Url = z
  .string(url)
  .max(2000)
  .regex(/^https?:\/\/[^\s/@?#]+([/?#]\S*)?$/, url);
const header = { error: 'expected the name of a header' };
const Token = z.strictObject({
  file: z
    .string()
    .min(1)
    .describe(
      'The file, relative to the spec, whose content is sent as `Authorization: Bearer`. It is never recorded.',
    ),
});

const Prometheus = z.strictObject({
  url: Url.describe('Where Prometheus is, e.g. http://prometheus:9090; of its API `/api/v1/query` is asked.'),
  query: z
    .string()
    .min(1)
    .max(4000)
    .describe(
      'In PromQL, with a number or one sample as its result. {{service}}, {{colour}}, {{release}} and {{version}} stand for those of the side.',
    ),
  token: Token.optional().describe('For a Prometheus that asks for one.'),
  timeout: Duration.default(5000).describe('For an answer.'),
});
const AskCommand = z.strictObject({
  run: Command.describe(
    'Runs in the release with its variables, CUTOVER_COLOUR, and CUTOVER_AGAINST, the other side, if there is one.',
  ),
  timeout: Duration.default(10_000).describe('It is ended then.'),
});
const jsonPathError = { error: 'expected a JSONPath to one place, e.g. $.items[0].name' };
const AskHttp = z.strictObject({
  url: Url.describe(
    'What is asked with GET. {{service}}, {{colour}}, {{release}} and {{version}} stand for those of the side.',
  ),
  json: z
    .string(jsonPathError)
    .max(1000)
    .regex(jsonPathPattern, jsonPathError)
    .optional()
    .describe(
      'Where in a JSON answer the number is, or (without a limit) true or false. Default: the status decides, 2xx is good.',
    ),
  headers: z
    .record(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, header),
      z.string().regex(/^[^\r\n\0]*$/, { error: 'expected the value of a header, in one line' }),
    )
    .default({})
    .describe('Headers that are sent.'),
  token: Token.optional().describe('For a server that asks for one.'),
  timeout: Duration.default(5000).describe('For the whole answer.'),
});

const kinds = ['of', 'prometheus', 'command', 'http'] as const;

/** One thing that is looked at, and what it may be. */
export const Measure = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$/, {
        error: 'expected a name of letters, digits, spaces, dots, dashes and _, at most 60',
      })
      .optional()
      .describe('What it is called in status and receipts. Default: as `of`, or the kind.'),
    of: z.enum(names).optional().describe('What the proxy counts: see docs/analysis.md.'),
    prometheus: Prometheus.optional().describe('A query that Prometheus answers.'),
    command: AskCommand.optional().describe(
      'A program: what it prints last is the number; without a limit, whether it exits 0 is the verdict.',
    ),
    http: AskHttp.optional().describe('What an HTTP server says.'),
    limit: z
      .strictObject({
        max: Quantity.optional().describe('The most that it may be: 1%, 200ms, 5.'),
        min: Quantity.optional().describe('The least.'),
      })
      .refine(({ max, min }) => max !== undefined || min !== undefined, {
        error: 'expected max, min or both',
      })
      .meta({ anyOf: [{ required: ['max'] }, { required: ['min'] }] })
      .optional()
      .describe('A fixed limit.'),
    compare: z
      .strictObject({
        worseBy: Percent.optional().describe(
          'By how much it may be worse than the other side: that much is no matter. Default: 20% for shares, 50% for latencies.',
        ),
        margin: Quantity.optional().describe(
          'And that much at least, where both are small. Default: 0.1% for shares, 5ms for latencies, else 0.',
        ),
      })
      .optional()
      .describe(
        'Against the other side. Default for what is counted of requests, unless it has a limit: as if it were {}.',
      ),
    leastRequests: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe('As that of the analysis, for this one.'),
    failAfter: z
      .int()
      .min(1)
      .max(1000)
      .default(1)
      .describe('Breaches of the limit in a row that are too many. A comparison needs none: it has a test.'),
    every: Duration.optional().describe(
      'As that of the analysis, for this one: prometheus, command and http.',
    ),
  })
  .refine((measure) => kinds.filter((kind) => measure[kind] !== undefined).length === 1, {
    error: 'expected exactly one of of, prometheus, command and http',
  })
  .meta({ oneOf: kinds.map((kind) => ({ required: [kind] })) });
export type Measure = z.infer<typeof Measure>;

/** What is looked at while a side takes traffic, as a user writes it under `analysis`. */
export const AnalysisRules = z
  .strictObject({
    measures: z
      .array(Measure)
      .min(1)
      .max(20)
      .default(() =>
        (['failures', 'errors-5xx', 'latency-p50', 'latency-p99'] as const).map((of) =>
          Measure.parse({ of }),
        ),
      )
      .describe('Default: failures, errors-5xx, latency-p50 and latency-p99, each against the other side.'),
    every: Duration.refine((ms) => ms >= 100 && ms <= 3_600_000, {
      error: 'expected from 100ms to 1h',
    })
      .default(1000)
      .describe('Between two looks.'),
    settle: Duration.default(5000).describe(
      'For so long (a quarter of the watch at most) latencies of a new side are not counted: what has just begun is slow.',
    ),
    leastRequests: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .default(100)
      .describe('Without so many requests since the last judgement nothing is judged.'),
    alpha: Percent.refine((alpha) => alpha >= 0.00001 && alpha <= 0.2, {
      error: 'expected from 0.001% to 20%',
    })
      .default(0.01)
      .describe(
        'In which part of deployments of an unchanged release all comparisons together may raise a false alarm.',
      ),
    inconclusive: z
      .enum(['go-on', 'wait', 'roll-back'])
      .default('go-on')
      .describe(
        'When the time is over and there were too few requests to judge: go on, watch for `waitAtMost` longer and then take it back, or take it back.',
      ),
    waitAtMost: Duration.default(300_000).describe(
      'How much longer is watched then, and when a source of figures does not answer; after that it is taken back.',
    ),
  })
  .superRefine(({ measures }, context) => {
    const seen = new Set<string>();
    for (const [index, measure] of measures.entries()) {
      const wrong = (path: (string | number)[], message: string, input: unknown): void =>
        context.addIssue({ code: 'custom', path: ['measures', index, ...path], input, message });
      const name = nameOf(measure);
      if (seen.has(name))
        wrong(
          [],
          'expected each name once, so that measures of the same kind are told apart by name',
          measure,
        );
      seen.add(name);
      const unit = unitOf(measure);
      for (const [path, quantity] of [
        [['limit', 'max'], measure.limit?.max],
        [['limit', 'min'], measure.limit?.min],
        [['compare', 'margin'], measure.compare?.margin],
      ] as const) {
        if (quantity === undefined || quantity.unit === unit) continue;
        if (quantity.unit === 'number' && quantity.value === 0) continue;
        wrong([...path], `expected ${units[unit]} with ${name}`, quantity);
      }
      if (measure.of !== undefined && measure.every !== undefined)
        wrong(['every'], 'expected every with prometheus, command or http only', measure.every);
      if (measure.compare !== undefined && measure.of !== undefined && ofAMoment.has(measure.of))
        wrong(
          ['compare'],
          `expected limit with ${measure.of}, which is a number of a moment`,
          measure.compare,
        );
      if (measure.limit === undefined && measure.compare === undefined) {
        if (measure.of !== undefined && ofAMoment.has(measure.of))
          wrong([], `expected limit with ${measure.of}, which is a number of a moment`, measure);
        if (measure.prometheus !== undefined) wrong([], 'expected limit or compare with prometheus', measure);
      }
      for (const [path, text] of [
        [['prometheus', 'query'], measure.prometheus?.query],
        [['http', 'url'], measure.http?.url],
      ] as const) {
        const unknown = unknownPlaceholders(text ?? '')[0];
        if (unknown !== undefined)
          wrong(
            [...path],
            `expected one of ${placeholderNames.map((each) => `{{${each}}}`).join(', ')}, found {{${unknown}}}`,
            text,
          );
      }
      if (measure.of === 'latency' && measure.limit !== undefined)
        wrong(
          ['limit'],
          'expected compare with latency: a limit needs a quantile, such as latency-p99',
          measure.limit,
        );
    }
  });
export type AnalysisRules = z.infer<typeof AnalysisRules>;

const units: Readonly<Record<Unit, string>> = {
  share: 'a part such as 1%',
  ms: 'a duration such as 200ms',
  number: 'a number',
};

/** What a measure is called. */
export const nameOf = (measure: Pick<Measure, 'name' | (typeof kinds)[number]>): string =>
  measure.name ?? measure.of ?? kinds.find((kind) => measure[kind] !== undefined) ?? 'measure';

export const unitOf = ({ of }: Pick<Measure, 'of'>): Unit =>
  of === undefined ? 'number' : proxyMeasures[of];

/** As a user may write it: `true` is all defaults. */
export const AnalysisSpec = z.union([
  z.literal(true).transform(() => AnalysisRules.parse({})),
  AnalysisRules,
]);
