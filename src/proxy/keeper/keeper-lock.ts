import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { identityOf, isAlive, ProcessIdentity } from './process-identity.ts';

const fileName = /^keeper\.(\d+)\.pid$/;

function holderIn(path: string): ProcessIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return ProcessIdentity.parse(JSON.parse(text));
  } catch {
    // Linked only when whole, so what cannot be read was damaged later; its holder cannot be known.
    return undefined;
  }
}

function running(directory: string, number: number): ProcessIdentity | undefined {
  const holder = holderIn(join(directory, `keeper.${number}.pid`));
  return holder && isAlive(holder) ? holder : undefined;
}

const numbersIn = (directory: string): number[] =>
  readdirSync(directory)
    .map((name) => Number(fileName.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => b - a);

function refused(what: string, directory: string, holder: ProcessIdentity | undefined): CutoverError {
  return new CutoverError(
    'proxy-running',
    `a ${what} runs already for ${directory}${holder ? ` (process ${holder.pid})` : ''}, expected none`,
    { next: 'use it as it is, or stop it first (cutover down)', detail: holder ? { pid: holder.pid } : {} },
  );
}

/**
 * Makes this process the one keeper of a directory, and returns how to give that up.
 *
 * A lock is a file `keeper.N.pid`; the highest number holds. It is taken by linking N + 1, which only one can do, and never by
 * removing or rewriting a dead one's file first, so that two that start at once cannot both win.
 *
 * @param what whose lock it is, for the message
 * @throws CutoverError `proxy-running` if another keeper lives
 */
export function lockKeeper(directory: string, what = 'proxy keeper'): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const identity = identityOf(process.pid);
  if (!identity)
    throw new CutoverError('io-failed', '/proc does not show this process, expected a mounted /proc', {
      next: 'mount /proc',
    });
  const [highest = 0] = numbersIn(directory);
  const holder = highest ? running(directory, highest) : undefined;
  if (holder) throw refused(what, directory, holder);
  const mine = highest + 1;
  const path = join(directory, `keeper.${mine}.pid`);
  const temporary = join(directory, `keeper.pid.${process.pid}.tmp`);
  writeFileSync(temporary, JSON.stringify(identity), { mode: 0o600 });
  try {
    linkSync(temporary, path);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
    throw refused(what, directory, running(directory, mine));
  } finally {
    rmSync(temporary, { force: true });
  }
  // Another may have taken and left numbers between our look and our link.
  for (const number of numbersIn(directory)) {
    const higher = number > mine ? running(directory, number) : undefined;
    if (higher) {
      rmSync(path, { force: true });
      throw refused(what, directory, higher);
    }
    if (number < mine) rmSync(join(directory, `keeper.${number}.pid`), { force: true });
  }
  return () => rmSync(path, { force: true });
}
