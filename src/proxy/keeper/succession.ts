import { ptr } from 'bun:ffi';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { libc, linux, systemCallError } from './libc.ts';

const firstOfOurs = 3;

/** Has the system close every descriptor beyond the standard ones when this process becomes another program. */
function closeAllOnExec(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    // The one that listed the others is gone by now, and refuses; so may one that closed meanwhile.
    if (fd >= firstOfOurs) libc().fcntl(fd, linux.F_SETFD, linux.FD_CLOEXEC);
  }
}

/** The signals that end a keeper. */
export const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

function maskEndingSignals(how: number): void {
  const set = new Uint8Array(linux.SIGSET_BYTES);
  for (const name of endingSignals) {
    const bit = constants.signals[name] - 1;
    set[bit >> 3] = set[bit >> 3]! | (1 << (bit & 7));
  }
  libc().pthread_sigmask(how, ptr(set), null);
}

/**
 * To be called once the signals that end a keeper are listened to: those that came while this program took the place of the
 * one before wait until then. Does nothing otherwise.
 */
export const hearEndingSignals = (): void => maskEndingSignals(linux.SIG_UNBLOCK);

/**
 * Makes this process another program (execve(2)): the pid, the parent and the standard descriptors stay, so that whoever
 * started or watches this process sees no end of it. Returns only by throwing.
 *
 * @param command argument vector; its first word is the path of the executable
 * @throws SystemCallError if the system does not start it; this process is then as it was
 */
export function becomeProgram(command: readonly string[]): never {
  const words = command.map((word) => Buffer.from(`${word}\0`, 'utf8'));
  const [path] = words;
  if (!path) throw new Error('there is no program to become');
  const pointers = new BigUint64Array([...words.map((word) => BigInt(ptr(word))), 0n]);
  closeAllOnExec();
  maskEndingSignals(linux.SIG_BLOCK);
  libc().execv(ptr(path), ptr(pointers));
  const error = systemCallError('execv');
  hearEndingSignals();
  throw error;
}

/**
 * Lets go of a child that has ended and that the program before this one had started.
 *
 * @returns false if it still runs, true if it has ended or is no child of this process
 */
export const reap = (pid: number): boolean => libc().waitpid(pid, null, linux.WNOHANG) !== 0;
