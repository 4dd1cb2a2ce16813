import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import type { Release } from '../../core/release.ts';

export interface ProgramRequest {
  /** The first word of a command. */
  readonly program: string;
  /** Where a relative path starts. */
  readonly directory: string;
  /** The PATH of the process that is to be. */
  readonly path: string | undefined;
  /** For messages: `layer web`, `build command 1`. */
  readonly subject: string;
  readonly code: 'start-failed' | 'build-failed';
}

/**
 * The absolute path of a program: one with a slash is looked for in the release, another on the PATH, as execvp(3) does.
 * One that is absent or may not be executed is refused, with all places where it was looked for.
 */
export async function resolveProgram({
  program,
  directory,
  path,
  subject,
  code,
}: ProgramRequest): Promise<string> {
  const places = program.includes('/')
    ? [resolve(directory, program)]
    : (path ?? '')
        .split(':')
        .filter(isAbsolute)
        .map((folder) => join(folder, program));
  let found: string | undefined;
  for (const place of places) {
    const state = await executable(place);
    if (state === 'yes') return place;
    if (state !== 'absent') found ??= `${place}, which is ${state}`;
  }
  const where = program.includes('/') ? places.join(', ') : `the PATH (${path ?? 'which is not set'})`;
  throw new CutoverError(
    code,
    `${subject}: expected an executable program ${program} at ${where}; found ${found ?? 'none'}`,
    {
      next: program.includes('/')
        ? 'See whether the release holds that file and whether its mode has an x.'
        : 'Install the program, put its folder on the PATH of the controller, or write its path.',
      detail: { program, places },
    },
  );
}

/** How a layer is named in messages about its program. */
export const layerSubject = (service: string, release: number, layer: string): string =>
  `Layer ${layer} of ${service}, release ${release}`;

/**
 * Refuses a release whose layers' programs cannot be started, as far as that can be told before it has an environment: a PATH
 * of its own is looked through when it starts.
 */
export async function expectPrograms(
  service: string,
  { number, spec }: Release,
  directory: string,
): Promise<void> {
  const { layers, variables, blue, green } = spec.environments;
  for (const [name, layer] of Object.entries(layers)) {
    if ([variables, layer.variables, blue.variables, green.variables].some((one) => 'PATH' in one)) continue;
    const [program = ''] = layer.command;
    const subject = layerSubject(service, number, name);
    await resolveProgram({ program, directory, path: process.env['PATH'], subject, code: 'start-failed' });
  }
}

async function executable(path: string): Promise<'yes' | 'absent' | 'a directory' | 'not executable'> {
  try {
    if ((await stat(path)).isDirectory()) return 'a directory';
  } catch {
    return 'absent'; // whatever the system's reason, there is nothing here that could be executed
  }
  return access(path, constants.X_OK).then(
    () => 'yes',
    () => 'not executable',
  );
}
