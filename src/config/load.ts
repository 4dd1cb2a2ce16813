import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import type { Spec, SpecInput } from '../core/spec.ts';
import { type CheckedSpec, checkSpecText, checkSpecValue } from './check-spec.ts';
import { ConfigModuleError, readConfigModule } from './config-module.ts';
import { formatProblem } from './problem.ts';

/** The names of a spec in a folder. */
export const specNames = ['cutover.yaml', 'cutover.yml', 'cutover.config.ts'] as const;

export interface LoadedSpec {
  readonly spec: Spec;
  /** As written, for the log: plain data. */
  readonly input: SpecInput;
  /** The absolute path of the file. */
  readonly file: string;
  /** The absolute path of its folder, which paths in the spec are relative to. */
  readonly base: string;
}

/** More lines help nobody. */
const maxLines = 50;

/**
 * The spec in the file, or in the folder, at the path. Nothing is changed. Throws `spec-not-found`; `spec-invalid`, whose
 * `detail.problems` has a line `file:line:column: path: expected …, found …` for each problem; `io-failed`.
 */
export async function loadSpec(path: string): Promise<LoadedSpec> {
  const file = findSpec(resolve(path));
  const name = shownName(file);
  const checked = /\.[cm]?[jt]s$/.test(file) ? await checkModule(file) : checkFile(file);
  if (checked.problems)
    throw invalid(
      name,
      checked.problems.map((problem) => formatProblem(name, problem)),
    );
  return { spec: checked.spec, input: checked.input, file, base: dirname(file) };
}

/** The error of a spec that is wrong; `lines` are its problems. For a spec that came by another way than a file, too. */
export function invalid(name: string, lines: readonly string[]): CutoverError {
  const problems = lines.length > maxLines ? [...lines.slice(0, maxLines), '… and more'] : lines;
  const [only] = lines;
  return new CutoverError(
    'spec-invalid',
    lines.length === 1 && only !== undefined
      ? only
      : `${name}: expected a spec, found ${lines.length} problems`,
    {
      next: 'Correct the spec and run the command again; `cutover schema` prints what may stand in it.',
      detail: { problems },
    },
  );
}

function findSpec(path: string): string {
  const folder = io(path, () => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  if (folder === false) return path;
  if (folder === undefined) {
    throw new CutoverError('spec-not-found', `expected a spec at ${path}, found nothing`, {
      next: 'Name the file or its folder, or write a spec there with `cutover init`.',
    });
  }
  const found = specNames.filter((name) => existsSync(join(path, name)));
  const [first] = found;
  if (first === undefined) {
    throw new CutoverError(
      'spec-not-found',
      `expected ${specNames.slice(0, -1).join(', ')} or ${specNames.at(-1)} in ${path}, found none`,
      {
        next: 'Write one with `cutover init`.',
      },
    );
  }
  if (found.length > 1) throw invalid(path, [`${path}: expected one spec, found ${found.join(' and ')}`]);
  return join(path, first);
}

function checkFile(file: string): CheckedSpec {
  const bytes = io(file, () => readFileSync(file));
  if (!isUtf8(bytes)) return { problems: [{ path: [], text: 'expected text in UTF-8, found other bytes' }] };
  return checkSpecText(new TextDecoder().decode(bytes));
}

async function checkModule(file: string): Promise<CheckedSpec> {
  try {
    return checkSpecValue(await readConfigModule(file));
  } catch (error) {
    if (error instanceof ConfigModuleError) return { problems: [{ path: [], text: error.message }] };
    throw error;
  }
}

function io<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw new CutoverError(
      'io-failed',
      `expected to read ${path}, found ${error instanceof Error ? error.message : String(error)}`,
      {
        next: 'See that the file is there and that you may read it.',
        cause: error,
      },
    );
  }
}

/** The file's name relative to where the command runs, if it is below. */
function shownName(file: string): string {
  const near = relative(process.cwd(), file);
  return near === '' || near.startsWith('..') || isAbsolute(near) ? file : near;
}
