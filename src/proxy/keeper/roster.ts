import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ProcessIdentity } from './process-identity.ts';

const Roster = z.object({ format: z.literal(1), workers: z.array(ProcessIdentity) });

/** The list of worker processes on disk (`workers.json`), by which the next keeper finds those that outlived this one. */
export class RosterFile {
  private readonly path: string;

  constructor(directory: string) {
    this.path = join(directory, 'workers.json');
  }

  /** Replaces the list. To be done before a worker is told to accept. */
  write(workers: readonly ProcessIdentity[]): void {
    // No fsync: after a crash of the machine no worker is left to be found.
    writeFileSync(`${this.path}.tmp`, JSON.stringify({ format: 1, workers }), { mode: 0o600 });
    renameSync(`${this.path}.tmp`, this.path);
  }

  /** All that are on it, whether they still run or not. */
  read(): ProcessIdentity[] {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return [];
    }
    return Roster.parse(JSON.parse(text)).workers;
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}
