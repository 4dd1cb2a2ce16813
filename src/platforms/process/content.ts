import { constants } from 'node:fs';
import { chmod, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { diskError, type Disk } from './disk.ts';
import { sourceInvalid } from './entry-path.ts';

/** Files that are read at once. */
const width = 16;
const chunkBytes = 256 * 1024;

export type EntryKind = 'file' | 'directory' | 'link';
export interface Entry {
  /** Relative to the root, with `/` between its parts. */
  readonly path: string;
  readonly kind: EntryKind;
  /** The permission bits. */
  readonly mode: number;
}

export interface Digest {
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
}

/** All that is below a directory, sorted by path (by code units). A socket, pipe or device is refused. */
export async function entriesOf(root: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for (const name of await readdir(join(root, prefix))) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      const stat = await lstat(join(root, path));
      const kind = stat.isFile()
        ? 'file'
        : stat.isDirectory()
          ? 'directory'
          : stat.isSymbolicLink()
            ? 'link'
            : undefined;
      if (!kind) throw specialFile(join(root, path));
      entries.push({ path, kind, mode: stat.mode & 0o777 });
      if (kind === 'directory') await walk(path);
    }
  };
  await walk('');
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export const specialFile = (path: string): Error =>
  sourceInvalid(
    path,
    'a file, a directory or a symbolic link',
    'a socket, a pipe or a device',
    'Remove it, or name it in release.exclude.',
  );

/**
 * The sha256 of the content: over the kind, mode, path and content of each entry, sorted. Two directories have the same
 * only if they hold the same. With `disk`, each file is also synced, so that it survives a power failure.
 */
export async function digestOf(root: string, disk?: Disk): Promise<Digest> {
  const entries = await entriesOf(root);
  const contents = new Array<string>(entries.length);
  let files = 0;
  let bytes = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    const chunk = new Uint8Array(chunkBytes);
    for (let at = next++; at < entries.length; at = next++) {
      const entry = entries[at];
      if (!entry) return;
      const path = join(root, entry.path);
      if (entry.kind === 'link')
        contents[at] = new Bun.CryptoHasher('sha256').update(await readlink(path)).digest('hex');
      if (entry.kind !== 'file') continue;
      const { hash, size } = await readAll(path, chunk, disk);
      contents[at] = hash;
      files++;
      bytes += size;
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, entries.length) }, worker));
  const whole = new Bun.CryptoHasher('sha256');
  entries.forEach(({ kind, mode, path }, at) => {
    whole.update(`${kind} ${mode.toString(8)} ${contents[at] ?? '-'} ${path}\0`);
  });
  if (disk) {
    for (const entry of entries)
      if (entry.kind === 'directory') await disk.syncDirectory(join(root, entry.path));
    await disk.syncDirectory(root);
  }
  return { digest: whole.digest('hex'), files, bytes };
}

async function readAll(
  path: string,
  chunk: Uint8Array,
  disk?: Disk,
): Promise<{ hash: string; size: number }> {
  const hash = new Bun.CryptoHasher('sha256');
  let size = 0;
  const read = async (): Promise<void> => {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      for (;;) {
        const { bytesRead } = await handle.read(chunk, 0, chunk.length);
        if (bytesRead === 0) break;
        hash.update(chunk.subarray(0, bytesRead));
        size += bytesRead;
      }
      if (disk) await handle.sync();
    } finally {
      await handle.close();
    }
  };
  await (disk ? disk.act('sync', path, 'syncing', read) : read());
  return { hash: hash.digest('hex'), size };
}

/**
 * Takes the right to write from all that is there, and gives the owner the right to read it. Root may write all the same:
 * for root it is a convention, and the digest tells whether it was kept.
 */
export async function seal(root: string): Promise<void> {
  for (const { path, kind, mode } of (await entriesOf(root)).toReversed()) {
    if (kind === 'link') continue;
    const sealed = (mode & ~0o222) | (kind === 'directory' ? 0o500 : 0o400);
    if (sealed !== mode) await setMode(join(root, path), sealed);
  }
  await setMode(root, 0o500);
}

async function setMode(path: string, mode: number): Promise<void> {
  try {
    await chmod(path, mode);
  } catch (thrown) {
    throw diskError(thrown, 'sealing', path);
  }
}
