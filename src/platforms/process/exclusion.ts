import { Glob } from 'bun';
import { sourceInvalid } from './entry-path.ts';

/** Never shipped, at any depth: the history, and the state of Cutover itself. */
export const neverShipped = ['.git', '.cutover'] as const;

export type Exclusion = (path: string, isDirectory: boolean) => boolean;

/**
 * Which paths of a directory stay behind, by patterns as in a .gitignore (gitignore(5)), without `!`: one with a slash at
 * its beginning or in its middle counts from the top, another matches a name at any depth; a slash at its end means
 * directories only; `*`, `?`, `[...]`, `{a,b}` and `**` are wild. What is in an excluded directory is excluded with it.
 * @returns a test of a path relative to the directory, with `/` between its parts
 */
export function exclusion(patterns: readonly string[]): Exclusion {
  const rules = [...neverShipped, ...patterns].map((pattern) => {
    if (pattern.startsWith('!')) {
      throw sourceInvalid(
        `release.exclude: ${pattern}`,
        'a path or a pattern of what is not shipped',
        'an exception',
        'Exclude more narrowly instead.',
      );
    }
    const directoriesOnly = pattern.endsWith('/');
    const body = directoriesOnly ? pattern.slice(0, -1) : pattern;
    const fromTop = body.includes('/');
    const glob = new Glob(body.replace(/^\.?\//, ''));
    return { directoriesOnly, fromTop, glob };
  });
  return (path, isDirectory) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return rules.some(
      ({ directoriesOnly, fromTop, glob }) =>
        (isDirectory || !directoriesOnly) && glob.match(fromTop ? path : name),
    );
  };
}
