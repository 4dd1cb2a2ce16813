import { z } from 'zod';
import type { Answer, Question } from '../ports/gauge.ts';
import { fetched, oneLine } from './fetched.ts';

const sample = z.tuple([z.number(), z.string()]);
/** What `/api/v1/query` answers (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries). */
const Reply = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({
        resultType: z.literal('vector'),
        result: z.array(z.object({ value: sample.optional(), histogram: z.unknown().optional() })),
      }),
      z.object({ resultType: z.literal('scalar'), result: sample }),
      z.object({ resultType: z.enum(['matrix', 'string']), result: z.unknown() }),
    ]),
  }),
  z.object({ status: z.literal('error'), errorType: z.string().optional(), error: z.string().optional() }),
]);

/** Asks Prometheus for the one number that a query has now. No sample, several, and NaN are no number: it is `away`. */
export async function askPrometheus(
  { url, query, tokenFile, timeoutMs }: Question & { readonly kind: 'prometheus' },
  signal: AbortSignal,
): Promise<Answer> {
  const at = `${url.replace(/\/+$/, '')}/api/v1/query`;
  const form = { query, timeout: `${Math.max(1, Math.floor(timeoutMs))}ms` };
  const got = await fetched(
    { url: at, headers: { Accept: 'application/json' }, form, tokenFile, timeoutMs },
    signal,
  );
  if ('away' in got) return { kind: 'away', why: got.away };
  const away = (why: string): Answer => ({ kind: 'away', why: `${at}: ${why}` });
  const reply = Reply.safeParse(jsonOf(got.body));
  if (!reply.success) return away(`expected an answer of Prometheus, found one with status ${got.status}`);
  if (reply.data.status === 'error') {
    const { errorType = 'error', error = '' } = reply.data;
    return away(`${oneLine(errorType)}: ${oneLine(error)}`);
  }
  const { data } = reply.data;
  if (data.resultType !== 'vector' && data.resultType !== 'scalar')
    return away(`expected a number or one sample, found a ${data.resultType}`);
  const values = data.resultType === 'scalar' ? [data.result] : data.result.map(({ value }) => value);
  const [first] = values;
  if (values.length !== 1)
    return away(
      `expected one sample, found ${values.length === 0 ? 'none' : `${values.length}; aggregate them, e.g. with sum()`}`,
    );
  if (first === undefined) return away('expected a number, found a histogram; take a quantile of it');
  const value = Number(first[1]);
  return Number.isFinite(value)
    ? { kind: 'number', value }
    : away(`expected a number, found ${oneLine(first[1])}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
