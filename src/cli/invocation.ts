import { CutoverError } from '../core/errors.ts';
import { homePath, specPath, type Whereabouts } from './home.ts';
import type { Output } from './output.ts';
import { colourful, colourWanted, plain, type Paint } from './terminal/paint.ts';

/** The options that every verb has. */
export interface CommonOptions {
  readonly home?: string;
  readonly spec?: string;
  readonly json?: boolean;
  /** False if `--no-color` was given. */
  readonly color?: boolean;
}

/** One call of the command line: where it stands, what all verbs are told, and where it writes. */
export interface Invocation extends Whereabouts {
  readonly output: Output;
  readonly json: boolean;
  /** For the result, and for what is beside it. */
  readonly paint: Paint;
  readonly notePaint: Paint;
  /** The absolute path of the home directory. */
  readonly homeDirectory: string;
  /** The absolute path of the spec, if there is one or one was named. */
  readonly specFile: string | undefined;
}

export function invocation(
  options: CommonOptions,
  { cwd, env, output }: Pick<Invocation, 'cwd' | 'env' | 'output'>,
): Invocation {
  const where: Whereabouts = { cwd, env, home: options.home, spec: options.spec };
  const noColor = options.color === false;
  const json = options.json === true;
  const wanted = (terminal: boolean): Paint => (colourWanted(env, { noColor, terminal }) ? colourful : plain);
  return {
    ...where,
    output,
    json,
    paint: wanted(output.terminal !== null),
    notePaint: wanted(output.notesAreSeen),
    homeDirectory: homePath(where),
    specFile: specPath(where),
  };
}

/** The path of the spec; throws `spec-not-found` if none was named and none is in the folder. */
export function neededSpec({ specFile, cwd }: Invocation): string {
  if (specFile !== undefined) return specFile;
  throw new CutoverError(
    'spec-not-found',
    `expected a cutover.yaml or cutover.config.ts in ${cwd}, found neither`,
    {
      next: 'cutover init writes one; --spec FILE names one that is elsewhere',
    },
  );
}

/** The result as one JSON document. */
export const answerJson = ({ output }: Invocation, document: unknown): void =>
  output.line(JSON.stringify(document, null, 2));
