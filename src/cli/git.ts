/** What a run of git said, or null where it failed, in whatever way: git is absent, or the folder is in no checkout. */
async function git(folder: string, ...words: string[]): Promise<string | null> {
  try {
    const child = Bun.spawn(['git', '-C', folder, ...words], {
      stdio: ['ignore', 'pipe', 'ignore'],
      // No hook, pager or prompt of the user's comes in between.
      env: { ...process.env, GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' },
    });
    const said = await child.stdout.text();
    return (await child.exited) === 0 ? said.trim() : null;
  } catch {
    return null; // No such program, or no such folder.
  }
}

/** The whole name of the commit that a revision names in a repository, or null if it names none. */
export const commitOf = (repository: string, revision: string): Promise<string | null> =>
  git(repository, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);

/** The short name of a commit. */
export const shortCommit = (repository: string, commit: string): Promise<string | null> =>
  git(repository, 'rev-parse', '--short', '--end-of-options', commit);

/** The short name of the commit that a folder is exactly as of: null if it is in no checkout, ignored there, or changed since. */
export async function commitOfFolder(folder: string): Promise<string | null> {
  const commit = await git(folder, 'rev-parse', '--short', '--verify', '--quiet', 'HEAD');
  if (commit === null || commit === '') return null;
  const [changes, ignored, tracked] = await Promise.all([
    git(folder, 'status', '--porcelain', '--', '.'),
    git(folder, 'check-ignore', '--quiet', '.'),
    git(folder, 'ls-tree', '--name-only', 'HEAD', '.'),
  ]);
  return changes === '' && ignored === null && tracked !== null && tracked !== '' ? commit : null;
}

/** Whether the folder is in a git checkout. */
export const inCheckout = async (folder: string): Promise<boolean> =>
  (await git(folder, 'rev-parse', '--is-inside-work-tree')) === 'true';

/** Whether git itself can be run. */
export const gitVersion = (): Promise<string | null> => git('.', '--version');
