import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';

/** Writes a file that only this user may read, whole and on disk when this returns. Not atomic: for a name that is renamed after it. */
export function writeDurably(path: string, text: string): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
