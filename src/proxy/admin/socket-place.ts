import { lstatSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { prepareSocketDirectory, socketPath } from '../../config/home.ts';
import { CutoverError } from '../../core/errors.ts';
import { adminSocketName } from './protocol.ts';

/** Longest path that Linux binds a unix socket under, without the zero at its end (unix(7)). */
const bindableBytes = 107;

async function answers(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes room for the admin socket: in the home, which is ours, or where the user wants it, in a directory that is left as it is.
 *
 * @returns its absolute path
 * @throws CutoverError `address-in-use` if another program answers there; `address-refused` if no socket can be there
 */
export async function clearSocketPath(home: string, named: string | undefined): Promise<string> {
  if (named === undefined) {
    const path = socketPath(home, adminSocketName);
    prepareSocketDirectory(path);
    // Ours to remove: whoever holds the keeper's lock is the only one who may listen here.
    rmSync(path, { force: true });
    return path;
  }
  const path = resolve(named);
  const refused = (why: string): CutoverError =>
    new CutoverError('address-refused', `the admin socket ${path}: ${why}`, {
      next: 'name another path (--admin SOCK)',
      detail: { address: path },
    });
  if (Buffer.byteLength(path) > bindableBytes)
    throw refused(`expected a path of at most ${bindableBytes} bytes, found ${Buffer.byteLength(path)}`);
  if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== true)
    throw refused('expected its directory to be there, found none');
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return path;
  if (!found.isSocket()) throw refused('expected a socket or nothing there, found something else');
  if (await answers(path))
    throw new CutoverError('address-in-use', `the admin socket ${path} is taken: a program answers there`, {
      next: 'stop it, or name another path (--admin SOCK)',
      detail: { address: path },
    });
  removeSocket(path);
  return path;
}

export const removeSocket = (path: string): void => rmSync(path, { force: true });
