import { Spec, type SpecInput } from '../core/spec.ts';
import { specJsonSchema } from './json-schema.ts';
import type { Path, Problem } from './problem.ts';
import { readYaml } from './yaml-text.ts';
import { zodProblems } from './zod-problems.ts';

/** A spec that the schema accepts: as it was written, and parsed. Or all that is wrong with it, in the order of the text. */
export type CheckedSpec =
  | { readonly spec: Spec; readonly input: SpecInput; readonly problems?: undefined }
  | { readonly problems: readonly Problem[] };

/** More are not told: finding the places of a hundred thousand takes long. */
const maxProblems = 100;

/** Checks the text of a `cutover.yaml`. Pure. */
export function checkSpecText(text: string): CheckedSpec {
  const yaml = readYaml(text);
  if ('value' in yaml) {
    const parsed = Spec.safeParse(yaml.value);
    if (parsed.success && yaml.altered.length === 0)
      return { spec: parsed.data, input: yaml.value as SpecInput };
    const found = parsed.success ? [] : zodProblems(parsed.error.issues, yaml.value, specJsonSchema());
    const placed = found.slice(0, maxProblems).map(({ path, text: said, atKey }): Problem => ({
      path,
      text: said,
      position: yaml.locate(path, atKey),
    }));
    return { problems: inOrder([...placed, ...yaml.altered]) };
  }
  return { problems: yaml };
}

/** Checks a value, as a `cutover.config.ts` exports it or a request carries it. Pure. */
export function checkSpecValue(value: unknown): CheckedSpec {
  const foreign = foreignValues(value);
  if (foreign.length > 0) return { problems: foreign };
  const parsed = Spec.safeParse(value);
  // The copy is what a log would keep: without the properties that are undefined.
  if (parsed.success) return { spec: parsed.data, input: JSON.parse(JSON.stringify(value)) as SpecInput };
  return {
    problems: zodProblems(parsed.error.issues, value, specJsonSchema()).map(({ path, text }) => ({
      path,
      text,
    })),
  };
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ position }: Problem): number => (position ? position.line * 1e6 + position.column : 0);
  return [...problems].sort((a, b) => rank(a) - rank(b));
}

/** What JSON has no word for, and would drop or change without a word when the spec is recorded. */
function foreignValues(value: unknown, path: Path = [], above: readonly unknown[] = []): Problem[] {
  if (above.includes(value) || above.length > 64)
    return [{ path, text: 'expected plain data, found a value that holds itself' }];
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    return [{ path, text: `expected plain data, found a ${typeof value}` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) {
    return [{ path, text: 'expected plain data, found an object of a class' }];
  }
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return entries.flatMap(([key, part]) => foreignValues(part, [...path, key], [...above, value]));
}
