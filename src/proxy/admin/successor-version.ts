import { CutoverError } from '../../core/errors.ts';
import type { Successor } from '../keeper/keeper-process.ts';

const limitMs = 10_000;

/**
 * The version of the program that would take over, by its own word: what does not even say that is not upgraded to.
 *
 * @throws CutoverError `upgrade-refused`
 */
export async function askVersion(successor: Successor | undefined): Promise<string> {
  const refused = (what: string, next: string, cause?: unknown): CutoverError =>
    new CutoverError('upgrade-refused', what, { next, cause });
  if (!successor)
    throw refused('this proxy was started without a program to upgrade to', 'stop it and start the new one');
  const command = successor.versionCommand.join(' ');
  const next = `run it by hand to see why: ${command}`;
  let exit: number;
  let said: string;
  try {
    const child = Bun.spawn([...successor.versionCommand], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    [said, exit] = await Promise.all([child.stdout.text(), child.exited]);
  } catch (cause) {
    throw refused(`the program on disk cannot be started: ${command}: ${String(cause)}`, next, cause);
  }
  const version = said.trim();
  if (exit === 0 && version !== '' && version.length <= 100) return version;
  throw refused(
    `the program on disk was asked for its version (${command}), expected one line and exit code 0, found exit code ${exit}`,
    next,
  );
}
