import { formatDuration } from '../core/duration.ts';
import { disappointment } from '../core/expectation.ts';
import { parseJsonPath, valueAt } from '../core/json-path.ts';
import type { Check, Health } from '../core/spec/check.ts';
import { bodyLimitBytes } from './http-response.ts';
import { statusMatches } from './status.ts';

type Asked = NonNullable<Health['http']>;
type AskedClosely = NonNullable<Check['http']>;

/** What is asked and expected: more of an answer before the switch than again and again. */
export type HttpProbe = Asked & Partial<Pick<AskedClosely, 'responseHeaders' | 'json' | 'within'>>;

/** Whether the answer counts only when it has come to its end. */
export const wantsBody = ({ contains, json = {}, within }: HttpProbe): boolean =>
  contains !== undefined || within !== undefined || Object.keys(json).length > 0;

/** What of the head is not as expected; null if all is. */
export function headFlaw(
  { status, responseHeaders = {} }: HttpProbe,
  found: number,
  headers: ReadonlyMap<string, string>,
  ms: number,
): string | null {
  if (!statusMatches(status, found))
    return `expected status ${status}, found ${found} after ${formatDuration(ms)}`;
  for (const [name, expected] of Object.entries(responseHeaders)) {
    const flaw = disappointment(expected, headers.get(name.toLowerCase()));
    if (flaw !== null) return `header ${name}: ${flaw}`;
  }
  return null;
}

/** What of the body is not as expected, or came too late; null if all is well. `whole`: it was not too long to be read. */
export function bodyFlaw(
  { contains, json = {}, within }: HttpProbe,
  { body }: { readonly body: Buffer },
  whole: boolean,
  ms: number,
): string | null {
  if (contains !== undefined && !body.includes(contains)) {
    const found = whole ? `${body.length} bytes without it` : `the first ${bodyLimitBytes} bytes without it`;
    return `expected a body that contains ${JSON.stringify(contains)}, found ${found}`;
  }
  const flaw = Object.keys(json).length > 0 ? jsonFlaw(json, body, whole) : null;
  if (flaw !== null) return flaw;
  if (within !== undefined && (ms > within || !whole)) {
    const found = whole ? formatDuration(ms) : `more than ${bodyLimitBytes} bytes`;
    return `expected the whole answer within ${formatDuration(within)}, found ${found}`;
  }
  return null;
}

function jsonFlaw(json: AskedClosely['json'], body: Buffer, whole: boolean): string | null {
  if (!whole) return `expected a JSON body, found more than ${bodyLimitBytes} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    return `expected a JSON body, found ${body.length} bytes that are none (${error instanceof Error ? error.message : String(error)})`;
  }
  for (const [path, expected] of Object.entries(json)) {
    const flaw = disappointment(expected, valueAt(value, parseJsonPath(path) ?? []));
    if (flaw !== null) return `${path}: ${flaw}`;
  }
  return null;
}
