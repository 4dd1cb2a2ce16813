import { Readable } from 'node:stream';
import { CutoverError } from '../../core/errors.ts';
import { extractTar, type Extraction } from './archive.ts';
import { systemCode } from './disk.ts';
import { sourceInvalid } from './entry-path.ts';

/** A repository may name programs in its configuration; the one that reading a commit could start is switched off. */
const quiet = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'] as const;
const environment = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '/nonexistent',
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
});

function git(
  repository: string,
  argv: readonly string[],
  signal: AbortSignal | undefined,
): Bun.Subprocess<'ignore', 'pipe', 'pipe'> {
  try {
    return Bun.spawn(['git', ...quiet, '-C', repository, ...argv], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: environment(),
      ...(signal ? { signal, killSignal: 'SIGKILL' } : {}),
    });
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
    throw sourceInvalid(
      repository,
      'git, to read the revision',
      'no program git on the PATH',
      'Install git, or ship from a directory or an archive.',
      thrown,
    );
  }
}

/** The last line that git complained with. */
const complaint = (text: string): string =>
  text.trim().split('\n').at(-1)?.slice(0, 500) || 'no reason given';

/** The commit that a revision names. */
export async function resolveCommit(
  repository: string,
  revision: string,
  signal?: AbortSignal,
): Promise<string> {
  const asked = git(
    repository,
    ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`],
    signal,
  );
  const [out, problem, code] = await Promise.all([asked.stdout.text(), asked.stderr.text(), asked.exited]);
  signal?.throwIfAborted();
  const commit = out.trim();
  if (code === 0 && /^[0-9a-f]{40,64}$/.test(commit)) return commit;
  throw sourceInvalid(
    `git:${revision}`,
    `a revision of the repository ${repository}`,
    complaint(problem),
    'See `git log` there; fetch the revision first if it is elsewhere.',
  );
}

/** Unpacks a revision into an empty directory; returns its commit. What `.gitattributes` marks export-ignore stays behind. */
export async function extractRevision(
  repository: string,
  revision: string,
  extraction: Omit<Extraction, 'subject'>,
): Promise<string> {
  const { signal } = extraction;
  const commit = await resolveCommit(repository, revision, signal);
  const asked = git(repository, ['archive', '--format=tar', commit], signal);
  try {
    const problem = asked.stderr.text();
    const stream = Readable.from(asked.stdout);
    try {
      await extractTar(stream, { ...extraction, subject: `git:${revision}` });
    } catch (thrown) {
      const code = await Promise.race([asked.exited, Promise.resolve(null)]);
      if (!(thrown instanceof CutoverError) || code === null || code === 0) throw thrown;
      throw sourceInvalid(
        `git:${revision}`,
        'git archive to succeed',
        complaint(await problem),
        'Run `git fsck` in the repository.',
        thrown,
      );
    }
    await problem;
    return commit;
  } finally {
    if (asked.exitCode === null) asked.kill('SIGKILL');
    await asked.exited;
  }
}
