import { afterEach, describe, expect, test } from 'bun:test';
import { Database } from 'bun:sqlite';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CutoverError, type ErrorCode } from '../../core/errors.ts';
import type { EventRecord, ServiceEvent } from '../../core/event.ts';
import type { Store } from '../../ports/store.ts';
import { refusal, storeSuite } from '../../testing/store.suite.ts';
import { storeFailure } from './failure.ts';
import { eventChecksum, headChecksum } from './schema.ts';
import { openSqliteStore } from './store.ts';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'cutover store '));
  folders.push(made);
  return made;
};
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

storeSuite('the store in SQLite', () => {
  const base = mkdtempSync(join(tmpdir(), 'cutover store '));
  const file = join(base, 'log.db');
  const fixture = {
    store: openSqliteStore(file),
    reopen: () => {
      fixture.store.close();
      fixture.store = openSqliteStore(file);
      return Promise.resolve(fixture.store);
    },
    end: () => {
      fixture.store.close();
      rmSync(base, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
  return Promise.resolve(fixture);
});

const event = (step: number, says = 'x'.repeat(100)): ServiceEvent => ({
  type: 'step-done',
  deployment: 1,
  step,
  says,
});

/** Opening refuses with this code. */
function openRefusal(file: string, code: ErrorCode): CutoverError {
  try {
    openSqliteStore(file).close();
  } catch (error) {
    expect(error).toMatchObject({ name: 'CutoverError', code });
    if (error instanceof CutoverError) return error;
  }
  return expect.unreachable(`expected ${code}`);
}

describe('the file', () => {
  test('is made for this user only, in a folder for this user only', () => {
    const file = join(folder(), 'state', 'log.db');
    const store = openSqliteStore(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
    store.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  test('that is empty is a new store', async () => {
    const file = join(folder(), 'log.db');
    writeFileSync(file, '');
    const store = openSqliteStore(file);
    expect(await store.streams()).toEqual([]);
    store.close();
  });

  test('that is no database, or another program’s, is refused and not touched', () => {
    const file = join(folder(), 'log.db');
    writeFileSync(file, 'not a database, '.repeat(100));
    expect(openRefusal(file, 'store-damaged').message).toContain(file);
    expect(readFileSync(file, 'utf8')).toStartWith('not a database');
    const others = join(folder(), 'other.db');
    const database = new Database(others);
    database.run('CREATE TABLE theirs (x)');
    database.close();
    expect(openRefusal(others, 'store-damaged').message).toContain("another program's database");
  });

  test('of a newer schema is refused by name', () => {
    const file = join(folder(), 'log.db');
    openSqliteStore(file).close();
    const database = new Database(file);
    database.run('PRAGMA user_version = 9');
    database.close();
    expect(openRefusal(file, 'store-newer').message).toContain('schema 9');
  });

  test('that cannot be is refused clearly', () => {
    const base = folder();
    expect(openRefusal(base, 'io-failed').message).toContain(base);
    writeFileSync(join(base, 'plain'), '');
    openRefusal(join(base, 'plain', 'log.db'), 'io-failed');
  });

  test('that may not be written is refused clearly', () => {
    const base = join(folder(), 'read only');
    mkdirSync(base, { mode: 0o500 });
    const root = process.getuid?.() === 0;
    // Root may write everywhere, so it is nobody for as long as this takes; nothing else runs meanwhile.
    if (root) process.seteuid?.(65_534);
    try {
      expect(openRefusal(join(base, 'log.db'), 'io-failed').next).toContain('right');
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  test('of a newer Cutover is read up to the event that it does not know, which it names', async () => {
    const file = join(folder(), 'log.db');
    const store = openSqliteStore(file);
    await store.append('shop', 0, 1, [event(0)]);
    store.close();
    const database = new Database(file);
    const row = { stream: 'shop', version: 2, at: 1, body: '{"type":"moon-landed"}' };
    database.run("INSERT INTO event (stream, version, at, body, checksum) VALUES ('shop', 2, 1, ?, ?)", [
      row.body,
      eventChecksum(row),
    ]);
    database.run('UPDATE head SET version = 2, checksum = ?', [headChecksum({ stream: 'shop', version: 2 })]);
    database.close();
    const reopened = openSqliteStore(file);
    expect((await refusal(reopened.read('shop'), 'store-newer')).message).toContain('moon-landed');
    await refusal(reopened.verify(), 'store-newer');
    reopened.close();
  });
});

test('what a writer acknowledged is there after kill -9', async () => {
  const file = join(folder(), 'log.db');
  const writer = join(import.meta.dirname, 'writer.fixture.ts');
  for (let round = 0; round < 3; round++) {
    const child = Bun.spawn([process.execPath, writer, file], {
      stdout: 'pipe',
      stderr: 'inherit',
      stdin: 'ignore',
    });
    let said = '';
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      said += decoder.decode(chunk);
      if (said.split('\n').length > 40 + round * 7) child.kill('SIGKILL');
    }
    await child.exited;
    const acknowledged = Number(said.trimEnd().split('\n').at(-1));
    const store = openSqliteStore(file);
    const records = await store.read('shop');
    expect(acknowledged).toBeGreaterThanOrEqual(40);
    expect(records.length).toBeGreaterThanOrEqual(acknowledged);
    expect(records.map(({ event }) => event.type === 'step-done' && event.step)).toEqual(
      records.map((_, index) => index),
    );
    await store.verify();
    store.close();
  }
}, 20_000);

describe('another process', () => {
  test('that holds the write lock makes appends store-locked, and reads go on', async () => {
    const file = join(folder(), 'log.db');
    const store = openSqliteStore(file);
    await store.append('shop', 0, 1, [event(0)]);
    const holder = Bun.spawn(
      [
        process.execPath,
        '-e',
        `const { Database } = require('bun:sqlite');
         const database = new Database(process.argv[1], { readwrite: true });
         database.run('BEGIN IMMEDIATE');
         console.log('locked');
         process.stdin.on('end', () => process.exit(0)).resume();`,
        file,
      ],
      { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' },
    );
    try {
      await holder.stdout.getReader().read();
      const error = await refusal(store.append('shop', 1, 1, [event(1)]), 'store-locked');
      expect(error.message).toContain(file);
      expect((await store.read('shop')).length).toBe(1);
    } finally {
      await holder.stdin.end();
      await holder.exited;
    }
    await store.append('shop', 1, 1, [event(1)]);
    store.close();
  });

  test('that appends to the same file is seen, and the fence holds between the two', async () => {
    const file = join(folder(), 'log.db');
    const [one, two] = [openSqliteStore(file), openSqliteStore(file)];
    const ada = await one.acquireLease('controller', 'ada', 10, 0);
    if (!ada) return expect.unreachable();
    await one.append('shop', 0, 1, [event(0)], ada);
    expect(await two.acquireLease('controller', 'bob', 10, 10)).toMatchObject({ fence: 2 });
    expect((await two.read('shop')).length).toBe(1);
    await refusal(one.append('shop', 1, 2, [event(1)], ada), 'lease-lost');
    one.close();
    two.close();
  });
});

async function fillUntilFull(store: Store): Promise<{ acknowledged: number; error: CutoverError }> {
  for (let version = 0; version < 10_000; version++) {
    try {
      await store.append('shop', version, 1, [event(version, 'y'.repeat(20_000))]);
    } catch (error) {
      if (error instanceof CutoverError) return { acknowledged: version, error };
      throw error;
    }
  }
  return expect.unreachable('the disk never was full');
}

describe('a full disk', () => {
  const mounted = process.getuid?.() === 0 && Bun.which('mount') !== null;
  let mount: string | null = null;
  afterEach(() => {
    if (mount !== null) Bun.spawnSync(['umount', mount]);
    mount = null;
  });

  test.each([2, 3])(
    'of %d MB is told as such and loses nothing acknowledged; with room again it goes on',
    async (megabytes) => {
      const base = folder();
      const made =
        mounted &&
        Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', base]).exitCode === 0;
      const file = join(base, 'log.db');
      if (made) {
        mount = base;
        const ballast = join(base, 'ballast');
        writeFileSync(ballast, new Uint8Array(300_000));
        const store = openSqliteStore(file);
        const { acknowledged, error } = await fillUntilFull(store);
        expect(error).toMatchObject({ code: 'disk-full' });
        expect(error.message).toContain(file);
        expect(acknowledged).toBeGreaterThan(5);
        expect((await store.read('shop')).length).toBe(acknowledged);
        rmSync(ballast);
        await store.append('shop', acknowledged, 1, [event(acknowledged)]);
        expect((await store.read('shop')).length).toBe(acknowledged + 1);
        store.close();
        const reopened = openSqliteStore(file);
        expect((await reopened.read('shop')).length).toBe(acknowledged + 1);
        await reopened.verify();
        reopened.close();
      } else {
        // Without the right to mount, the quota of SQLite gives the same SQLITE_FULL.
        const database = new Database(join(base, 'full.db'));
        database.run('PRAGMA max_page_count = 3');
        try {
          database.run('CREATE TABLE t (x)');
          for (let i = 0; i < 9; i++) database.run('INSERT INTO t VALUES (?)', ['y'.repeat(20_000)]);
          expect.unreachable();
        } catch (error) {
          expect(storeFailure(error, file).code).toBe('disk-full');
        } finally {
          database.close();
        }
      }
    },
  );

  test('with no room even for a new store is told as such', () => {
    const base = folder();
    if (mounted && Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', base]).exitCode === 0) {
      mount = base;
      writeFileSync(join(base, 'ballast'), new Uint8Array(57_344));
      openRefusal(join(base, 'log.db'), 'disk-full');
    } else {
      // Without the right to mount, the error that the system would give.
      const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      expect(storeFailure(cause, join(base, 'log.db'))).toMatchObject({ code: 'disk-full', cause });
    }
  });
});

/** What a store with damage says of two streams: each as it was, or refused as damaged; never anything else, and never a crash. */
async function found(
  file: string,
  original: ReadonlyMap<string, readonly EventRecord[]>,
): Promise<'refused' | 'whole' | 'shorter'> {
  let store: Store | undefined;
  let worst: 'refused' | 'whole' | 'shorter' = 'whole';
  try {
    store = openSqliteStore(file);
    await store.verify();
    for (const [stream, records] of original) {
      const read = await store.read(stream);
      expect(read).toEqual(records.slice(0, read.length));
      if (read.length < records.length) worst = 'shorter';
    }
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error;
    expect(['store-damaged', 'io-failed', 'store-newer']).toContain(error.code);
    worst = 'refused';
    // What is sound may still be read, and is right.
    for (const [stream, records] of original) {
      const read = await store?.read(stream).catch((thrown: unknown) => {
        expect(thrown).toBeInstanceOf(CutoverError);
      });
      if (read && read.length > 0) expect(read).toEqual(records.slice(0, read.length));
    }
  } finally {
    store?.close();
  }
  return worst;
}

describe('a file that was damaged', () => {
  /** Two streams of ten appends each; with `wal`, as a crash leaves it: the log not yet in the file. */
  async function sample(wal: boolean) {
    const base = folder();
    const file = join(base, 'log.db');
    const store = openSqliteStore(file);
    for (let version = 0; version < 10; version++) {
      for (const stream of ['shop', 'mail'])
        await store.append(stream, version, version, [event(version, `${stream} ${'z'.repeat(150)}`)]);
    }
    await store.acquireLease('controller', 'ada', 10, 0);
    const original = new Map([
      ['shop', await store.read('shop')],
      ['mail', await store.read('mail')],
    ]);
    const copy = join(base, 'copy.db');
    if (!wal) store.close();
    copyFileSync(file, copy);
    if (wal) {
      copyFileSync(`${file}-wal`, `${copy}-wal`);
      store.close();
    }
    const [bytes, log] = [readFileSync(copy), wal ? readFileSync(`${copy}-wal`) : null];
    const restore = (): void => {
      rmSync(`${copy}-shm`, { force: true });
      rmSync(`${copy}-wal`, { force: true });
      writeFileSync(copy, bytes);
      if (log) writeFileSync(`${copy}-wal`, log);
    };
    return { copy, original, bytes, log, restore };
  }
  const flip = (path: string, bytes: Uint8Array, bit: number): void => {
    const changed = Uint8Array.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    writeFileSync(path, changed);
  };

  test('by flipped bits is found, or its data is whole: never other data', async () => {
    const { copy, original, bytes, restore } = await sample(false);
    const counts = { refused: 0, whole: 0, shorter: 0 };
    for (let bit = 3; bit < bytes.length * 8; bit += Math.ceil((bytes.length * 8) / 200) | 1) {
      restore();
      flip(copy, bytes, bit);
      counts[await found(copy, original)]++;
    }
    expect(counts.shorter).toBe(0);
    expect(counts.refused).toBeGreaterThan(20);
  }, 20_000);

  test('by a cut is found', async () => {
    const { copy, original, bytes, restore } = await sample(false);
    for (let size = 1; size < bytes.length; size += Math.ceil(bytes.length / 50) | 1) {
      restore();
      truncateSync(copy, size);
      expect(await found(copy, original)).toBe('refused');
    }
  });

  test('by a flipped bit in its write-ahead log is found, unless that is in the last write, which counts as torn', async () => {
    const { copy, original, log, restore } = await sample(true);
    if (!log) return expect.unreachable();
    const counts = { refused: 0, whole: 0, shorter: 0 };
    const pageFrame = 4096 + 24;
    for (let bit = 5; bit < log.length * 8; bit += Math.ceil((log.length * 8) / 80) | 1) {
      restore();
      flip(`${copy}-wal`, log, bit);
      const outcome = await found(copy, original);
      counts[outcome]++;
      if (outcome === 'shorter') expect(log.length - (bit >> 3)).toBeLessThan(6 * pageFrame);
    }
    expect(counts.refused).toBeGreaterThan(50);
  }, 20_000);

  test('by a cut in its write-ahead log is opened at an earlier moment, or refused', async () => {
    const { copy, original, log, restore } = await sample(true);
    if (!log) return expect.unreachable();
    for (let size = 0; size < log.length; size += Math.ceil(log.length / 50) | 1) {
      restore();
      truncateSync(`${copy}-wal`, size);
      await found(copy, original);
    }
  });

  test('by losing its main file, with the log still there, is refused instead of beginning anew', async () => {
    const { copy, restore } = await sample(true);
    restore();
    rmSync(copy);
    openRefusal(copy, 'store-damaged');
    expect(existsSync(`${copy}-wal`)).toBe(true);
  });

  test('in one event is named by stream and version, and the other streams are read', async () => {
    const { copy, bytes } = await sample(false);
    const at = bytes.lastIndexOf('shop zzzz');
    expect(at).toBeGreaterThan(0);
    flip(copy, bytes, (at + 30) * 8);
    const store = openSqliteStore(copy);
    const error = await refusal(store.read('shop'), 'store-damaged');
    expect(error.message).toMatch(/stream shop, version \d+/);
    await refusal(store.verify(), 'store-damaged');
    expect((await store.read('mail')).length).toBe(10);
    store.close();
  });
});
