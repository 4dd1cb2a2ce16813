import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Larger files are none that somebody wrote by hand. */
const maxBytes = 1024 * 1024;

/** What detection looks at: the files of one folder, by their path in it. */
export interface Folder {
  /** The text of a file; undefined if there is none that can be read. */
  readonly text: (path: string) => string | undefined;
  readonly has: (path: string) => boolean;
  /** Names in the folder at the path, sorted. */
  readonly names: (path: string) => readonly string[];
}

export function folderAt(root: string): Folder {
  const isFile = (path: string): boolean => {
    const found = statSync(join(root, path), { throwIfNoEntry: false });
    return found?.isFile() === true && found.size <= maxBytes;
  };
  // What cannot be read cannot be recognised; the user then writes it by hand.
  const orAbsent = <Result>(read: () => Result): Result | undefined => {
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  return {
    text: (path) => orAbsent(() => (isFile(path) ? readFileSync(join(root, path), 'utf8') : undefined)),
    has: (path) => orAbsent(() => isFile(path)) === true,
    names: (path) => orAbsent(() => readdirSync(join(root, path)).sort()) ?? [],
  };
}
