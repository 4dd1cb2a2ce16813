import { CutoverError } from '../../core/errors.ts';
import type { EventRecord, ServiceEvent } from '../../core/event.ts';
import type { Appended, Lease, Store } from '../../ports/store.ts';
import { decodeEvent, encodeEvent, recordsAfter, versionConflict } from '../event-text.ts';
import { grant, inForce, leaseLost, shown, type KeptLease } from '../lease.ts';

/** What outlives a store that was closed or whose process died: open another store on it to go on. */
export interface MemoryDisk {
  readonly streams: Map<string, { readonly at: number; readonly text: string }[]>;
  readonly leases: Map<string, KeptLease>;
}

export const newMemoryDisk = (): MemoryDisk => ({ streams: new Map(), leases: new Map() });

/** A point of a call at which a fault can be planted: `before` it takes effect, or `after` it did and the caller does not know yet. */
export interface StorePoint {
  readonly call: 'append' | 'read' | 'streams' | 'acquire-lease' | 'read-lease' | 'release-lease' | 'verify';
  readonly when: 'before' | 'after';
  /** Of an append. */
  readonly stream?: string;
  readonly events?: readonly ServiceEvent[];
}

/** Called at every point. What it throws (or rejects with), the call throws; a promise that never settles is a process that died there. */
export type StoreFault = (point: StorePoint) => void | Promise<void>;

/**
 * The store in memory: the twin of SQLite's, for dry runs, the simulator and tests. Events are kept as text and parsed anew at
 * each read, so that nobody shares a mutable value with it.
 */
export function memoryStore(disk: MemoryDisk = newMemoryDisk(), fault?: StoreFault): Store {
  const place = 'store in memory';
  let closed = false;

  async function call<T>(point: Omit<StorePoint, 'when'>, act: () => T): Promise<T> {
    if (closed) throw new CutoverError('internal', `${place}: ${point.call} was called after close`);
    if (fault) await fault({ ...point, when: 'before' });
    const result = act();
    if (fault) await fault({ ...point, when: 'after' });
    return result;
  }

  const keptLease = (name: string): KeptLease | null => disk.leases.get(name) ?? null;
  const readAll = (stream: string, afterVersion: number): EventRecord[] =>
    (disk.streams.get(stream) ?? []).slice(Math.max(0, afterVersion)).map(({ at, text }, index) => {
      const version = Math.max(0, afterVersion) + index + 1;
      return { version, at, event: decodeEvent(text, { store: place, stream, version }) };
    });

  /** Refuses, or returns how to write. */
  function appending(
    { stream, expectedVersion, events }: Appended,
    at: number,
    lease: Lease | undefined,
  ): () => EventRecord[] {
    const encoded = events.map(encodeEvent);
    if (lease && !inForce(keptLease(lease.name), lease)) throw leaseLost(keptLease(lease.name), lease);
    const kept = disk.streams.get(stream) ?? [];
    if (kept.length !== expectedVersion) throw versionConflict(stream, expectedVersion, kept.length);
    return () => {
      if (encoded.length > 0)
        disk.streams.set(stream, [...kept, ...encoded.map(({ text }) => ({ at, text }))]);
      return recordsAfter(
        expectedVersion,
        at,
        encoded.map(({ event }) => event),
      );
    };
  }

  return {
    append: (stream, expectedVersion, at, events, lease) =>
      call({ call: 'append', stream, events }, () => {
        const write = appending({ stream, expectedVersion, events }, at, lease);
        return write();
      }),
    appendTogether: (parts, at, lease) =>
      call({ call: 'append', events: parts.flatMap(({ events }) => events) }, () => {
        // Nothing is written before all is known to be right.
        const writes = parts.map((part) => appending(part, at, lease));
        return writes.map((write) => write());
      }),
    read: (stream, afterVersion = 0) => call({ call: 'read' }, () => readAll(stream, afterVersion)),
    streams: () => call({ call: 'streams' }, () => [...disk.streams.keys()].sort()),
    acquireLease: (name, holder, ttlMs, now) =>
      call({ call: 'acquire-lease' }, () => {
        const lease = grant(keptLease(name), name, holder, ttlMs, now);
        if (lease) disk.leases.set(name, lease);
        return lease;
      }),
    readLease: (name) => call({ call: 'read-lease' }, () => shown(keptLease(name))),
    releaseLease: (lease: Lease) =>
      call({ call: 'release-lease' }, () => {
        const kept = keptLease(lease.name);
        if (kept && inForce(kept, lease)) disk.leases.set(lease.name, { ...kept, holder: null });
      }),
    verify: () =>
      call({ call: 'verify' }, () => {
        for (const stream of disk.streams.keys()) readAll(stream, 0);
      }),
    close: () => {
      closed = true;
    },
  };
}
