import { resolve } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import { ErrorPages, PageKey, type RoutePages } from '../core/page.ts';

/**
 * Reads `503=FILE`, once for each page; files are relative to `cwd`.
 *
 * @throws CutoverError `usage`
 */
export function errorPagesOf(words: readonly string[] | undefined, cwd: string): RoutePages | undefined {
  if (words === undefined) return undefined;
  const pages: Record<string, string> = {};
  for (const word of words) {
    const [key = '', ...rest] = word.split('=');
    const status = PageKey.safeParse(key);
    const read = status.success ? ErrorPages.safeParse({ [key]: rest.join('=') }) : status;
    if (!read.success)
      throw new CutoverError(
        'usage',
        `--error-page: ${read.error.issues[0]?.message ?? 'expected a status and a file'}, found ${word || 'nothing'}`,
        { next: 'say which page is for which status: --error-page 503=busy.html' },
      );
    pages[key] = resolve(cwd, rest.join('='));
  }
  return pages;
}
