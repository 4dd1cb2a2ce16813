import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import { StickyKey, stickyKeyBytes } from '../../core/sticky-key.ts';
import { replacePrivately } from './private-file.ts';

const KeyFile = z.object({ format: z.literal(1), keys: z.array(StickyKey).min(1).max(2) });

const fresh = (): string => randomBytes(stickyKeyBytes).toString('hex');

/**
 * The keys that sign the cookies of clients, in a file that only this user may read (`sticky.keys`): the first makes cookies, the second is the one
 * before it, whose cookies are still taken. There is none until a route needs one.
 */
export class StickyKeys {
  private readonly path: string;
  private kept: readonly string[] = [];

  constructor(
    directory: string,
    private readonly log: (line: string) => void,
  ) {
    this.path = join(directory, 'sticky.keys');
    if (existsSync(this.path)) this.kept = this.read();
  }

  get keys(): readonly string[] {
    return this.kept;
  }

  /**
   * Sees to it that there is a key.
   *
   * @returns whether one was made
   * @throws CutoverError `io-failed` if it could not be kept: after a restart all clients would lose their places
   */
  need(): boolean {
    if (this.kept.length > 0) return false;
    this.keep([fresh()]);
    return true;
  }

  /**
   * Makes another key. It is on disk when this returns.
   *
   * @param tell told, in turn, of the keys to take before any cookie is made with the new one, and then of those to go on with
   */
  async rotate(tell: () => Promise<void>): Promise<void> {
    const next = [fresh(), ...this.kept.slice(0, 1)];
    const former = this.kept;
    this.keep(next);
    // No worker may see a cookie by a key that it does not know yet.
    this.kept = [...former, ...next.slice(0, 1)];
    await tell();
    this.kept = next;
    await tell();
  }

  private keep(keys: readonly string[]): void {
    try {
      replacePrivately(this.path, `${JSON.stringify({ format: 1, keys })}\n`);
    } catch (cause) {
      throw new CutoverError(
        'io-failed',
        `the key of the cookies could not be written: ${cause instanceof Error ? cause.message : String(cause)}`,
        { next: `check the disk and the rights of ${this.path}`, cause },
      );
    }
    this.kept = keys;
  }

  private read(): readonly string[] {
    try {
      return KeyFile.parse(JSON.parse(readFileSync(this.path, 'utf8'))).keys;
    } catch {
      // Its text is not told: a part of it may be a key.
      renameSync(this.path, `${this.path}.damaged`);
      this.log(
        `state-damaged: ${this.path} is not used: it is no file of keys; clients that were kept by a cookie may move once`,
      );
      return [];
    }
  }
}
