import { ptr } from 'bun:ffi';
import { libc, linux } from '../keeper/libc.ts';

const flags = linux.MSG_MORE | linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL;

/**
 * Sends `bytes[from, to)` so that the end of the connection, which has to follow at once, goes out in one segment with them: for a connection
 * of one request that is one packet less to send, and to wake the client for. Only on a socket without TLS that has nothing waiting.
 * Returns how many bytes were taken; the rest is to be written as always, and makes them go out.
 */
export function sendLast(fd: number, bytes: Uint8Array, from: number, to: number): number {
  const taken = Number(libc().send(fd, ptr(bytes, from), to - from, flags));
  return taken < 0 ? 0 : taken;
}
