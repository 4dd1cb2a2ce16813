import { renameSync } from 'node:fs';
import { writeDurably } from '../table/durable-file.ts';

/** Replaces a file that only this user may read, so that after a crash either the former or the new content is there. */
export function replacePrivately(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  writeDurably(temporary, text);
  renameSync(temporary, path);
}
