import { SQLiteError } from 'bun:sqlite';
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { damaged } from '../event-text.ts';

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';

/** Less than a page and what belongs to it is left: SQLite tells this as an I/O error where it maps memory. */
function noRoom(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize < 65_536;
  } catch {
    // The folder cannot be asked, so that the failure is not known to be about room.
    return false;
  }
}

const full = (file: string, cause: unknown): CutoverError =>
  new CutoverError(
    'disk-full',
    `${file}: expected room to write, found the disk full; all that was acknowledged is kept, this write is not`,
    {
      next: `Make room on the file system of ${dirname(file)} and try again; nothing needs to be repaired.`,
      cause,
    },
  );

/** Any failure of a store's file as an error for a person; one that is ours already stays as it is. */
export function storeFailure(thrown: unknown, file: string): CutoverError {
  if (thrown instanceof CutoverError) return thrown;
  const code = codeOf(thrown);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const refused = (expected: string, next: string): CutoverError =>
    new CutoverError('io-failed', `${file}: expected ${expected}, found ${code || 'a failure'} (${text})`, {
      next,
      cause: thrown,
    });

  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') return full(file, thrown);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new CutoverError(
      'store-locked',
      `${file}: expected the store to be free, found it locked by another program; nothing was written`,
      {
        next: 'Only one controller may use a store: stop the other one, or whatever else has the file open (a backup, a SQLite shell), and try again.',
        cause: thrown,
      },
    );
  }
  if (code.startsWith('SQLITE_IOERR')) {
    if (noRoom(file)) return full(file, thrown);
    return refused(
      'the disk to answer',
      'Look at the disk and the system log. What was acknowledged before is kept; read the log again before going on.',
    );
  }
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_PERM') || code === 'EROFS') {
    return refused('a file that can be written', `Give this user the right to write ${file} and its folder.`);
  }
  if (
    code.startsWith('SQLITE_CANTOPEN') ||
    code === 'ENOENT' ||
    code === 'ENOTDIR' ||
    code === 'EISDIR' ||
    code === 'EEXIST'
  ) {
    return refused(
      'a file in a folder that can be opened',
      `Look whether ${file} is a file and its folder exists and belongs to this user.`,
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'SQLITE_AUTH') {
    return refused(
      'the right to open it',
      `Give this user the right to read and write ${file} and its folder.`,
    );
  }
  if (code === 'SQLITE_NOMEM') return refused('memory', 'Give the controller more memory.');
  // All others (CORRUPT, NOTADB, a table that is not there, a key that is there twice) mean that the file is not as we wrote it.
  if (thrown instanceof SQLiteError || code.startsWith('SQLITE_'))
    return damaged(file, `${code} (${text})`, thrown);
  return refused('the operation to succeed', 'Look at the disk and the system log.');
}
