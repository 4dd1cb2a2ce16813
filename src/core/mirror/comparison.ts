import { difference, type Difference } from './difference.ts';
import { jsonDifferences, parseJson } from './json-difference.ts';
import { firstDifferentLines, likeness } from './likeness.ts';
import { matches, parsePathRule, type PathRule } from './path-rule.ts';
import type { RouteMirror } from './route-mirror.ts';

/** A whole answer, its content decoded. */
export interface Answer {
  readonly status: number;
  /** By name in lower case; lines of one name are joined with a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** Compares two answers to the same request by the rules of a mirror. Made once, used for each. */
export class Comparison {
  readonly #headers: readonly string[];
  readonly #bodies: boolean;
  readonly #places: readonly PathRule[];
  readonly #ignoredHeaders: ReadonlySet<string>;

  constructor({ compare, ignore }: Pick<RouteMirror, 'compare' | 'ignore'>) {
    this.#ignoredHeaders = new Set(
      ignore.flatMap((rule) => (rule.startsWith('header ') ? [rule.slice(7).toLowerCase()] : [])),
    );
    this.#headers = [...new Set(compare.headers.map((name) => name.toLowerCase()))].filter(
      (name) => !this.#ignoredHeaders.has(name),
    );
    this.#bodies = compare.bodies && !ignore.includes('body');
    this.#places = ignore.flatMap((rule) => {
      const parsed = rule.startsWith('$') ? parsePathRule(rule) : null;
      return parsed === null ? [] : [parsed];
    });
  }

  /** Where `idle` differs from `live`: nothing if they are the same as far as the rules look. */
  differences(live: Answer, idle: Answer): Difference[] {
    // With another status the rest differs because of it.
    if (live.status !== idle.status)
      return [difference('status', `${live.status} → ${idle.status}`, live.status, idle.status)];
    const found: Difference[] = [];
    for (const name of this.#headers) {
      const a = normalized(name, live.headers.get(name));
      const b = normalized(name, idle.headers.get(name));
      if (a !== b) found.push(difference('header', name, live.headers.get(name), idle.headers.get(name)));
    }
    if (this.#bodies && !sameBytes(live.body, idle.body)) found.push(...this.#ofBodies(live, idle));
    return found;
  }

  #ofBodies(live: Answer, idle: Answer): Difference[] {
    const type = kindOf(live);
    const idleType = kindOf(idle);
    if (type === 'bytes' && idleType === 'bytes')
      return [difference('bytes', 'body', summary(live.body), summary(idle.body))];
    const a = textOf(live.body);
    const b = textOf(idle.body);
    if (type === 'json' || idleType === 'json') {
      const ours = parseJson(a);
      const theirs = parseJson(b);
      if (ours && theirs)
        return jsonDifferences(ours.value, theirs.value).filter(
          ({ place }) => place === null || !this.#places.some((rule) => matches(rule, place)),
        );
      if (ours || theirs) return [difference('format', 'body', formatName(ours), formatName(theirs))];
    } else if (type !== idleType) return [difference('format', 'body', type, idleType)];
    const alike = likeness(a, b);
    const [line, other] = firstDifferentLines(a, b);
    return [difference('text', 'body', line, other, null, alike)];
  }
}

const formatName = (parsed: unknown): string => (parsed === undefined ? 'no valid JSON' : 'JSON');

const decoder = new TextDecoder();
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Types are written in any case and with blanks. */
const normalized = (name: string, value: string | undefined): string | undefined =>
  name === 'content-type' && value !== undefined ? value.toLowerCase().replaceAll(/\s/g, '') : value;

const jsonType = /^application\/(?:[\w.+-]+\+)?json$/;
const textType =
  /^text\/|^application\/(?:[\w.+-]+\+)?(?:xml|javascript|x-www-form-urlencoded|x-ndjson|graphql)$|\+xml$/;

function kindOf({ headers }: Answer): 'json' | 'text' | 'bytes' {
  const type = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (jsonType.test(type)) return 'json';
  return textType.test(type) ? 'text' : 'bytes';
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Length and a hash (FNV-1a, 32 bits): enough to tell which of several bodies it was. */
function summary(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${bytes.length} bytes, hash ${(hash >>> 0).toString(16).padStart(8, '0')}`;
}
