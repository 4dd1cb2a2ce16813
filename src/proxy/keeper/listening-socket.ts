import { ptr } from 'bun:ffi';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Listener } from '../data-plane.ts';
import { holderOf } from './address-holder.ts';
import { closeDescriptor, libc, linux, SystemCallError, systemCallError } from './libc.ts';

/** The kernel cuts this to net.core.somaxconn; a long queue is what lets connections wait while workers are replaced. */
const backlog = 65_535;

const one = new Int32Array([1]);

/** The socket address of an IP address in the system's own layout (ip(7), ipv6(7)). */
function socketAddress(ip: string, port: number): Uint8Array {
  const v6 = isIP(ip) === 6;
  const bytes = new Uint8Array(v6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v6 ? linux.AF_INET6 : linux.AF_INET, true);
  view.setUint16(2, port, false);
  const packed = new Uint8Array(16);
  const text = Buffer.from(`${ip}\0`, 'latin1');
  if (libc().inet_pton(v6 ? linux.AF_INET6 : linux.AF_INET, ptr(text), ptr(packed)) !== 1)
    throw new SystemCallError('inet_pton', 'EINVAL');
  bytes.set(v6 ? packed : packed.subarray(0, 4), v6 ? 8 : 4);
  return bytes;
}

function portOf(fd: number): number {
  const bytes = new Uint8Array(28);
  const length = new Uint32Array([bytes.length]);
  if (libc().getsockname(fd, ptr(bytes), ptr(length)) !== 0) throw systemCallError('getsockname');
  return new DataView(bytes.buffer).getUint16(2, false);
}

/**
 * How a socket shares its address (SO_REUSEPORT, socket(7)): not at all; as the `first` of several, which finds out that nobody else has it;
 * or as one `more`.
 */
type Sharing = 'none' | 'first' | 'more';

function reusePort(fd: number): void {
  if (libc().setsockopt(fd, linux.SOL_SOCKET, linux.SO_REUSEPORT, ptr(one), 4) !== 0)
    throw systemCallError('setsockopt');
}

function bindAndListen(ip: string, port: number, sharing: Sharing = 'none'): number {
  const family = isIP(ip) === 6 ? linux.AF_INET6 : linux.AF_INET;
  // Close-on-exec: only the descriptors that are handed over on purpose reach a worker.
  const fd = libc().socket(family, linux.SOCK_STREAM | linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemCallError('socket');
  try {
    // Without it a restart would have to wait for old connections in TIME_WAIT. SO_REUSEPORT is left off where one socket does: with it
    // a stranger of the same user could take a share of our connections, and what waits in a queue dies with the socket that owns it.
    if (libc().setsockopt(fd, linux.SOL_SOCKET, linux.SO_REUSEADDR, ptr(one), 4) !== 0)
      throw systemCallError('setsockopt');
    if (sharing === 'none') boundUnsent(fd);
    if (sharing === 'more') reusePort(fd);
    const address = socketAddress(ip, port);
    if (libc().bind(fd, ptr(address), address.length) !== 0) throw systemCallError('bind');
    if (sharing === 'first') reusePort(fd);
    if (libc().listen(fd, backlog) !== 0) throw systemCallError('listen');
    return fd;
  } catch (thrown) {
    closeDescriptor(fd);
    throw thrown;
  }
}

/** How long the kernel keeps a connection to itself that has sent nothing; then it is accepted or dropped, as it likes. */
const deferSeconds = 10;

/**
 * Whether connections are accepted only when their first bytes have come (TCP_DEFER_ACCEPT, tcp(7)): of use where the client is
 * bound to speak first. It is a matter of effort, not of correctness: some are accepted before.
 */
export function deferAccept(fd: number, on: boolean): void {
  const seconds = new Int32Array([on ? deferSeconds : 0]);
  if (libc().setsockopt(fd, linux.IPPROTO_TCP, linux.TCP_DEFER_ACCEPT, ptr(seconds), 4) !== 0)
    throw systemCallError('setsockopt');
}

/** Enough that a client which reads never waits for us, and little enough that a thousand which do not read are no matter. */
const unsentBytes = new Int32Array([128 * 1024]);

/**
 * Bounds what the system takes of a response beyond what it can send (TCP_NOTSENT_LOWAT), for every connection that is accepted from
 * now on: they inherit it. Without it each client that does not read takes megabytes of the system's memory for TCP, which is
 * one for all, and hundreds that come at once keep the proxy and the instances busy with what nobody reads. May be called
 * again. A system that does not know the option (before Linux 3.12, some sandboxes) goes on without the bound.
 *
 * @throws SystemCallError
 */
export function boundUnsent(fd: number): void {
  if (libc().setsockopt(fd, linux.IPPROTO_TCP, linux.TCP_NOTSENT_LOWAT, ptr(unsentBytes), 4) === 0) return;
  const error = systemCallError('setsockopt');
  if (error.code !== 'ENOPROTOOPT') throw error;
}

/**
 * The IP address of a host.
 *
 * @throws CutoverError `address-refused`
 */
export async function ipOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new CutoverError('address-refused', `the host ${host} of a listener has no IP address`, {
      next: 'name an IP address of this machine, such as 127.0.0.1 or 0.0.0.0',
      cause,
    });
  }
}

function refusal(address: Address, cause: unknown): CutoverError {
  const code = cause instanceof SystemCallError ? cause.code : '';
  const where = formatAddress(address);
  if (code === 'EADDRINUSE') {
    const holder = holderOf(address);
    return new CutoverError(
      'address-in-use',
      `${where} is taken${holder ? ` by ${holder.name} (process ${holder.pid})` : ''}`,
      {
        next: 'stop what listens there, or choose another address',
        detail: { address: where, ...(holder ? { holder: holder.name, pid: holder.pid } : {}) },
        cause,
      },
    );
  }
  const next =
    code === 'EACCES'
      ? 'choose a port above 1023, or give this user the right to bind it (CAP_NET_BIND_SERVICE)'
      : code === 'EADDRNOTAVAIL'
        ? 'name an address that this machine has (ip address), or 0.0.0.0'
        : 'choose another address';
  return new CutoverError(
    'address-refused',
    `${where} cannot be listened on: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      next,
      detail: { address: where },
      cause,
    },
  );
}

/**
 * Opens a listening TCP socket that this process never accepts on. Port 0 takes a free one; the answer has the real port.
 * `::` takes IPv4 as well where the system does so (net.ipv6.bindv6only = 0).
 *
 * @throws CutoverError `address-in-use` with the process that has it where that can be seen; `address-refused` otherwise
 */
export async function listenOn(address: Address): Promise<Listener> {
  const ip = await ipOf(address.host);
  try {
    const fd = bindAndListen(ip, address.port);
    return { fd, address: { host: address.host, port: portOf(fd) } };
  } catch (cause) {
    throw refusal(address, cause);
  }
}

/**
 * Opens so many sockets that listen on one address, in this order (SO_REUSEPORT): which of them gets a connection is settled elsewhere.
 *
 * @param joins whether there are such sockets of ours already; else it is found out that nobody has the address
 * @throws CutoverError as `listenOn`
 */
export function listenTogether(
  address: Address,
  count: number,
  joins: boolean,
): { readonly fds: number[]; readonly address: Address } {
  const fds: number[] = [];
  let { port } = address;
  try {
    while (fds.length < count) {
      fds.push(bindAndListen(address.host, port, joins || fds.length > 0 ? 'more' : 'first'));
      port ||= portOf(fds[0]!);
    }
    return { fds, address: { host: address.host, port } };
  } catch (cause) {
    for (const fd of fds) closeDescriptor(fd);
    throw refusal({ ...address, port }, cause);
  }
}
