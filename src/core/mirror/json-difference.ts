import { difference, type Difference, type DifferenceKind } from './difference.ts';
import { formatPlace, stepOf, type Step } from './path-rule.ts';

/** Deeper than this a body is compared as text: nobody reads that deep, and a hostile one would go on for ever. */
const deepest = 64;
/** More than these are not told of one answer. */
export const mostDifferences = 32;

/** A number that a double cannot hold, as its digits. */
class ExactNumber {
  constructor(readonly digits: string) {}
  toJSON(): string {
    return this.digits;
  }
}

const longNumber = /\d{16}/;
const wholeNumber = /^-?\d+$/;

/** Whether lists and maps lie in each other deeper than is compared. Looks at brackets alone: those in texts count, which costs no more than a comparison as text. */
function tooDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 91 || code === 123) {
      if (++depth > deepest) return true;
    } else if (code === 93 || code === 125) depth--;
  }
  return false;
}

/** As the runtime calls it: with the text of a number (ECMAScript, JSON.parse source text access). */
type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;
const exact: Reviver = (_key, value, context) => {
  const source = context?.source;
  return typeof value === 'number' &&
    source !== undefined &&
    wholeNumber.test(source) &&
    !Number.isSafeInteger(value)
    ? new ExactNumber(source)
    : value;
};

/** The value that a text of JSON stands for, long whole numbers by all their digits; undefined if it is none, or too deep to compare. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  if (tooDeep(text)) return undefined;
  try {
    const value: unknown = longNumber.test(text) ? JSON.parse(text, exact) : JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

const typeOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'list'
      : value instanceof ExactNumber
        ? 'number'
        : typeof value === 'object'
          ? 'map'
          : typeof value;

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);

/** One text for one value, whatever the order of its keys. */
function canonical(value: unknown): string {
  if (value instanceof ExactNumber) return value.digits;
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (isMap(value))
    return `{${Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
      .join()}}`;
  return JSON.stringify(value);
}

const sameScalar = (a: unknown, b: unknown): boolean =>
  a === b || (typeOf(a) === 'number' && typeOf(b) === 'number' && canonical(a) === canonical(b));

/** Where two JSON values differ, place by place, `mostDifferences` at most. Places in lists are told for the list as a whole. */
export function jsonDifferences(live: unknown, idle: unknown): Difference[] {
  const found: Difference[] = [];
  const place: Step[] = [];
  // A cause counts once in one answer, however many elements of a list show it.
  const seen = new Set<string>();
  const cause = (kind: DifferenceKind, at: string): string => `${kind} ${at}`;
  const add = (kind: DifferenceKind, a: unknown, b: unknown): void => {
    const at = formatPlace(place);
    if (found.length >= mostDifferences || seen.has(cause(kind, at))) return;
    seen.add(cause(kind, at));
    found.push(difference(kind, at, a, b, place.slice()));
  };
  const within = (step: Step, compare: () => void): void => {
    place.push(step);
    compare();
    place.pop();
  };
  const compare = (a: unknown, b: unknown): void => {
    if (found.length >= mostDifferences || a === b) return;
    const type = typeOf(a);
    if (type !== typeOf(b)) add('type', a, b);
    else if (Array.isArray(a) && Array.isArray(b)) lists(a, b);
    else if (isMap(a) && isMap(b)) maps(a, b);
    else if (!sameScalar(a, b)) add('changed', a, b);
  };
  const maps = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): void => {
    for (const key of Object.keys(a)) {
      within(stepOf(key), () => {
        if (Object.hasOwn(b, key)) compare(a[key], b[key]);
        else add('missing', a[key], undefined);
      });
    }
    for (const key of Object.keys(b))
      if (!Object.hasOwn(a, key)) within(stepOf(key), () => add('added', undefined, b[key]));
  };
  const lists = (a: readonly unknown[], b: readonly unknown[]): void => {
    if (a.length !== b.length) {
      add('length', `${a.length} elements`, `${b.length} elements`);
      return;
    }
    const before = found.length;
    within(null, () => {
      for (let i = 0; i < a.length; i++) compare(a[i], b[i]);
    });
    // Worth a look only where something differs: it sorts both.
    if (found.length > before && sameElements(a, b)) {
      for (const { kind, at } of found.splice(before)) seen.delete(cause(kind, at));
      add('order', a, b);
    }
  };
  compare(live, idle);
  return found;
}

const sameElements = (a: readonly unknown[], b: readonly unknown[]): boolean => {
  const sorted = (list: readonly unknown[]): string => list.map(canonical).sort().join();
  return sorted(a) === sorted(b);
};
