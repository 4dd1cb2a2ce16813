import { constants } from 'node:fs';
import { mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { openBoundary, type ActKind, type Boundary } from './boundary.ts';
import { removeSealed } from './sealed-tree.ts';

/** The system's code of a thrown error (`ENOENT`, …), if it has one. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

export const isAbsent = (thrown: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '');

/** The system's refusal as an error for a person: a full disk or quota is `disk-full`, the rest `io-failed`. Ours pass unchanged. */
export function diskError(thrown: unknown, doing: string, path: string): Error {
  if (thrown instanceof CutoverError) return thrown;
  const code = systemCode(thrown);
  if (code === undefined) return thrown instanceof Error ? thrown : new Error(String(thrown));
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new CutoverError(
      'disk-full',
      `${path}: ${doing} needs room, and the disk (or the quota) is full`,
      {
        next: 'Make room on that disk, then run the command again; nothing half done was left.',
        detail: { path },
        cause: thrown,
      },
    );
  }
  return new CutoverError('io-failed', `${path}: ${doing} failed: ${code}`, {
    next: 'See whether the path exists and whether this user may write there.',
    detail: { path, system: code },
    cause: thrown,
  });
}

/**
 * Writes to the disk in ways that survive a crash. Every act passes the boundary; every error is one for a person.
 * Directories are 0700 and files 0600 (logs and records hold what only their owner may read).
 */
export class Disk {
  constructor(readonly boundary: Boundary = openBoundary) {}

  /** Does one act between its two calls of the boundary. */
  async act<T>(kind: ActKind, target: string, doing: string, act: () => Promise<T>): Promise<T> {
    try {
      this.boundary({ phase: 'before', kind, target });
      const result = await act();
      this.boundary({ phase: 'after', kind, target });
      return result;
    } catch (thrown) {
      throw diskError(thrown, doing, target);
    }
  }

  makeDirectory(path: string): Promise<void> {
    return this.act('make-directory', path, 'making the directory', async () => {
      await mkdir(path, { recursive: true, mode: 0o700 });
    });
  }

  /** Makes what was done inside of a directory (new names, renames) survive a power failure. */
  syncDirectory(path: string): Promise<void> {
    return this.act('sync', path, 'syncing the directory', async () => {
      const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.act('rename', to, 'renaming', () => rename(from, to));
  }

  /** Replaces a whole file: a reader, or we after a crash at any point, sees the old text or the new, never a mixture. */
  async replace(path: string, text: string): Promise<void> {
    const temporary = `${path}.new`;
    await this.makeDirectory(dirname(path));
    try {
      await this.act('write', temporary, 'writing', async () => {
        const handle = await open(temporary, 'w', 0o600);
        try {
          await handle.writeFile(text);
          await handle.sync();
        } finally {
          await handle.close();
        }
      });
      await this.rename(temporary, path);
    } catch (thrown) {
      await rm(temporary, { force: true });
      throw thrown;
    }
    await this.syncDirectory(dirname(path));
  }

  /** Removes a file. Does nothing if it is gone. */
  removeFile(path: string): Promise<void> {
    return this.act('remove', path, 'removing', async () => {
      try {
        await unlink(path);
      } catch (thrown) {
        if (!isAbsent(thrown)) throw thrown;
      }
    });
  }

  /** Removes a directory and all in it, sealed or not. Never follows a symbolic link. Does nothing if it is gone. */
  removeTree(path: string): Promise<void> {
    return this.act('remove', path, 'removing', async () => {
      await removeSealed(path);
    });
  }
}
