import { dlopen, read } from 'bun:ffi';
import { ftruncateSync, writeSync } from 'node:fs';
import { arch, constants } from 'node:os';

/**
 * How a filesystem gives back the beginning of a file that others append to. `collapse`: the rest moves to the front (ext4,
 * XFS). `punch`: the beginning becomes a hole that takes no room and reads as zeros; the rest stays where it is, so the
 * file's apparent size grows (tmpfs, Btrfs, ZFS). `none`: not at all (vfat, some network filesystems, systems other than Linux).
 */
export type SpaceWay = 'collapse' | 'punch' | 'none';

/** linux/falloc.h; the same on every architecture. */
const keepSize = 1;
const punchHole = 2;
const collapseRange = 8;

const signatures = {
  fallocate: { args: ['i32', 'i32', 'i64', 'i64'], returns: 'i32' },
  __errno_location: { args: [], returns: 'ptr' },
} as const;

const open = () => {
  if (process.platform !== 'linux') return null;
  for (const name of ['libc.so.6', `libc.musl-${arch() === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`]) {
    try {
      return dlopen(name, signatures).symbols;
    } catch {
      continue; // the other C library, or none that we know: logs are then rotated as where the filesystem cannot do it
    }
  }
  return null;
};
let opened: ReturnType<typeof open> | undefined;

/** fallocate(2); the system's code for why it was refused, or null if it was done. */
function fallocate(fd: number, mode: number, length: number): string | null {
  opened ??= open();
  if (!opened) return 'ENOSYS';
  for (;;) {
    if (opened.fallocate(fd, mode, 0, length) === 0) return null;
    const location = opened.__errno_location();
    const errno = location === null ? 0 : read.i32(location, 0);
    if (errno === constants.errno.EINTR) continue;
    return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  }
}

/** Takes the first bytes out of a file: what follows them is at its beginning then. `length` is in whole blocks, and less than its size. */
export function collapseFront(fd: number, length: number): void {
  const code = fallocate(fd, collapseRange, length);
  if (code !== null) throw Object.assign(new Error(`fallocate: ${code}`), { code });
}

/** Gives back the room of the first bytes of a file; they read as zeros then. May be done again. */
export function punchFront(fd: number, length: number): void {
  const code = fallocate(fd, punchHole | keepSize, length);
  if (code !== null) throw Object.assign(new Error(`fallocate: ${code}`), { code });
}

/** Tries on an empty file, which is empty again afterwards, what its filesystem can do. */
export function spaceWay(fd: number, block: number): SpaceWay {
  const blocks = new Uint8Array(2 * block);
  for (let written = 0; written < blocks.length;) {
    written += writeSync(fd, blocks, written, blocks.length - written, written);
  }
  const way =
    fallocate(fd, collapseRange, block) === null
      ? 'collapse'
      : fallocate(fd, punchHole | keepSize, block) === null
        ? 'punch'
        : 'none';
  ftruncateSync(fd, 0);
  return way;
}
