import { ptr } from 'bun:ffi';
import { rmSync } from 'node:fs';
import { closeDescriptor, libc, linux, SystemCallError, systemCallError } from './libc.ts';

/** The kernel takes at most 253 descriptors in one message (SCM_MAX_FD, unix(7)). */
export const descriptorsPerMessage = 200;
const payloadBytes = 65_536;
const headerBytes = 56;
const controlHeaderBytes = 16;

/** `struct sockaddr_un` (unix(7)). */
function unixAddress(path: string): Uint8Array {
  const text = Buffer.from(path);
  if (text.length > 107) throw new SystemCallError('bind', 'ENAMETOOLONG');
  const bytes = new Uint8Array(2 + text.length + 1);
  new DataView(bytes.buffer).setUint16(0, linux.AF_UNIX, true);
  bytes.set(text, 2);
  return bytes;
}

/** `struct msghdr` (recvmsg(2)) as both 64-bit ABIs lay it out. The buffers must be kept by the caller until the call is over. */
function messageHeader(
  name: Uint8Array | undefined,
  vector: BigUint64Array,
  control: Uint8Array | undefined,
): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  if (name) {
    view.setBigUint64(0, BigInt(ptr(name)), true);
    view.setUint32(8, name.length, true);
  }
  view.setBigUint64(16, BigInt(ptr(vector)), true);
  view.setBigUint64(24, 1n, true);
  if (control) {
    view.setBigUint64(32, BigInt(ptr(control)), true);
    view.setBigUint64(40, BigInt(control.length), true);
  }
  return bytes;
}

const vectorOf = (payload: Uint8Array): BigUint64Array =>
  new BigUint64Array([BigInt(ptr(payload)), BigInt(payload.length)]);

/**
 * Sends a text and copies of descriptors to whoever has bound the datagram socket `path`; never waits.
 *
 * @throws SystemCallError `ENOENT` or `ECONNREFUSED` if nobody is there
 */
export function sendDescriptors(path: string, text: string, fds: readonly number[]): void {
  const socket = libc().socket(linux.AF_UNIX, linux.SOCK_DGRAM | linux.SOCK_CLOEXEC, 0);
  if (socket < 0) throw systemCallError('socket');
  try {
    const payload = Buffer.from(text);
    const vector = vectorOf(payload);
    const name = unixAddress(path);
    let control: Uint8Array | undefined;
    if (fds.length) {
      // One control message (cmsg(3)): its length without padding, the level, the kind, then the descriptors.
      control = new Uint8Array(controlHeaderBytes + Math.ceil((fds.length * 4) / 8) * 8);
      const view = new DataView(control.buffer);
      view.setBigUint64(0, BigInt(controlHeaderBytes + fds.length * 4), true);
      view.setInt32(8, linux.SOL_SOCKET, true);
      view.setInt32(12, linux.SCM_RIGHTS, true);
      fds.forEach((fd, index) => view.setInt32(controlHeaderBytes + index * 4, fd, true));
    }
    const header = messageHeader(name, vector, control);
    if (libc().sendmsg(socket, ptr(header), linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL) < 0)
      throw systemCallError('sendmsg');
  } finally {
    closeDescriptor(socket);
  }
}

/** A datagram socket at a path, on which descriptors arrive. */
export interface DescriptorInbox {
  /** The next message, or null if none has come. The descriptors are the caller's to close. */
  receive(): { readonly text: string; readonly fds: readonly number[] } | null;
  close(): void;
}

/** Binds the inbox at `path`, in place of a dead one. */
export function openInbox(path: string): DescriptorInbox {
  rmSync(path, { force: true });
  const socket = libc().socket(linux.AF_UNIX, linux.SOCK_DGRAM | linux.SOCK_CLOEXEC | linux.SOCK_NONBLOCK, 0);
  if (socket < 0) throw systemCallError('socket');
  const name = unixAddress(path);
  if (libc().bind(socket, ptr(name), name.length) !== 0) {
    const error = systemCallError('bind');
    closeDescriptor(socket);
    throw error;
  }
  return {
    receive() {
      const payload = new Uint8Array(payloadBytes);
      const vector = vectorOf(payload);
      const control = new Uint8Array(controlHeaderBytes + descriptorsPerMessage * 4);
      const header = messageHeader(undefined, vector, control);
      const length = libc().recvmsg(socket, ptr(header), linux.MSG_DONTWAIT | linux.MSG_CMSG_CLOEXEC);
      if (length < 0) {
        const error = systemCallError('recvmsg');
        if (error.code === 'EAGAIN' || error.code === 'EINTR') return null;
        throw error;
      }
      const fds: number[] = [];
      const view = new DataView(control.buffer);
      const controlLength = Number(new DataView(header.buffer).getBigUint64(40, true));
      if (
        controlLength >= controlHeaderBytes &&
        view.getInt32(8, true) === linux.SOL_SOCKET &&
        view.getInt32(12, true) === linux.SCM_RIGHTS
      ) {
        const end = Math.min(Number(view.getBigUint64(0, true)), control.length);
        for (let at = controlHeaderBytes; at + 4 <= end; at += 4) fds.push(view.getInt32(at, true));
      }
      return { text: Buffer.from(payload.buffer, 0, Number(length)).toString('utf8'), fds };
    },
    close() {
      closeDescriptor(socket);
      rmSync(path, { force: true });
    },
  };
}
