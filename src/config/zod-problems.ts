import { z } from 'zod';
import { type JsonSchema, knownKeys, schemasAt } from './json-schema.ts';
import { describeValue, type Path, type Problem } from './problem.ts';
import { nearest } from '../core/nearest.ts';

type Issue = z.core.$ZodIssue;

/** A problem without its position, and whether its key (rather than its value) is what is wrong. */
export interface FoundProblem extends Problem {
  readonly atKey: boolean;
}

const things: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** What the schema refused, in words: each with what was expected, what was found and, where a word is near, what was meant. */
export function zodProblems(issues: readonly Issue[], input: unknown, schema: JsonSchema): FoundProblem[] {
  return issues.flatMap((issue): FoundProblem[] => {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, path);
      return issue.keys.map((key) => ({ path: [...path, key], atKey: true, text: unknownKey(key, known) }));
    }
    const within = branchOf(issue);
    if (within !== null) return zodProblems(within, input, schema);
    if (issue.code === 'invalid_key') {
      const key = String(path.at(-1));
      return [
        { path, atKey: true, text: `${expectation(issue.issues[0] ?? issue)}, found ${describeValue(key)}` },
      ];
    }
    const found = valueAt(input, path);
    return [
      {
        path,
        atKey: false,
        text:
          found === undefined
            ? missing(issue)
            : `${expectation(issue)}, found ${describeValue(found)}${hint(issue, found, schemasAt(schema, path))}`,
      },
    ];
  });
}

/** The problems of the one alternative of a union whose form was meant: the others do not take a value of that form at all. */
function branchOf(issue: Issue): Issue[] | null {
  if (issue.code !== 'invalid_union' || issue.message.startsWith('expected ')) return null;
  const meant = issue.errors.filter((errors) => errors.every(({ path }) => path.length > 0));
  const [only] = meant;
  if (meant.length !== 1 || only === undefined) return null;
  return only.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return `expected one of the keys ${known.join(', ')}, found ${describeValue(key)}${meant ? `; did you mean ${meant}?` : ''}`;
}

const missing = (issue: Issue): string => `${expectation(issue)}, but it is missing`;

/** `expected …` for an issue. The schema's own words win; zod's general ones are said plainly. */
function expectation(issue: Issue): string {
  if (issue.message.startsWith('expected ')) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${things[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected ${amount(issue.origin, 'at least', Number(issue.minimum))}`;
    case 'too_big':
      return `expected ${amount(issue.origin, 'at most', Number(issue.maximum))}`;
    case 'invalid_union':
      return `expected ${[...new Set(issue.errors.flat().map((one) => expectation(one).replace(/^expected /, '')))].join(' or ')}`;
    case 'invalid_format':
      return issue.format === 'regex'
        ? `expected text that matches ${issue.pattern ?? 'a pattern'}`
        : `expected ${issue.format}`;
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'custom':
      return `expected another value (${issue.message})`;
  }
}

function amount(origin: string, bound: string, count: number): string {
  if (origin === 'string')
    return count === 1 && bound === 'at least'
      ? 'text that is not empty'
      : `text of ${bound} ${count} characters`;
  if (origin === 'array') return `a list of ${bound} ${count}`;
  return `a number of ${bound} ${count}`;
}

/** What was probably meant, where that can be told. */
function hint(issue: Issue, found: unknown, schemas: readonly JsonSchema[]): string {
  if (issue.code === 'invalid_value' && typeof found === 'string') {
    const meant = nearest(found, issue.values.map(String));
    if (meant !== undefined) return `; did you mean ${meant}?`;
  }
  const wantsText =
    issue.code === 'invalid_union' || (issue.code === 'invalid_type' && issue.expected === 'string');
  if ((typeof found === 'number' || typeof found === 'boolean') && wantsText) {
    const texts = schemas
      .flatMap((schema) => schema.anyOf ?? [schema])
      .filter(({ type }) => type === 'string');
    const fits = (text: string): boolean =>
      texts.some(({ pattern }) => pattern === undefined || new RegExp(pattern).test(text));
    if (fits(String(found))) return `; in quotes it is text: "${found}"`;
    const units = [`${found}ms`, `${found}s`].filter(fits);
    if (units.length > 0) return `; did you mean ${units.join(' or ')}?`;
  }
  return '';
}

/** The value at the path; undefined if there is none. */
export function valueAt(input: unknown, path: Path): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
