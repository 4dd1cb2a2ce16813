import { ptr } from 'bun:ffi';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { libc, linux, systemCallError } from '../proxy/keeper/libc.ts';

/** The first descriptor that a program is handed (SD_LISTEN_FDS_START). */
export const firstHanded = 3;
const dispositionDefault = 0n;

/**
 * Makes this process the program, with the descriptors from 3 on as they are handed over (sd_listen_fds(3)): only a process itself can say in
 * `LISTEN_PID` which one it is. What is in its environment stays as it is. Returns only by throwing.
 *
 * @param directory where the program begins
 * @param argv its words; the first is an absolute path
 * @throws SystemCallError if the system does not start it
 */
export function becomeHanded(directory: string, argv: readonly [string, ...string[]]): never {
  // Not that of the runtime, which may have added what it found in the folder.
  const given = readFileSync('/proc/self/environ', 'latin1')
    .split('\0')
    .filter((each) => each !== '' && !each.startsWith('LISTEN_PID='));
  const handed = Number(
    given.find((each) => each.startsWith('LISTEN_FDS='))?.slice('LISTEN_FDS='.length) ?? 0,
  );
  const environment = [...given, `LISTEN_PID=${process.pid}`].map((each) =>
    Buffer.from(`${each}\0`, 'latin1'),
  );
  const words = argv.map((word) => Buffer.from(`${word}\0`, 'utf8'));
  process.chdir(directory);
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd >= firstHanded + handed) libc().fcntl(fd, linux.F_SETFD, linux.FD_CLOEXEC);
    // As systemd does unless it is told otherwise: a program that waits in accept(2) is not to be sent away.
    else if (fd >= firstHanded)
      libc().fcntl(fd, linux.F_SETFL, libc().fcntl(fd, linux.F_GETFL, 0) & ~linux.O_NONBLOCK);
  }
  // A blocked signal and an ignored one would stay so in the program: it is to begin as any other does.
  libc().signal(constants.signals.SIGPIPE, dispositionDefault);
  libc().pthread_sigmask(linux.SIG_SETMASK, ptr(new Uint8Array(linux.SIGSET_BYTES)), null);
  libc().execve(ptr(words[0]!), ptr(pointersTo(words)), ptr(pointersTo(environment)));
  throw systemCallError('execve');
}

const pointersTo = (texts: readonly Buffer[]): BigUint64Array =>
  new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
