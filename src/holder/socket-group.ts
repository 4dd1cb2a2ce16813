import { ptr } from 'bun:ffi';
import { readFileSync, readlinkSync } from 'node:fs';
import { formatAddress, type Address } from '../core/address.ts';
import { CutoverError } from '../core/errors.ts';
import { kernelListeners } from '../proxy/keeper/address-holder.ts';
import { closeDescriptor, libc, linux, systemCallError, SystemCallError } from '../proxy/keeper/libc.ts';
import { ipOf, listenTogether } from '../proxy/keeper/listening-socket.ts';
import { encoded, silence, steering, type Instruction } from './steering.ts';

function attach(fd: number, option: number, program: readonly Instruction[]): void {
  const instructions = encoded(program);
  // `struct sock_fprog`: how many, and where they are.
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, program.length, true);
  view.setBigUint64(8, BigInt(ptr(instructions)), true);
  if (libc().setsockopt(fd, linux.SOL_SOCKET, option, ptr(bytes), bytes.length) !== 0)
    throw systemCallError('setsockopt');
}

const backlogAt = 24;

/**
 * How many connections wait in the queue of a listening socket until the program accepts them.
 *
 * @throws SystemCallError
 */
export function waitingOn(fd: number): number {
  const info = new Uint8Array(256);
  const length = new Uint32Array([info.length]);
  if (libc().getsockopt(fd, linux.IPPROTO_TCP, linux.TCP_INFO, ptr(info), ptr(length)) !== 0)
    throw systemCallError('getsockopt');
  // Of a socket that listens, `tcpi_unacked` is the queue (tcp_get_info in the kernel).
  return new DataView(info.buffer).getUint32(backlogAt, true);
}

/** The number by which the kernel tells a socket from others. */
export const inodeOf = (fd: number): number =>
  Number(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? 0);

/** A listening socket on the same address that is none of these; null if there is none. */
function strangerBeside(fds: readonly number[]): number | null {
  const own = new Set(fds.map(inodeOf));
  const all = ['tcp', 'tcp6'].flatMap((file) =>
    kernelListeners(readFileSync(`/proc/self/net/${file}`, 'latin1')),
  );
  const ours = all.find(({ inode }) => own.has(inode));
  const stranger = all.find(
    ({ inode, port, hexHost }) => port === ours?.port && hexHost === ours.hexHost && !own.has(inode),
  );
  return stranger?.inode ?? null;
}

/**
 * The sockets that listen on one address, of which the kernel chooses by our program: their order is what it goes by, so none is ever closed
 * alone. While any process holds one, what waits in its queue is not lost.
 */
export class SocketGroup {
  private constructor(
    /** By the IP address, with the real port. */
    readonly address: Address,
    private readonly sockets: number[],
  ) {}

  /**
   * @throws CutoverError `address-in-use`, `address-refused`; `router-cannot` where the kernel is too old, or the address is of a kind on
   *   which an instance cannot be asked alone
   */
  static async open(asked: Address, count: number): Promise<SocketGroup> {
    const host = await ipOf(asked.host);
    if (host.includes(':') && host !== '::')
      throw new CutoverError(
        'router-cannot',
        `${asked.host}: expected an IPv4 address, or :: for all of this machine, found an address of IPv6 alone, on which the instances could not be asked one by one`,
        { next: 'let router.listen be an IPv4 address or [::]' },
      );
    const { fds, address } = listenTogether({ host, port: asked.port }, count, false);
    const group = new SocketGroup(address, fds);
    try {
      attach(fds[0]!, linux.SO_ATTACH_FILTER, silence);
      group.steer([]);
      return group;
    } catch (error) {
      group.end();
      if (error instanceof SystemCallError && error.code === 'ENOPROTOOPT')
        throw new CutoverError(
          'router-cannot',
          'expected a kernel that lets a program choose among the sockets of an address (Linux 4.6), found one that does not',
          { next: 'choose router.driver embedded', cause: error },
        );
      throw error;
    }
  }

  /** One whose sockets were handed over, in their order. */
  static of(address: Address, sockets: readonly number[]): SocketGroup {
    return new SocketGroup(address, [...sockets]);
  }

  get fds(): readonly number[] {
    return this.sockets;
  }

  /**
   * Opens more, at the end.
   *
   * @throws CutoverError as `open`; `address-in-use` if a stranger has joined the address: the kernel would take its socket for one of these
   */
  grow(count: number): void {
    if (count <= this.sockets.length) return;
    const { fds } = listenTogether(this.address, count - this.sockets.length, true);
    const stranger = strangerBeside([...this.sockets, ...fds]);
    if (stranger === null) {
      this.sockets.push(...fds);
      return;
    }
    // The last first, so that no other takes a number of one that goes.
    for (const fd of fds.toReversed()) closeDescriptor(fd);
    throw new CutoverError(
      'address-in-use',
      `${formatAddress(this.address)}: expected the sockets of Cutover alone, found another one that listens there by SO_REUSEPORT (socket ${stranger})`,
      { next: `stop the program that has it: ss -ltnpe 'sport = ${this.address.port}' shows its number` },
    );
  }

  /** From now on new connections go to these, evenly; to none of them: nobody hears them. */
  steer(live: readonly number[]): void {
    attach(this.sockets[0]!, linux.SO_ATTACH_REUSEPORT_CBPF, steering(live, this.sockets.length));
  }

  /** Lets go of them. Programs that have one go on with it. */
  close(): void {
    for (const fd of this.sockets.splice(0)) closeDescriptor(fd);
  }

  /** They listen no more, whoever has them: who comes is refused. */
  end(): void {
    // One that does not listen any more refuses, which is what is wanted.
    for (const fd of this.sockets) libc().shutdown(fd, linux.SHUT_RDWR);
    this.close();
  }
}
