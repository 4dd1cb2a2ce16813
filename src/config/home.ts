import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CutoverError } from '../core/errors.ts';

/** Longest path that every system here binds a unix socket under (108 bytes on Linux, 104 elsewhere, with room to spare). */
const bindableBytes = 100;

/** What the place of a socket depends on beside the home: who runs, and where that user's short-lived files are. */
export interface SocketSurroundings {
  readonly uid: number;
  readonly runtimeDirectory: string | undefined;
}

const surroundings = (): SocketSurroundings => ({
  uid: process.getuid?.() ?? 0,
  runtimeDirectory: process.env['XDG_RUNTIME_DIR'],
});

/**
 * Where a unix socket of a home directory is: in the home, or, if that path is too long to bind, under a name made from it in
 * `$XDG_RUNTIME_DIR` or `/tmp`. Every process that runs for the same user with the same `$XDG_RUNTIME_DIR` finds the same path.
 *
 * @param home absolute path of the home directory
 * @param name of the socket within it, such as `proxy/admin.sock`
 */
export function socketPath(
  home: string,
  name: string,
  { uid, runtimeDirectory }: SocketSurroundings = surroundings(),
): string {
  const inHome = join(home, name);
  if (Buffer.byteLength(inHome) <= bindableBytes) return inHome;
  const short = `${createHash('sha256').update(inHome).digest('hex').slice(0, 24)}.sock`;
  const inRuntime = runtimeDirectory ? join(runtimeDirectory, `cutover-${uid}`, short) : undefined;
  return inRuntime !== undefined && Buffer.byteLength(inRuntime) <= bindableBytes
    ? inRuntime
    : join('/tmp', `cutover-${uid}`, short);
}

/**
 * Makes the directory of a socket, for us alone (mode 0700). One that is a link or another user's is refused with
 * `address-refused`: whoever can write there could answer in our place.
 */
export function prepareSocketDirectory(path: string): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const found = lstatSync(directory);
  const uid = process.getuid?.() ?? found.uid;
  if (!found.isDirectory() || found.uid !== uid) {
    const wrong = found.isDirectory()
      ? `it belongs to user ${found.uid}, not to ${uid}`
      : 'it is not a directory';
    throw new CutoverError(
      'address-refused',
      `the directory ${directory} must be ours to hold the socket ${path}, but ${wrong}`,
      {
        next: 'remove it, or choose another home directory',
      },
    );
  }
  if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700);
}
