import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, readlink, realpath, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { specialFile } from './content.ts';
import { diskError, isAbsent } from './disk.ts';
import { contentLimits, followLink, sourceInvalid, type ContentLimits } from './entry-path.ts';
import type { Exclusion } from './exclusion.ts';

export interface DirectoryCopy {
  /** Absolute. */
  readonly source: string;
  readonly target: string;
  readonly excluded: Exclusion;
  /** The state directory: never part of a release. */
  readonly home: string;
  readonly limits?: ContentLimits;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies a directory into an empty one: files with their modes, directories, and symbolic links that stay within. A link
 * that leaves it is refused, since the release would change with what is outside.
 */
export async function copyDirectory({
  source,
  target,
  excluded,
  home,
  limits = contentLimits,
  signal,
}: DirectoryCopy): Promise<void> {
  const root = await sourceRoot(source);
  const state = await realpath(home);
  if (root === state || `${root}/`.startsWith(`${state}/releases/`)) {
    throw sourceInvalid(
      source,
      'a directory with what is to be shipped',
      'the state of Cutover itself',
      'Name another directory in release.from.',
    );
  }
  const links = new Map<string, string>();
  const count = { entries: 0, bytes: 0 };
  const walk = async (prefix: string): Promise<void> => {
    for (const name of (await readdir(join(root, prefix))).sort()) {
      signal?.throwIfAborted();
      const path = prefix === '' ? name : `${prefix}/${name}`;
      const from = join(root, path);
      if (from === state) continue;
      const stat = await lstat(from);
      if (excluded(path, stat.isDirectory())) continue;
      count.entries++;
      count.bytes += stat.isFile() ? stat.size : 0;
      checkSize(source, count, limits);
      const to = join(target, path);
      if (stat.isSymbolicLink()) {
        links.set(path, await readlink(from));
      } else if (stat.isDirectory()) {
        await mkdir(to, { mode: 0o700 });
        await walk(path);
        await chmod(to, (stat.mode & 0o777) | 0o700);
      } else if (stat.isFile()) {
        await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        await chmod(to, stat.mode & 0o777);
      } else throw specialFile(from);
    }
  };
  try {
    await walk('');
    for (const [path, text] of links) {
      if (!followLink(path.split('/'), text, (at) => links.get(at))) throw linkLeaves(join(root, path), text);
      await symlink(text, join(target, path));
    }
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    throw diskError(thrown, 'copying the release', target);
  }
}

async function sourceRoot(source: string): Promise<string> {
  const next = 'See release.from in the spec.';
  try {
    const root = await realpath(source);
    if (!(await lstat(root)).isDirectory())
      throw sourceInvalid(source, 'a directory', 'something else', next);
    return root;
  } catch (thrown) {
    if (isAbsent(thrown)) throw sourceInvalid(source, 'a directory', 'nothing there', next, thrown);
    throw diskError(thrown, 'reading', source);
  }
}

/** Refuses a source that is beyond the limits. */
export function checkSize(
  subject: string,
  count: { entries: number; bytes: number },
  limits: ContentLimits,
): void {
  const next = 'Ship less: name what is not needed in release.exclude.';
  if (count.entries > limits.entries)
    throw sourceInvalid(subject, `at most ${limits.entries} files and directories`, 'more', next);
  if (count.bytes > limits.bytes)
    throw sourceInvalid(subject, `at most ${limits.bytes} bytes in all`, 'more', next);
}

export const linkLeaves = (path: string, text: string): Error =>
  sourceInvalid(
    path,
    'a symbolic link that stays within the release',
    `one to ${text}`,
    'Make it relative and within, or name it in release.exclude.',
  );
