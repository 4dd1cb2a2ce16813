import { Database } from 'bun:sqlite';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { damaged, newer } from '../event-text.ts';
import { storeFailure } from './failure.ts';
import { applicationId, schemaVersion, tables } from './schema.ts';
import { damageInLog } from './wal.ts';

/** How long a call waits for another process that writes. It stops this process meanwhile, so it is short. */
const busyTimeoutMs = 2000;

const size = (path: string): number => (existsSync(path) ? statSync(path).size : 0);

/** The first bytes of every SQLite file (sqlite.org/fileformat2.html §1.3). */
const magic = 'SQLite format 3\0';

/** Refuses what is no database, or only the stump of one, which SQLite would take for an empty one and overwrite. */
function refuseStump(file: string): void {
  const start = Buffer.alloc(magic.length);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, start, 0, start.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (start.toString('latin1') !== magic) throw damaged(file, 'no SQLite database');
  if (size(file) < 512) throw damaged(file, `only ${size(file)} bytes`);
}

/** One number of the file's header. */
function header(database: Database, pragma: 'user_version' | 'application_id'): number {
  const [row] = database.query(`PRAGMA ${pragma}`).values();
  return z.tuple([z.number()]).parse(row)[0];
}

/** Makes the file, and its folder, for this user only, and sees that their names are on disk before anything is acknowledged. */
function create(file: string): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Runs `act` in one transaction that has the right to write from its start: all of it is on disk when this returns, or none. */
export function transaction<T>(database: Database, act: () => T): T {
  database.run('BEGIN IMMEDIATE');
  try {
    const result = act();
    database.run('COMMIT');
    return result;
  } catch (error) {
    // SQLite has rolled back by itself after some errors (a full disk), and must be told after others.
    if (database.inTransaction) database.run('ROLLBACK');
    throw error;
  }
}

/**
 * Opens the file, in WAL mode with `synchronous=FULL`; one that is absent or empty becomes a new store.
 * Throws `store-damaged`, `store-newer`, `store-locked`, `disk-full` or `io-failed`; nothing is changed then.
 */
export function openFile(path: string): { readonly file: string; readonly database: Database } {
  const file = resolve(path);
  let database: Database | undefined;
  try {
    if (size(file) === 0) {
      // SQLite would throw the log away with what was acknowledged in it.
      if (size(`${file}-wal`) > 0)
        throw damaged(file, `an empty file beside ${file}-wal, which belongs to one that is gone`);
      create(file);
    } else refuseStump(file);
    const damage = damageInLog(`${file}-wal`);
    if (damage !== null) throw damaged(file, `${damage} in ${file}-wal`);
    const opened = new Database(file, { readwrite: true, create: true, strict: true });
    database = opened;
    opened.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    const version = header(opened, 'user_version');
    const application = header(opened, 'application_id');
    if (application === applicationId && version > schemaVersion)
      throw newer(file, `schema ${version} (this one knows ${schemaVersion})`);
    const fresh = application === 0 && version === 0;
    if (!fresh && application !== applicationId)
      throw damaged(file, `another program's database (application_id ${application})`);
    if (!fresh && version !== schemaVersion) throw damaged(file, `schema ${version}`);
    opened.run('PRAGMA journal_mode = WAL');
    opened.run('PRAGMA synchronous = FULL');
    opened.run('PRAGMA trusted_schema = OFF');
    opened.run('PRAGMA cell_size_check = ON');
    if (fresh) transaction(opened, () => initialise(opened, file));
    return { file, database: opened };
  } catch (error) {
    database?.close();
    throw storeFailure(error, file);
  }
}

/** Makes the tables, unless another process did so just now. */
function initialise(database: Database, file: string): void {
  if (header(database, 'application_id') === applicationId) return;
  const [count] = database.query('SELECT count(*) FROM sqlite_schema').values();
  if (count?.[0] !== 0) throw damaged(file, "another program's database");
  database.run(tables);
  database.run(`PRAGMA user_version = ${schemaVersion}`);
  database.run(`PRAGMA application_id = ${applicationId}`);
}
