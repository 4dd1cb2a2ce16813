import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { CutoverError, errorRecord } from '../../../core/errors.ts';
import { type Connection } from './connections.ts';
import { runThere } from './far-command.ts';

/** One file of a program. */
export interface ProgramFile {
  /** Letters, digits, dots and dashes. */
  readonly name: string;
  /** Sha256, hex: where it is on the host, so that another version is another file. */
  readonly digest: string;
  readonly bytes: number;
  readonly open: () => Readable;
}

/** What runs on hosts: the words that start it are its files, the first an executable. */
export interface Program {
  readonly files: readonly ProgramFile[];
  /** As `uname -s -m` tells it; null: any. */
  readonly kind: string | null;
}

/** Programs of another version stay for a while: another controller may use the same hosts. */
const keptPrograms = 6;

const kinds: Readonly<Record<string, string>> = {
  'linux x64': 'Linux x86_64',
  'linux arm64': 'Linux aarch64',
  'darwin x64': 'Darwin x86_64',
  'darwin arm64': 'Darwin arm64',
};
export const ownKind = (): string => kinds[`${process.platform} ${process.arch}`] ?? 'another';

/** A file of this machine, to be one of a program. */
export async function programFile(path: string, name = basename(path)): Promise<ProgramFile> {
  try {
    const hasher = new Bun.CryptoHasher('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
      hasher.update(chunk as Buffer);
    return {
      name,
      digest: hasher.digest('hex'),
      bytes: (await stat(path)).size,
      open: () => createReadStream(path),
    };
  } catch (cause) {
    throw new CutoverError(
      'io-failed',
      `${path}: expected the program for hosts, found: ${errorRecord(cause).message}`,
      { next: 'see that the file exists and that the controller may read it', cause },
    );
  }
}

/** A text, to be a file of a program. */
export function programText(name: string, text: string): ProgramFile {
  const content = Buffer.from(text);
  return {
    name,
    digest: new Bun.CryptoHasher('sha256').update(content).digest('hex'),
    bytes: content.length,
    open: () => Readable.from([content]),
  };
}

/**
 * Which of the files are there whole, and what kind of machine it is. `$1` is where programs are; then come pairs of file and size. Using one
 * makes it new, for those that clean up.
 */
const look = `
cd && uname -sm
programs=$1; shift
while [ $# -gt 0 ]; do
  if [ -x "$programs/$1" ] && [ "$(wc -c <"$programs/$1")" -eq "$2" ]; then touch "$programs/\${1%/*}"; echo "$1"; fi
  shift 2
done`;

/** Takes a file from its input: `$1` where programs are, `$2` its digest, `$3` its name, `$4` its size, `$5` from which program on old ones go. */
const take = `
umask 077
cd && mkdir -p "$1/$2" && cd "$1" || exit 1
fresh=$2/.$3.$$
trap 'rm -f "$fresh"' EXIT
cat >"$fresh" && [ "$(wc -c <"$fresh")" -eq "$4" ] && chmod 700 "$fresh" && mv -f "$fresh" "$2/$3" && touch "$2" || exit 1
ls -1t | tail -n "+$5" | while read -r old; do rm -rf "./$old"; done`;

/**
 * Sees to it that a program is on a host, and returns the words that start it, relative to the home of the user there.
 *
 * @throws CutoverError `ssh-refused` for a host of another kind, `disk-full`, `agent-absent`
 */
export async function bringProgram(
  connection: Connection,
  home: string,
  { files, kind }: Program,
  say: (text: string) => void,
): Promise<string[]> {
  const programs = `${home}/programs`;
  const placed = files.map(({ digest, name }) => `${digest}/${name}`);
  const sizes = files.flatMap(({ bytes }, at) => [placed[at] ?? '', String(bytes)]);
  const seen = await runThere(connection, ['sh', '-c', look, 'sh', programs, ...sizes]);
  const [found = '', ...present] = seen.output.split('\n');
  const there = found.replace(/amd64$/, 'x86_64').replace(/^Linux arm64$/, 'Linux aarch64');
  if (seen.code !== 0 || there === '')
    throw new CutoverError(
      'ssh-refused',
      `${connection.place}: expected a POSIX shell with uname, wc and touch, found: ${seen.errors || `exit code ${seen.code}`}`,
      { next: 'log in there with ssh and see what its shell says' },
    );
  if (kind !== null && there !== kind)
    throw new CutoverError(
      'ssh-refused',
      `${connection.place}: expected a host like this machine (${kind}), found ${there}`,
      {
        next: 'name the executable of Cutover for that kind with platform.ssh.program',
      },
    );
  for (const [at, file] of files.entries()) {
    if (present.includes(placed[at] ?? '')) continue;
    say(`${connection.place} gets ${file.name} (${(file.bytes / 1e6).toFixed(0)} MB)`);
    const { code, errors } = await runThere(
      connection,
      [
        'sh',
        '-c',
        take,
        'sh',
        programs,
        file.digest,
        file.name,
        String(file.bytes),
        String(keptPrograms + 1),
      ],
      { input: file.open() },
    );
    if (code !== 0)
      throw new CutoverError(
        /no space|quota/i.test(errors) ? 'disk-full' : 'ssh-refused',
        `${connection.place}: expected room for ${file.bytes} bytes in ${programs}, found: ${errors || `exit code ${code}`}`,
        { next: 'make room there, or see that the user may write; platform.ssh.home names another place' },
      );
  }
  return placed.map((path) => `${programs}/${path}`);
}
