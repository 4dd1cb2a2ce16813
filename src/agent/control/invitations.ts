import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { syncFolder, writeFileDurably } from './durable-file.ts';

const nameOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/**
 * Who may enroll, each once and before a time. A secret is on disk as a digest, which is the name of its file: whoever removes the file has used it up, so
 * that of two who come at once one is let in.
 */
export class Invitations {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, 'invitations');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** A secret that lets one in until `expiresAt` (milliseconds since 1970). */
  invite(expiresAt: number, now: number): string {
    for (const name of readdirSync(this.#folder))
      if (this.#expiry(name) <= now) rmSync(join(this.#folder, name), { force: true });
    const secret = randomBytes(24).toString('base64url');
    writeFileDurably(join(this.#folder, nameOf(secret)), `${expiresAt}\n`);
    return secret;
  }

  /** Uses the invitation up, on disk when it returns; throws `agent-refused` if there is none, or none any more. */
  accept(secret: string, now: number): void {
    const name = nameOf(secret);
    const expiry = this.#expiry(name);
    try {
      unlinkSync(join(this.#folder, name));
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
      throw refused('one that is not known, or was used already');
    }
    syncFolder(this.#folder);
    if (expiry <= now) throw refused('one whose time is over');
  }

  #expiry(name: string): number {
    try {
      const at = Number(readFileSync(join(this.#folder, name), 'utf8'));
      return Number.isFinite(at) ? at : 0;
    } catch {
      return 0; // Gone, or not ours: it lets nobody in.
    }
  }
}

const refused = (found: string): CutoverError =>
  new CutoverError('agent-refused', `expected an invitation that holds, found ${found}`, {
    next: 'make a new one on the host: cutover agent token',
  });
