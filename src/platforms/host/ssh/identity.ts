import { readFile, stat } from 'node:fs/promises';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import type { Hop, SshWay } from './way.ts';

/** What shows who logs in. */
export type Identity =
  { readonly privateKey: string; readonly passphrase?: string } | { readonly agent: string };

const mostKeyBytes = 65_536;

/**
 * The key that a login names, or else an SSH agent. Read anew for each connection: keys change.
 *
 * @throws CutoverError `ssh-refused` if there is none, or if others may read it
 */
export async function identityOf(
  place: string,
  { key, passphraseFile }: Hop,
  { agent }: Pick<SshWay, 'agent'>,
): Promise<Identity> {
  if (key === null) {
    const socket = agent ?? process.env['SSH_AUTH_SOCK'];
    if (socket !== undefined && socket !== '') return { agent: socket };
    throw new CutoverError(
      'ssh-refused',
      `${place}: expected a key or an SSH agent to log in with, found neither`,
      {
        next: 'name a key with platform.ssh.key, or start the controller where SSH_AUTH_SOCK is set',
      },
    );
  }
  const privateKey = await secretIn(place, 'private key', key);
  if (passphraseFile === null) return { privateKey };
  const passphrase = await secretIn(place, 'passphrase', passphraseFile);
  return { privateKey, passphrase: passphrase.replace(/\r?\n$/, '') };
}

async function secretIn(place: string, what: string, path: string): Promise<string> {
  try {
    const { size, mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw new CutoverError(
        'ssh-refused',
        `${place}: expected a ${what} that only its owner can read, found ${path} with mode 0${(mode & 0o777).toString(8)}`,
        { next: `chmod 600 ${path}` },
      );
    if (size > mostKeyBytes) throw new Error(`more than ${mostKeyBytes} bytes`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof CutoverError) throw cause;
    throw new CutoverError(
      'ssh-refused',
      `${place}: expected a ${what} in ${path}, found: ${errorRecord(cause).message}`,
      {
        next: 'see that the file exists and that the controller may read it',
        cause,
      },
    );
  }
}
