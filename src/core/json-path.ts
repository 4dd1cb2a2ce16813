/** One step from a JSON value into it: a member's name, or an element's index (from the end if it is negative). */
export type Segment = string | number;

/** What `parseJsonPath` reads, as one expression: for the schema of a spec. */
export const jsonPathPattern =
  /^\$(?:\.[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*|\[(?:0|-?[1-9]\d{0,8})\]|\['(?:[^'\\]|\\.)*'\]|\["(?:[^"\\]|\\.)*"\])*$/;

const dotted = /\.([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)/y;
const indexed = /\[(0|-?[1-9]\d{0,8})\]/y;
const quoted = /\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y;

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** A name as it stands in quotes, its escapes taken for what they mean (RFC 9535 §2.3.1.1). */
const unquoted = (text: string): string =>
  text.replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|(.))/gsu,
    (_, code: string | undefined, char: string | undefined) =>
      code === undefined
        ? (escapes[char ?? ''] ?? char ?? '')
        : String.fromCharCode(Number.parseInt(code, 16)),
  );

/**
 * The segments of a JSONPath that names one place, such as `$.items[0].price` or `$['a name'][-1]` (a singular query, RFC 9535
 * §2.3.5.1); null for any other text.
 */
export function parseJsonPath(text: string): readonly Segment[] | null {
  if (!text.startsWith('$')) return null;
  const segments: Segment[] = [];
  for (let at = 1; at < text.length;) {
    const next = (pattern: RegExp): RegExpExecArray | null => {
      pattern.lastIndex = at;
      return pattern.exec(text);
    };
    const name = next(dotted);
    const index = name ? null : next(indexed);
    const quote = name || index ? null : next(quoted);
    const found = name ?? index ?? quote;
    if (!found) return null;
    if (name) segments.push(name[1] ?? '');
    else if (index) segments.push(Number(index[1]));
    else segments.push(unquoted(quote?.[1] ?? quote?.[2] ?? ''));
    at += found[0].length;
  }
  return segments;
}

/** What is at the place; undefined if nothing is. */
export function valueAt(value: unknown, segments: readonly Segment[]): unknown {
  let found = value;
  for (const segment of segments) {
    if (typeof segment === 'number') {
      if (!Array.isArray(found)) return undefined;
      const list: readonly unknown[] = found;
      found = list.at(segment);
    } else {
      if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined;
      found = Object.hasOwn(found, segment) ? Reflect.get(found, segment) : undefined;
    }
  }
  return found;
}
