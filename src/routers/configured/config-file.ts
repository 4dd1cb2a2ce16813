import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CutoverError } from '../../core/errors.ts';

const codeOf = (cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause ? cause.code : undefined;

/** A configuration that another program reads. */
export class ConfigFile {
  /** @param path absolute; a link is followed, so that it stays one */
  constructor(readonly path: string) {}

  /** Null if it does not exist. @throws CutoverError `io-failed` */
  read(): string | null {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return null;
      throw this.failure('read', cause);
    }
  }

  /** A file beside it with this text, for a check; removed by whoever asked for it. */
  candidate(text: string): string {
    const path = `${this.path}.cutover-candidate`;
    this.guarded('checked', () => this.writeBeside(path, text));
    return path;
  }

  /**
   * Puts the text in its place, whole or not at all; null removes it. Owner and mode stay as they were.
   *
   * @throws CutoverError `io-failed`, `disk-full`
   */
  replace(text: string | null): void {
    this.guarded('written', () => {
      if (text === null) rmSync(this.path, { force: true });
      else {
        const target = this.target();
        this.writeBeside(`${target}.cutover-tmp`, text);
        renameSync(`${target}.cutover-tmp`, target);
      }
      // A rename is on disk only when its directory is (fsync(2)).
      const directory = openSync(dirname(this.target()), 'r');
      try {
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
    });
  }

  private target(): string {
    try {
      return realpathSync(this.path);
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return this.path;
      throw cause;
    }
  }

  private writeBeside(path: string, text: string): void {
    const fd = openSync(path, 'w', 0o644);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    const was = statSync(this.path, { throwIfNoEntry: false });
    if (!was) return;
    chmodSync(path, was.mode & 0o7777);
    const now = statSync(path);
    if (now.uid !== was.uid || now.gid !== was.gid) chownSync(path, was.uid, was.gid);
  }

  private guarded(what: string, act: () => void): void {
    try {
      act();
    } catch (cause) {
      throw this.failure(what, cause);
    }
  }

  private failure(what: string, cause: unknown): CutoverError {
    const full = codeOf(cause) === 'ENOSPC' || codeOf(cause) === 'EDQUOT';
    return new CutoverError(
      full ? 'disk-full' : 'io-failed',
      `${this.path} could not be ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: full ? 'make room on its disk' : 'see that the controller may write it and its folder', cause },
    );
  }
}
