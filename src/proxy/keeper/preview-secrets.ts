import { readFileSync } from 'node:fs';
import { CutoverError } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';

const least = 16;
const most = 1024;

/** The secret in a file, without blanks and line ends around it. Its text is in no error. */
function readSecret(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new CutoverError(
      'request-invalid',
      `the secret of router.previewHeader cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: `put a value of ${least} to ${most} characters into ${path}, readable for the proxy`, cause },
    );
  }
  if (text.length >= least && text.length <= most && /^[\x21-\x7e]+$/.test(text)) return text;
  throw new CutoverError(
    'request-invalid',
    `${path}: expected a secret of ${least} to ${most} visible ASCII characters, found ${text.length} that ${/^[\x21-\x7e]*$/.test(text) ? 'are' : 'are not all'} such`,
    { next: 'make one: openssl rand -hex 32' },
  );
}

const fileOf = ({ testers }: Route): string | undefined => testers?.header?.secretFile;

/** What opens previews by a header, by file. It is read when a route is put in force, and is nowhere else on disk. */
export class PreviewSecrets {
  private kept: Readonly<Record<string, string>> = {};

  constructor(private readonly log: (line: string) => void) {}

  get secrets(): Readonly<Record<string, string>> {
    return this.kept;
  }

  /**
   * Reads that of a route which is to be put in force, and forgets those that no route names.
   *
   * @returns whether anything has changed
   * @throws CutoverError `request-invalid` for one that cannot be read or is too short; nothing has changed then
   */
  read(asked: Route, routes: readonly Route[]): boolean {
    const own = fileOf(asked);
    const next: Record<string, string> = {};
    for (const route of routes) {
      const file = fileOf(route);
      if (route.service !== asked.service && file !== undefined && this.kept[file] !== undefined)
        next[file] = this.kept[file];
    }
    if (own !== undefined) next[own] = readSecret(own);
    if (Bun.deepEquals(next, this.kept)) return false;
    this.kept = next;
    return true;
  }

  /** At the start of a keeper. Without its secret a header opens nothing, and nothing else is hindered. */
  fill(routes: readonly Route[]): string[] {
    const problems: string[] = [];
    const next: Record<string, string> = {};
    for (const route of routes) {
      const file = fileOf(route);
      if (file === undefined) continue;
      try {
        next[file] = readSecret(file);
      } catch (error) {
        const problem = `service ${route.service}: ${error instanceof Error ? error.message : String(error)}; the header opens no preview`;
        problems.push(problem);
        this.log(problem);
      }
    }
    this.kept = next;
    return problems;
  }
}
