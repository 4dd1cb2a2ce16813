import type { InstancePool } from './instance-pool.ts';

/** A request that waits until an instance has room for it. */
export interface Waiter {
  /** It is its turn. */
  goOn(): void;
}

const any = 0x3fffffff;

/**
 * The requests that wait because every instance of one release has as many as it may have. They go in the order in which they came. It
 * outlives the tables: what waits is not disturbed by a switch.
 */
export class InstanceQueue {
  readonly waiting = new Set<Waiter>();
  /** Requests that one instance may have at a time, from this worker. */
  most = any;
  /** Requests that may wait. */
  room = 0;
  waitMs = 0;
  private pools: readonly InstancePool[] = [];
  private flushing = false;

  /** Takes on what a table says. */
  adapt(pools: readonly InstancePool[], most: number, room: number, waitMs: number): void {
    this.pools = pools;
    this.most = most;
    this.room = room;
    this.waitMs = waitMs;
    this.freed();
  }
  /** No table limits these instances any more: all that waits goes. */
  open(): void {
    this.most = any;
    this.freed();
  }

  isFull(pool: InstancePool): boolean {
    return pool.inFlight >= this.most;
  }

  /** False if there is no room to wait. */
  join(waiter: Waiter): boolean {
    if (this.waiting.size >= this.room) return false;
    this.waiting.add(waiter);
    return true;
  }

  /** An instance may have room. Looked at when what is under way is over: then the connection that carried the last request is idle. */
  freed(): void {
    if (this.flushing || this.waiting.size === 0) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    let left = this.waiting.size;
    for (const waiter of this.waiting) {
      if (left-- === 0 || this.pools.every((pool) => this.isFull(pool))) return;
      this.waiting.delete(waiter);
      waiter.goOn();
    }
  }
}
