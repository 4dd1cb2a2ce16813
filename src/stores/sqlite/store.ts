import type { Database } from 'bun:sqlite';
import { z } from 'zod';
import type { EventRecord } from '../../core/event.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Appended, Lease, Store } from '../../ports/store.ts';
import { damaged, decodeEvent, encodeEvent, recordsAfter, versionConflict } from '../event-text.ts';
import { grant, inForce, leaseLost, shown, type KeptLease } from '../lease.ts';
import { storeFailure } from './failure.ts';
import { openFile, transaction } from './file.ts';
import { eventChecksum, EventRow, headChecksum, HeadRow, leaseChecksum, LeaseRow } from './schema.ts';

const statements = (database: Database) => ({
  head: database.prepare('SELECT stream, version, checksum FROM head WHERE stream = ?'),
  heads: database.prepare('SELECT stream, version, checksum FROM head ORDER BY stream'),
  setHead: database.prepare(
    'INSERT INTO head (stream, version, checksum) VALUES (?1, ?2, ?3) ON CONFLICT (stream) DO UPDATE SET version = ?2, checksum = ?3',
  ),
  append: database.prepare('INSERT INTO event (stream, version, at, body, checksum) VALUES (?, ?, ?, ?, ?)'),
  events: database.prepare(
    'SELECT stream, version, at, body, checksum FROM event WHERE stream = ? AND version > ? ORDER BY version',
  ),
  counts: database.prepare('SELECT count(*) AS events, coalesce(max(id), 0) AS last FROM event'),
  integrity: database.prepare('PRAGMA integrity_check(20)'),
  lease: database.prepare('SELECT name, fence, holder, expires_at, checksum FROM lease WHERE name = ?'),
  leases: database.prepare('SELECT name FROM lease'),
  setLease: database.prepare(
    'INSERT INTO lease (name, fence, holder, expires_at, checksum) VALUES (?1, ?2, ?3, ?4, ?5) ' +
      'ON CONFLICT (name) DO UPDATE SET fence = ?2, holder = ?3, expires_at = ?4, checksum = ?5',
  ),
});

/** The log of all services in one SQLite file. */
class SqliteStore implements Store {
  readonly #file: string;
  readonly #database: Database;
  readonly #sql: ReturnType<typeof statements>;
  #closed = false;

  constructor(path: string) {
    const { file, database } = openFile(path);
    this.#file = file;
    this.#database = database;
    try {
      this.#sql = statements(database);
    } catch (error) {
      database.close();
      throw storeFailure(error, file);
    }
  }

  append: Store['append'] = (stream, expectedVersion, at, events, lease) =>
    this.#writing(() => {
      this.#expectInForce(lease);
      return this.#append({ stream, expectedVersion, events }, at);
    });

  appendTogether: Store['appendTogether'] = (parts, at, lease) =>
    this.#writing(() => {
      this.#expectInForce(lease);
      return parts.map((part) => this.#append(part, at));
    });

  read: Store['read'] = (stream, afterVersion = 0) =>
    this.#reading(() => this.#events(stream, Math.max(0, afterVersion)));

  streams: Store['streams'] = () =>
    this.#reading(() =>
      this.#sql.heads
        .all()
        .map((row) => this.#soundHead(row).stream)
        .sort(),
    );

  acquireLease: Store['acquireLease'] = (name, holder, ttlMs, now) =>
    this.#writing(() => {
      const lease = grant(this.#lease(name), name, holder, ttlMs, now);
      if (lease) this.#keep(lease);
      return lease;
    });

  readLease: Store['readLease'] = (name) => this.#reading(() => shown(this.#lease(name)));

  releaseLease: Store['releaseLease'] = (lease) =>
    this.#writing(() => {
      const kept = this.#lease(lease.name);
      if (kept && inForce(kept, lease)) this.#keep({ ...kept, holder: null });
    });

  verify: Store['verify'] = () =>
    this.#reading(() => {
      const report = this.#sql.integrity.values().map(([line]) => String(line));
      if (report.length !== 1 || report[0] !== 'ok') throw damaged(this.#file, report.join('; '));
      let events = 0;
      for (const row of this.#sql.heads.all()) {
        const { stream, version } = this.#soundHead(row);
        this.#events(stream, 0);
        events += version;
      }
      const counts = z.object({ events: z.number(), last: z.number() }).parse(this.#sql.counts.get());
      if (counts.events !== events || counts.last !== events) {
        throw damaged(
          this.#file,
          `${counts.events} events, the last numbered ${counts.last}, where the streams tell of ${events}`,
        );
      }
      for (const [name] of this.#sql.leases.values()) this.#lease(String(name));
    });

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const statement of Object.values(this.#sql)) statement.finalize();
    this.#database.close();
  }

  async #guarded<T>(act: () => T): Promise<T> {
    if (this.#closed)
      throw new CutoverError('internal', `${this.#file}: the store was used after it was closed`);
    try {
      return act();
    } catch (error) {
      throw storeFailure(error, this.#file);
    }
  }

  #writing<T>(act: () => T): Promise<T> {
    return this.#guarded(() => transaction(this.#database, act));
  }

  /** What is read by several statements is read of one moment, whatever another process writes meanwhile. */
  #reading<T>(act: () => T): Promise<T> {
    return this.#guarded(() => {
      this.#database.run('BEGIN');
      try {
        return act();
      } finally {
        if (this.#database.inTransaction) this.#database.run('ROLLBACK');
      }
    });
  }

  #expectInForce(lease: Lease | undefined): void {
    if (!lease) return;
    const kept = this.#lease(lease.name);
    if (!inForce(kept, lease)) throw leaseLost(kept, lease);
  }

  /** Within a transaction: what it throws undoes all that was written in it. */
  #append({ stream, expectedVersion, events }: Appended, at: number): EventRecord[] {
    const encoded = events.map(encodeEvent);
    const found = this.#head(stream);
    if (found !== expectedVersion) throw versionConflict(stream, expectedVersion, found);
    const records = recordsAfter(
      expectedVersion,
      at,
      encoded.map(({ event }) => event),
    );
    for (const [index, { text: body }] of encoded.entries()) {
      const version = expectedVersion + index + 1;
      this.#sql.append.run(stream, version, at, body, eventChecksum({ stream, version, at, body }));
    }
    const last = expectedVersion + encoded.length;
    if (last > expectedVersion) this.#sql.setHead.run(stream, last, headChecksum({ stream, version: last }));
    return records;
  }

  #head(stream: string): number {
    const row = this.#sql.head.get(stream);
    return row === null ? 0 : this.#soundHead(row).version;
  }

  #soundHead(row: unknown): HeadRow {
    const parsed = HeadRow.safeParse(row);
    if (parsed.success && headChecksum(parsed.data) === parsed.data.checksum) return parsed.data;
    throw damaged(
      this.#file,
      `a wrong checksum at the end of ${parsed.success ? `stream ${parsed.data.stream}` : 'a stream'}`,
    );
  }

  #events(stream: string, afterVersion: number): EventRecord[] {
    const head = this.#head(stream);
    const records: EventRecord[] = [];
    for (const row of this.#sql.events.iterate(stream, afterVersion)) {
      const version = afterVersion + records.length + 1;
      const parsed = EventRow.safeParse(row);
      const sound = parsed.success && eventChecksum(parsed.data) === parsed.data.checksum;
      if (!sound) throw damaged(this.#file, `a wrong checksum in stream ${stream}, version ${version}`);
      if (parsed.data.version !== version)
        throw damaged(this.#file, `no event in stream ${stream}, version ${version}`);
      records.push({
        version,
        at: parsed.data.at,
        event: decodeEvent(parsed.data.body, { store: this.#file, stream, version }),
      });
    }
    const last = afterVersion + records.length;
    if (records.length > 0 ? last !== head : head > afterVersion) {
      throw damaged(
        this.#file,
        `the log of stream ${stream} ending at version ${last} where ${head} was acknowledged`,
      );
    }
    return records;
  }

  #lease(name: string): KeptLease | null {
    const row = this.#sql.lease.get(name);
    if (row === null) return null;
    const parsed = LeaseRow.safeParse(row);
    if (!parsed.success || leaseChecksum(parsed.data) !== parsed.data.checksum) {
      throw damaged(this.#file, `a wrong checksum in lease ${name}`);
    }
    const { fence, holder, expires_at: expiresAt } = parsed.data;
    return { name, fence, holder, expiresAt };
  }

  #keep({ name, fence, holder, expiresAt }: KeptLease): void {
    const checksum = leaseChecksum({ name, fence, holder, expires_at: expiresAt });
    this.#sql.setLease.run(name, fence, holder, expiresAt, checksum);
  }
}

/**
 * Opens the store in this file; one that is absent or empty becomes a new store (folder 0700, file 0600).
 *
 * Every append is one transaction in WAL mode with `synchronous=FULL`: when it resolves, it is on disk. Rows carry a checksum and
 * are parsed when they are read. Throws `store-damaged`, `store-newer`, `store-locked` (after 2 s), `disk-full` or `io-failed`,
 * and so does every call. Opening looks at the header and the log only; `verify` looks at everything.
 */
export const openSqliteStore = (path: string): Store => new SqliteStore(path);
