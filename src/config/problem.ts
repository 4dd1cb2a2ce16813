/** Where a value is in a spec: keys of maps and indexes of lists, from the top. */
export type Path = readonly (string | number)[];

/** Line and column in a file, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong in a spec. */
export interface Problem {
  readonly path: Path;
  /** What was expected and what was found, as a clause. */
  readonly text: string;
  /** Absent where the spec is no text, as in a `cutover.config.ts`. */
  readonly position?: Position | undefined;
}

/** `environments.layers.web.command[0]`; a key that is no plain word stands in brackets and quotes. */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(part)) return `[${shorten(JSON.stringify(part), 42)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}

/** `cutover.yaml:12:5: environments.layers.web.instances: expected …, found …`: as compilers write it, so that editors can jump there. */
export function formatProblem(file: string, { path, text, position }: Problem): string {
  const at = position ? `${file}:${position.line}:${position.column}` : file;
  return path.length === 0 ? `${at}: ${text}` : `${at}: ${formatPath(path)}: ${text}`;
}

/** A value as found, in a few words. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'an empty value';
  if (typeof value === 'string') return shorten(JSON.stringify(value), 42);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  const keys = Object.keys(value);
  return keys.length === 0
    ? 'an empty map'
    : `a map with ${shorten(keys.map((key) => shorten(key, 20)).join(', '), 60)}`;
}

/** The text in at most `length` characters, its end cut off if need be; what a quote began, it ends. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const quote = text.startsWith('"') ? '"' : '';
  return `${[...text.slice(0, length - 1)].join('').replace(/[\\\ud800-\udbff]+$/, '')}…${quote}`;
}
