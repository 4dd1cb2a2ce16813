import { parseJsonPath, valueAt } from '../core/json-path.ts';
import type { Answer, Question } from '../ports/gauge.ts';
import { fetched, oneLine } from './fetched.ts';

/**
 * Asks an HTTP server for a number or a verdict. As a verdict a status of class 2xx is good and one of 4xx is bad, unless a JSONPath names
 * a place with true or false. Other statuses say nothing of the release: it is `away`.
 */
export async function askHttp(
  { url, headers, json, tokenFile, wants, timeoutMs }: Question & { readonly kind: 'http' },
  signal: AbortSignal,
): Promise<Answer> {
  const got = await fetched({ url, headers, tokenFile, timeoutMs }, signal);
  if ('away' in got) return { kind: 'away', why: got.away };
  const { status, body } = got;
  const where = url.replace(/[?#].*$/s, '');
  const away = (why: string): Answer => ({ kind: 'away', why: `${where}: ${why}` });
  const isGood = status >= 200 && status < 300;
  if (!isGood && (status < 400 || status >= 500)) return away(`expected status 2xx, found ${status}`);
  if (wants === 'verdict' && (json === null || !isGood))
    return { kind: 'verdict', ok: isGood, detail: `${where}: status ${status}` };
  if (!isGood) return away(`expected status 2xx, found ${status}`);
  const found = json === null ? body : valueIn(body, json);
  if (wants === 'verdict') {
    if (typeof found === 'boolean')
      return { kind: 'verdict', ok: found, detail: `${where}: ${json ?? 'it'} is ${found}` };
    return away(`expected true or false at ${json ?? 'its body'}, found ${shown(found)}`);
  }
  const value = typeof found === 'string' ? numberOf(found) : found;
  if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'number', value };
  return away(`expected a number ${json === null ? 'as its body' : `at ${json}`}, found ${shown(found)}`);
}

const numberOf = (text: string): number =>
  /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(text) ? Number(text) : Number.NaN;

function valueIn(body: string, path: string): unknown {
  const segments = parseJsonPath(path);
  if (segments === null) return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return valueAt(value, segments);
  } catch {
    return undefined;
  }
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : oneLine(JSON.stringify(value)));
