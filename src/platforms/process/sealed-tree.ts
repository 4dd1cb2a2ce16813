import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes a directory and all in it, also where releases in it are sealed (read-only, so that a plain removal is refused to
 * anybody but root). Never follows a symbolic link. Does nothing if it is gone.
 */
export async function removeSealed(path: string): Promise<void> {
  await openUp(path);
  await rm(path, { recursive: true, force: true });
}

/** Gives the owner the right to remove what is in a sealed directory. */
async function openUp(path: string): Promise<void> {
  let stat;
  try {
    stat = await lstat(path);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return;
    throw thrown;
  }
  if (!stat.isDirectory()) return;
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openUp(join(path, entry.name));
  }
}
