/** What stands for a part of a path, or a name in a map, that is another one from request to request. */
export type Variable = '{n}' | '{uuid}' | '{hash}' | '{date}' | '{id}';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const number = /^-?\d{1,40}(?:\.\d{1,40})?$/;
const date = /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.+Z-]{0,40})?$/;
/** A word and a number, such as `order-1234`. */
const numbered = /^([A-Za-z]{1,40}[-_.]?)\d{1,40}$/;
/** Longer than any name. */
const longest = 128;
const shortestHash = 8;
const shortestRandom = 20;

/** What letters and digits a part is made of; one pass, since paths come from anyone. */
function looksOf(part: string): {
  readonly hex: boolean;
  readonly plain: boolean;
  readonly digits: number;
  readonly rises: number;
} {
  let hex = true;
  let plain = true;
  let digits = 0;
  /** How often an upper-case letter follows a lower-case one. */
  let rises = 0;
  let before = 0;
  for (let i = 0; i < part.length; i++) {
    const code = part.charCodeAt(i);
    const digit = code >= 48 && code <= 57;
    const lower = code >= 97 && code <= 122;
    const upper = code >= 65 && code <= 90;
    if (digit) digits++;
    if (upper && before >= 97 && before <= 122) rises++;
    if (!digit && !((code | 32) >= 97 && (code | 32) <= 102)) hex = false;
    if (!digit && !lower && !upper && !'-_~=.'.includes(part[i] ?? '')) plain = false;
    before = code;
  }
  return { hex, plain, digits, rises };
}

/** What a part stands for if it is one of many; null if it is a name. */
export function variableOf(part: string): Variable | null {
  if (part.length === 0) return null;
  if (part.length > longest) return '{id}';
  if (number.test(part)) return '{n}';
  if (part.length < shortestHash) return null;
  if (uuid.test(part)) return '{uuid}';
  if (date.test(part)) return '{date}';
  const { hex, plain, digits, rises } = looksOf(part);
  if (hex && digits > 0) return '{hash}';
  // Long, with digits among letters, or cases mixed in the manner of base64: random, as far as anyone can tell.
  return plain && part.length >= shortestRandom && (digits > 0 || rises >= 3) ? '{id}' : null;
}

/** The part as all of its kind are written: `42` as `{n}`, `order-42` as `order-{n}`, a name as itself. */
export function patternOfPart(part: string): string {
  const variable = variableOf(part);
  if (variable !== null) return variable;
  const word = numbered.exec(part)?.[1];
  // `v1` is a version, which parts routes.
  return word === undefined || /^v$/i.test(word) ? part : `${word}{n}`;
}
