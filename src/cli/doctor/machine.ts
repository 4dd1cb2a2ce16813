import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { gitVersion } from '../git.ts';
import { controllerSocket } from '../home.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

const mebibyte = 1_048_576;
/** Below this much room a release may not fit; below the lesser one the log itself is in danger. */
const littleRoomBytes = 1024 * mebibyte;
const noRoomBytes = 64 * mebibyte;
/** Each request in flight takes two descriptors. */
const fewFiles = 4096;

/** The system and the Bun that we run on. */
export function runtime(): Finding {
  const found = `Bun ${Bun.version} on ${process.platform} ${process.arch}`;
  if (process.platform === 'linux' || process.platform === 'darwin') return ok('runtime', found);
  return fail('runtime', found, 'use Linux or macOS; on Windows, WSL');
}

/** Whether the home directory is there, or can be made, and can be written into by us alone. */
export function home(path: string): Finding {
  const there = existing(path);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(
      'home',
      `${path}: expected to write into ${there}, found ${error instanceof Error ? error.message : String(error)}`,
      'see to the rights of that directory, or name another with --home or CUTOVER_HOME',
    );
  }
  if (there !== path) return ok('home', `${path} (to be made)`);
  const stat = statSync(path);
  if (!stat.isDirectory())
    return fail('home', `${path} is not a directory`, 'remove it, or name another with --home');
  if ((stat.mode & 0o022) !== 0) {
    return warn('home', `${path} can be written into by others`, `chmod go-w ${path}`);
  }
  return ok('home', path);
}

/** The room on the disk of the home directory. */
export function room(path: string): Finding {
  const { bavail, bsize } = statfsSync(existing(path));
  const bytes = bavail * bsize;
  const found =
    bytes < littleRoomBytes
      ? `${Math.floor(bytes / mebibyte)} MB free`
      : `${(bytes / 1024 / mebibyte).toFixed(1)} GB free`;
  if (bytes < noRoomBytes)
    return fail('disk', found, 'make room: nothing can be recorded on a full disk, so nothing is begun');
  if (bytes < littleRoomBytes) return warn('disk', found, 'make room, or lower keepReleases in the spec');
  return ok('disk', found);
}

/** Where the controller's socket is. */
export function socket(path: string): Finding {
  const at = controllerSocket(path);
  if (dirname(at) === path) return ok('socket', at);
  return ok('socket', `${at} (the path of the home directory is too long for a socket)`);
}

/** How many files a process may have open. */
export function openFiles(): Finding | null {
  if (process.platform !== 'linux') return null;
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (limit === undefined) return null;
  if (limit === 'unlimited' || Number(limit) >= fewFiles)
    return ok('open files', `${limit} for each process`);
  return warn(
    'open files',
    `${limit} for each process, two for each request in flight`,
    `ulimit -n 65536 before cutover up, or LimitNOFILE in its unit`,
  );
}

/** Whether each colour can have an address of its own. */
export function colourAddresses(): Finding {
  const look = 'addresses';
  if (process.platform !== 'linux') {
    return ok(look, 'this system has 127.0.0.1 alone, so the environments differ by port');
  }
  const host = '127.0.77.1';
  const trouble = bindTrouble(host, 0);
  if (trouble === null) return ok(look, '127.0.x.y can be used: each colour gets an address of its own');
  return fail(
    look,
    `${host}: ${trouble}`,
    'see that the loopback interface has 127.0.0.0/8, or set platform.addresses: port in the spec',
  );
}

export async function git(): Promise<Finding> {
  const version = await gitVersion();
  if (version !== null) return ok('git', version);
  return warn(
    'git',
    'not found',
    'install git if releases come from git:REVISION or are named by their commit',
  );
}

/** Why nothing can listen at an address, or null if something can. Port 0: any. */
export function bindTrouble(host: string, port: number): string | null {
  try {
    Bun.listen({ hostname: host, port, socket: { data: () => undefined } }).stop(true);
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** The path itself, or the nearest directory above it that exists. */
function existing(path: string): string {
  if (existsSync(path) || dirname(path) === path) return path;
  return existing(dirname(path));
}
