import type { EventRecord, ServiceEvent } from '../core/event.ts';

/** The right to write: held by one controller at a time. `fence` grows with each new holder. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly fence: number;
  readonly expiresAt: number;
}

/** What is appended to one of several streams. */
export interface Appended {
  readonly stream: string;
  readonly expectedVersion: number;
  readonly events: readonly ServiceEvent[];
}

/**
 * Keeps the log of each service. The log is the truth; it is only appended to.
 *
 * Contract (`src/testing/store.suite.ts`):
 * - When `append` resolves, the events are on disk, all of them or none (`synchronous=FULL`), and `read` returns them in order.
 * - `append` with a version that is not the stream's is refused with `version-conflict`; nothing is written.
 * - `append` under a lease that is no longer the newest (its fence is older than the store's) is refused with `lease-lost`; nothing is written.
 * - `appendTogether` is that for several streams at once: all that is given for all of them is on disk, or none of it.
 * - A lease is taken if nobody holds it, or the holder's time is over, or the holder is the same (renewal keeps the fence). Time is an argument.
 * - A full disk is `disk-full`, a lock held elsewhere `store-locked`, a damaged file `store-damaged`; what was acknowledged stays readable
 *   wherever the file is sound.
 */
export interface Store {
  /** Appends after `expectedVersion` (0: the stream is new), all with the time `at`, and returns the records, numbered on from there. */
  append(
    stream: string,
    expectedVersion: number,
    at: number,
    events: readonly ServiceEvent[],
    lease?: Lease,
  ): Promise<readonly EventRecord[]>;
  /** As `append`, to several streams, each named once. Returns the records of each, in their order. */
  appendTogether(
    parts: readonly Appended[],
    at: number,
    lease?: Lease,
  ): Promise<readonly (readonly EventRecord[])[]>;
  /** The events of a stream after `afterVersion`, oldest first; empty for one that does not exist. */
  read(stream: string, afterVersion?: number): Promise<readonly EventRecord[]>;
  /** The names of all streams, sorted. */
  streams(): Promise<readonly string[]>;
  /** The lease, or null if another holder has it at `now`. */
  acquireLease(name: string, holder: string, ttlMs: number, now: number): Promise<Lease | null>;
  /** The lease as it stands, whoever holds it and whether or not its time is over; null if nobody ever did or it was given back. */
  readLease(name: string): Promise<Lease | null>;
  /** Gives it back, so that the next need not wait. Does nothing if it is no longer ours. */
  releaseLease(lease: Lease): Promise<void>;
  /** Whether the file is sound: throws `store-damaged` with what was found. */
  verify(): Promise<void>;
  close(): void;
}
