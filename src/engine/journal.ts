import type { EventRecord, ServiceEvent } from '../core/event.ts';
import { noticesFor } from '../core/notices-for.ts';
import { fold, replay, type Service } from '../core/service.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lease, Store } from '../ports/store.ts';

/** The log could not be written: nothing can be recorded, so nothing may be done until it can. The cause says why. */
export class LogUnwritable extends Error {
  override readonly name = 'LogUnwritable';
  constructor(override readonly cause: unknown) {
    super(`the log could not be written: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/**
 * The log of one service with its fold: the only way in which the engine writes. Events are folded before they are written,
 * so an impossible one never reaches the disk; appends follow one another, each under the version that the one before left.
 */
export class Journal {
  #service: Service;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #watchers = new Set<(records: readonly EventRecord[]) => void>();

  private constructor(
    readonly name: string,
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly lease: () => Lease,
    records: readonly EventRecord[],
  ) {
    this.#service = replay(name, records);
  }

  static async open(name: string, store: Store, clock: Clock, lease: () => Lease): Promise<Journal> {
    return new Journal(name, store, clock, lease, await store.read(name));
  }

  get service(): Service {
    return this.#service;
  }

  /** Whether anything was ever written. */
  get exists(): boolean {
    return this.#service.version > 0;
  }

  /**
   * Appends what `decide` makes of the service as it then is; resolves when it is on disk. Whatever `decide` or the fold
   * throws is thrown on, and nothing is written. Rejects with `LogUnwritable` if the store refuses.
   */
  async append(decide: (service: Service) => readonly ServiceEvent[]): Promise<Service> {
    const [after] = await Journal.together([this], ([service]) => [service ? decide(service) : []]);
    if (!after) throw new Error('one journal was asked for, and none answered');
    return after;
  }

  /**
   * As `append`, of several journals of one store: what is decided of all of them is on disk as one, or none of it. Whatever else is appended to
   * any of them comes before or after all of it.
   */
  static async together(
    journals: readonly Journal[],
    decide: (services: readonly Service[]) => readonly (readonly ServiceEvent[])[],
  ): Promise<readonly Service[]> {
    const [first] = journals;
    if (!first) return [];
    const write = Promise.all(journals.map((journal) => journal.#tail)).then(async () => {
      const at = first.clock.now();
      const befores = journals.map((journal) => journal.#service);
      const decided = decide(befores);
      const parts = journals.flatMap((journal, index) => {
        const events = decided[index] ?? [];
        return events.length === 0 ? [] : [journal.#part(events, at)];
      });
      const [only, ...others] = parts;
      if (!only) return befores;
      const lease = first.lease();
      const records = await (
        others.length === 0
          ? first.store
              .append(only.journal.name, only.before.version, at, only.events, lease)
              .then((each) => [each])
          : first.store.appendTogether(
              parts.map(({ journal, before, events }) => ({
                stream: journal.name,
                expectedVersion: before.version,
                events,
              })),
              at,
              lease,
            )
      ).catch((cause: unknown) => {
        throw new LogUnwritable(cause);
      });
      for (const { journal, after } of parts) journal.#service = after;
      for (const [index, { journal }] of parts.entries()) journal.#tell(records[index] ?? []);
      return journals.map((journal) => journal.#service);
    });
    // A failed append is its caller's to handle; the next one is tried all the same.
    for (const journal of journals) journal.#tail = write.catch(() => undefined);
    return write;
  }

  /** The events with what is to be told because of them, folded in. */
  #part(
    decided: readonly ServiceEvent[],
    at: number,
  ): { journal: Journal; before: Service; events: readonly ServiceEvent[]; after: Service } {
    const before = this.#service;
    const folded = (service: Service, more: readonly ServiceEvent[]): Service =>
      more.reduce((now, event) => fold(now, { version: now.version + 1, at, event }), service);
    const happened = folded(before, decided);
    const notices = noticesFor(happened, decided, at);
    return { journal: this, before, events: [...decided, ...notices], after: folded(happened, notices) };
  }

  /** Reads what the store has beyond what is folded in: after a failed append, which may have taken effect all the same. */
  async reload(): Promise<void> {
    const read = this.#tail.then(async () => {
      const records = await this.store.read(this.name, this.#service.version);
      this.#advance(records.reduce(fold, this.#service), records);
    });
    this.#tail = read.catch(() => undefined);
    return read;
  }

  #advance(after: Service, records: readonly EventRecord[]): void {
    this.#service = after;
    this.#tell(records);
  }

  #tell(records: readonly EventRecord[]): void {
    if (records.length > 0) for (const watcher of [...this.#watchers]) watcher(records);
  }

  /** Calls `watcher` with every record from now on, as they are written. Returns how to end it. */
  watch(watcher: (records: readonly EventRecord[]) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Resolves with what `look` finds as soon as it is not undefined, now or after an append. */
  until<T>(look: (service: Service) => T | undefined, signal?: AbortSignal): Promise<T> {
    const found = look(this.#service);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise<T>((resolve, reject) => {
      const end = (): void => {
        stop();
        signal?.removeEventListener('abort', fail);
      };
      const fail = (): void => {
        end();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('no longer waited for'));
      };
      const stop = this.watch(() => {
        const value = look(this.#service);
        if (value === undefined) return;
        end();
        resolve(value);
      });
      signal?.addEventListener('abort', fail, { once: true });
    });
  }
}
