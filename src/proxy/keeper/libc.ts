import { dlopen, read } from 'bun:ffi';
import { arch, constants } from 'node:os';

/** The few calls of the C library that neither Bun nor Node offers: listening without accepting, passing descriptors on, and becoming another program. */
const signatures = {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  listen: { args: ['i32', 'i32'], returns: 'i32' },
  shutdown: { args: ['i32', 'i32'], returns: 'i32' },
  getsockname: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  inet_pton: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  sendmsg: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
  recvmsg: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
  send: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i32' },
  recv: { args: ['i32', 'ptr', 'u64', 'i32'], returns: 'i32' },
  dup: { args: ['i32'], returns: 'i32' },
  close: { args: ['i32'], returns: 'i32' },
  fcntl: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  execv: { args: ['ptr', 'ptr'], returns: 'i32' },
  execve: { args: ['ptr', 'ptr', 'ptr'], returns: 'i32' },
  signal: { args: ['i32', 'u64'], returns: 'u64' },
  pthread_sigmask: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
  madvise: { args: ['u64', 'u64', 'i32'], returns: 'i32' },
  waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
  __errno_location: { args: [], returns: 'ptr' },
} as const;

function open() {
  const musl = `libc.musl-${arch() === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`;
  try {
    return dlopen('libc.so.6', signatures);
  } catch (cause) {
    try {
      return dlopen(musl, signatures);
    } catch {
      throw new Error(`neither libc.so.6 nor ${musl} could be opened; the proxy runs on Linux`, { cause });
    }
  }
}
let opened: ReturnType<typeof open> | undefined;

/** The library, opened when first used. */
export const libc = () => (opened ??= open()).symbols;

/** Constants of the Linux ABI (x86-64 and AArch64 have the same). */
export const linux = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  IPPROTO_TCP: 6,
  TCP_DEFER_ACCEPT: 9,
  TCP_NOTSENT_LOWAT: 25,
  TCP_INFO: 11,
  MSG_PEEK: 2,
  MSG_MORE: 0x8000,
  SO_REUSEADDR: 2,
  SO_REUSEPORT: 15,
  SO_ATTACH_FILTER: 26,
  SO_ATTACH_REUSEPORT_CBPF: 51,
  SHUT_RDWR: 2,
  SCM_RIGHTS: 1,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  MSG_CMSG_CLOEXEC: 0x40000000,
  MSG_CTRUNC: 8,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  O_NONBLOCK: 0o4000,
  FD_CLOEXEC: 1,
  MADV_DONTNEED: 4,
  WNOHANG: 1,
  SIG_BLOCK: 0,
  SIG_UNBLOCK: 1,
  SIG_SETMASK: 2,
  SIGSET_BYTES: 128,
} as const;

/** A system call that failed, by its name and the system's code for the reason, such as `EADDRINUSE`. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  constructor(
    readonly call: string,
    readonly code: string,
  ) {
    super(`${call}: ${code}`);
  }
}

/** The reason why the last call failed, to be made at once after it. */
export function systemCallError(call: string): SystemCallError {
  const location = libc().__errno_location();
  const errno = location === null ? 0 : read.i32(location, 0);
  const code =
    Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  return new SystemCallError(call, code);
}

/** Another descriptor of the same open socket or file. */
export function duplicateDescriptor(fd: number): number {
  const other = libc().dup(fd);
  if (other < 0) throw systemCallError('dup');
  return other;
}

export function closeDescriptor(fd: number): void {
  if (libc().close(fd) !== 0) throw systemCallError('close');
}
