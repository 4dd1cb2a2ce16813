import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { CutoverError } from '../core/errors.ts';
import { SetSpec } from '../core/set.ts';
import type { JsonSchema } from './json-schema.ts';
import { invalid, loadSpec, type LoadedSpec } from './load.ts';
import { formatProblem, type Problem } from './problem.ts';
import { readYaml } from './yaml-text.ts';
import { zodProblems } from './zod-problems.ts';

/** A set as it is written, with the specs of its services. */
export interface LoadedSet {
  readonly set: string;
  readonly specs: readonly LoadedSpec[];
}

/** What may stand in the file of a set. */
export const setJsonSchema = (): JsonSchema => z.toJSONSchema(SetSpec, { io: 'input' }) as JsonSchema;

/**
 * The set in the file at the path, e.g. `set.yaml`, with all of its specs; their paths are relative to it. Nothing is changed. Throws
 * `spec-not-found`, `spec-invalid`, `io-failed`.
 */
export async function loadSet(path: string): Promise<LoadedSet> {
  const file = resolve(path);
  const yaml = readYaml(textOf(file));
  if (!('value' in yaml)) throw wrong(path, yaml);
  const parsed = SetSpec.safeParse(yaml.value);
  if (!parsed.success) {
    const found = zodProblems(parsed.error.issues, yaml.value, setJsonSchema());
    throw wrong(
      path,
      found.map(({ path: at, text, atKey }) => ({ path: at, text, position: yaml.locate(at, atKey) })),
    );
  }
  const specs: LoadedSpec[] = [];
  for (const each of parsed.data.services) specs.push(await loadSpec(resolve(dirname(file), each)));
  return { set: parsed.data.set, specs };
}

const wrong = (name: string, problems: readonly Problem[]): CutoverError =>
  invalid(
    name,
    problems.map((problem) => formatProblem(name, problem)),
  );

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new CutoverError(
      missing ? 'spec-not-found' : 'io-failed',
      `expected the file of a set at ${file}, found ${missing ? 'nothing' : String(cause)}`,
      { next: 'name it: cutover deploy --set FILE; docs/sets.md shows what stands in it', cause },
    );
  }
}
