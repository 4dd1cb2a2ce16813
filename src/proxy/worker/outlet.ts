import type { Socket } from 'bun';

/** What any connection here writes to: the part of a Bun socket that sends. */
export type Sink = Pick<Socket<unknown>, 'write'>;

/**
 * What a socket has not taken yet. A socket takes what its kernel buffer holds; the rest waits here for `drain`. The
 * reader on the other side is paused while anything waits, so that this holds a few chunks at most.
 */
export class Outlet {
  /** Bytes that were taken after they had to wait; only grows. */
  taken = 0;
  private first: Uint8Array | null = null;
  private from = 0;
  private to = 0;
  private rest: Uint8Array[] | null = null;

  get empty(): boolean {
    return this.first === null;
  }

  /**
   * Sends `bytes[from, to)`. False if some of it has to wait. `owned` says that the bytes will not change, so that they can
   * wait without being copied. What a closed socket does not take is dropped: its `close` follows.
   */
  write(socket: Sink, bytes: Uint8Array, from: number, to: number, owned: boolean): boolean {
    if (this.first !== null) {
      (this.rest ??= []).push(owned ? bytes.subarray(from, to) : bytes.slice(from, to));
      return false;
    }
    const taken = socket.write(bytes, from, to - from);
    if (taken === to - from || taken < 0) return true;
    if (owned) {
      this.first = bytes;
      this.from = from + taken;
      this.to = to;
    } else {
      this.first = bytes.slice(from + taken, to);
      this.from = 0;
      this.to = this.first.length;
    }
    return false;
  }

  /** Sends on what waits; true when nothing waits any more. */
  flush(socket: Sink): boolean {
    while (this.first !== null) {
      const taken = socket.write(this.first, this.from, this.to - this.from);
      if (taken < 0) {
        this.clear();
        return true;
      }
      this.from += taken;
      this.taken += taken;
      if (this.from < this.to) return false;
      const next = this.rest?.shift();
      if (next === undefined) {
        this.clear();
        return true;
      }
      this.first = next;
      this.from = 0;
      this.to = next.length;
    }
    return true;
  }

  clear(): void {
    this.first = null;
    this.rest = null;
  }
}
