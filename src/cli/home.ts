import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { socketPath } from '../config/home.ts';

/** What `--home` and `--spec` said, and where we stand. */
export interface Whereabouts {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--home`. */
  readonly home: string | undefined;
  /** `--spec`. */
  readonly spec: string | undefined;
}

/** The names under which a spec is found in a folder, in this order: those of config/load.ts, without loading that. */
export const specNames = ['cutover.yaml', 'cutover.yml', 'cutover.config.ts'] as const;

/** The absolute path of the spec: the one that is named (or is in the folder that is named), whether or not it is there, else the one in this folder; undefined if there is none. */
export function specPath({ cwd, spec }: Pick<Whereabouts, 'cwd' | 'spec'>): string | undefined {
  if (spec === undefined) return specIn(cwd);
  const named = resolve(cwd, spec);
  return statSync(named, { throwIfNoEntry: false })?.isDirectory() === true
    ? (specIn(named) ?? join(named, specNames[0]))
    : named;
}

function specIn(folder: string): string | undefined {
  const name = specNames.find((each) => existsSync(join(folder, each)));
  return name === undefined ? undefined : join(folder, name);
}

/** The absolute path of the home directory: `--home`, else `$CUTOVER_HOME`, else `.cutover` beside the spec, else `.cutover` here. */
export function homePath(where: Whereabouts): string {
  const named = where.home ?? (where.env['CUTOVER_HOME'] || undefined);
  if (named !== undefined) return resolve(where.cwd, named);
  const spec = specPath(where);
  return join(spec === undefined ? where.cwd : dirname(spec), '.cutover');
}

/** Where the controller of a home answers. */
export const controllerSocket = (home: string): string => socketPath(home, 'controller.sock');

/** Where the controller of a home writes what it has to say, when `cutover up` has started it in the background. */
export const controllerLog = (home: string): string => join(home, 'controller.log');
