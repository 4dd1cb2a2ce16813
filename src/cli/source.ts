import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import type { Source } from '../core/release.ts';
import { commitOf, commitOfFolder, shortCommit } from './git.ts';

/** Where an artifact is, as it was said on the command line or in the spec. */
export interface SourceWords {
  /** A directory, an archive, or `git:REVISION`. */
  readonly text: string;
  /** What a relative path starts from: absolute. */
  readonly base: string;
  /** `--repository`: absolute, or relative to `base`. */
  readonly repository?: string | undefined;
  /** `--sha256`, of an archive. */
  readonly sha256?: string | undefined;
}

const archive = /\.(tar|tar\.gz|tgz)$/i;

/**
 * The source that the words name, with absolute paths, and a git revision as the commit that it is now: a release never changes.
 * Throws `source-invalid` if it is not there, `usage` if the options do not fit it.
 */
export async function sourceOf({ text, base, repository, sha256 }: SourceWords): Promise<Source> {
  if (text.startsWith('git:')) {
    if (sha256 !== undefined) throw unfitting('--sha256', 'a .tar, .tar.gz or .tgz archive', text);
    return gitSource(text.slice('git:'.length), resolve(base, repository ?? '.'));
  }
  if (repository !== undefined) throw unfitting('--repository', 'git:REVISION', text);
  const path = resolve(base, text);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) {
    if (sha256 !== undefined) throw unfitting('--sha256', 'a .tar, .tar.gz or .tgz archive', text);
    return { kind: 'directory', path };
  }
  if (found?.isFile() && archive.test(path)) {
    if (sha256 === undefined) return { kind: 'archive', path };
    const digest = sha256.toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(digest)) {
      throw new CutoverError('usage', `--sha256: expected 64 hexadecimal digits, found ${sha256}`);
    }
    return { kind: 'archive', path, sha256: digest };
  }
  throw new CutoverError(
    'source-invalid',
    `the artifact ${text}: expected a directory, a .tar, .tar.gz or .tgz archive, or git:REVISION, found ${found ? 'another kind of file' : 'nothing'} at ${path}`,
    { next: 'name it as cutover deploy SOURCE, or as release.from in the spec' },
  );
}

async function gitSource(revision: string, repository: string): Promise<Source> {
  const commit = await commitOf(repository, revision);
  if (commit !== null && commit !== '') return { kind: 'git', repository, revision: commit };
  throw new CutoverError(
    'source-invalid',
    `the artifact git:${revision}: expected a revision in the repository at ${repository}, found none`,
    {
      next: 'git log shows the revisions; --repository DIR names another repository; cutover doctor sees whether git is there',
    },
  );
}

const unfitting = (option: string, wants: string, found: string): CutoverError =>
  new CutoverError('usage', `${option}: expected it with ${wants}, found it with ${found}`);

/**
 * What the release is called if nobody says: the short name of the commit that the artifact is exactly as of, else the version in its
 * package.json, else `r` and the time.
 */
export async function versionOf(source: Source, now: Date): Promise<string> {
  switch (source.kind) {
    case 'git':
      return (await shortCommit(source.repository, source.revision)) ?? source.revision.slice(0, 12);
    case 'directory':
      return (await commitOfFolder(source.path)) ?? packageVersion(source.path) ?? timeVersion(now);
    case 'archive':
      return timeVersion(now);
  }
}

function packageVersion(folder: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8');
  } catch {
    return undefined; // None, or none that we may read: it was only asked for a name.
  }
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null || !('version' in found)) return undefined;
    const { version } = found;
    return typeof version === 'string' && version.length > 0 && version.length <= 200 ? version : undefined;
  } catch {
    return undefined; // Whether it is right is the program's matter.
  }
}

const two = (n: number): string => String(n).padStart(2, '0');
const timeVersion = (at: Date): string =>
  `r${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}-${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
