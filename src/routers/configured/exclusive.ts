import { dlopen } from 'bun:ffi';
import { closeSync, openSync } from 'node:fs';
import { arch } from 'node:os';
import { CutoverError } from '../../core/errors.ts';
import { Turn } from '../../core/turn.ts';

const signatures = { flock: { args: ['i32', 'i32'], returns: 'i32' } } as const;
/** flock(2): exclusive, and not to be waited for in the call. */
const exclusiveNow = 2 | 4;

function open() {
  try {
    return dlopen('libc.so.6', signatures).symbols;
  } catch {
    return dlopen(`libc.musl-${arch() === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`, signatures).symbols;
  }
}
let opened: ReturnType<typeof open> | undefined;

const turns = new Map<string, Turn>();
const patienceMs = 30_000;
const lookMs = 5;

/**
 * Does what reads and then writes a file, while no other controller of this machine does. The lock (flock(2)) is let go with the process
 * that has it, however that ends.
 *
 * @param path absolute, of the file; the lock is a file beside it
 * @throws CutoverError `io-failed` if another does not let go in time
 */
export function exclusively<T>(path: string, act: () => Promise<T>): Promise<T> {
  const turn = turns.get(path) ?? new Turn();
  turns.set(path, turn);
  return turn.take(async () => {
    const lock = `${path}.cutover-lock`;
    let fd: number;
    try {
      fd = openSync(lock, 'a', 0o600);
    } catch (cause) {
      throw new CutoverError(
        'io-failed',
        `${lock} could not be opened: ${cause instanceof Error ? cause.message : String(cause)}`,
        { next: 'see that its folder exists and that the controller may write there', cause },
      );
    }
    try {
      opened ??= open();
      const end = performance.now() + patienceMs;
      while (opened.flock(fd, exclusiveNow) !== 0) {
        if (performance.now() > end)
          throw new CutoverError(
            'io-failed',
            `${path}: another controller has been at it for ${patienceMs / 1000} s, expected it to end`,
            { next: `see which process has ${lock} open (fuser)` },
          );
        await Bun.sleep(lookMs);
      }
      return await act();
    } finally {
      closeSync(fd);
    }
  });
}
