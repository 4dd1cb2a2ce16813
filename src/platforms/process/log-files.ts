import { constants } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import { diskError, isAbsent, type Disk } from './disk.ts';
import { readRecord, writeRecord } from './record.ts';

const whole = z.int().min(0);

/** What is remembered of a log beside it. Positions count the bytes that were ever written to the log, rotated or not. */
const LogRecord = z.strictObject({
  format: z.literal(1),
  /** Tells this log from one that was in its place before the state directory was cleared. */
  id: z.string().regex(/^[0-9a-z]{1,12}$/),
  /** Where the current file's data begin; what is before is in rotated files. */
  head: whole,
  /** The position of the current file's first byte. Less than `head` if the file begins with a hole. */
  shift: whole,
  /** Where the present run begins. */
  runStart: whole,
  /**
   * What may have been done or not when we died. `collapse`: so many bytes of hole are being taken out of the file.
   * `empty`: the file was copied beside it, and is being emptied.
   */
  pending: z
    .union([
      z.strictObject({ kind: z.literal('collapse'), bytes: whole }),
      z.strictObject({ kind: z.literal('empty') }),
    ])
    .nullable(),
});
export type LogRecord = z.infer<typeof LogRecord>;

/** A file of lines that were taken out of the current one; its name says at which position it begins. */
export interface RotatedFile {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** Bytes from `at` on. `until`: whether they end because enough were read, because what follows is gone, or because there are no more. */
export interface Bytes {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly until: 'enough' | 'gap' | 'end';
}

/** Names sort in the order in which they were written, so `cat web-0.log.0* web-0.log` prints just what the instance wrote. */
const digits = 16;
const chunkBytes = 1024 * 1024;

/**
 * The files of one log as one row of bytes: rotated ones, then the current one, which its writer appends to. Whoever reads
 * them or changes them does so in a turn of its own.
 */
export class LogFiles {
  private constructor(
    readonly path: string,
    private readonly disk: Disk,
    public record: LogRecord,
    public rotated: readonly RotatedFile[],
  ) {}

  /** Where a rotated file is made, until it is whole and gets its name. */
  get copyPath(): string {
    return `${this.path}.rotating`;
  }
  get #recordPath(): string {
    return `${this.path}.json`;
  }
  /** At which offset of the current file its data begin. */
  get offset(): number {
    return this.record.head - this.record.shift;
  }

  /**
   * Finds out how far we had come when we died. A rotated file that has its name is whole, so what it holds is not read from the
   * current file, whether its room was given back or not.
   */
  static async open(path: string, disk: Disk): Promise<LogFiles> {
    const rotated = await findRotated(path);
    const end = rotated.at(-1)?.end ?? 0;
    const saved = await savedRecord(`${path}.json`);
    const files = new LogFiles(path, disk, saved ?? fresh(end, await leadingZeros(path)), rotated);
    const { pending, head } = files.record;
    if (pending?.kind === 'empty') await files.#wasEmptied();
    else await disk.removeFile(files.copyPath);
    if (pending?.kind === 'collapse') {
      // The hole was there before the file was to be collapsed. What an instance writes is no block of zeros.
      const isDone = (await readPiece(path, 0, 1)).length > 0 && (await leadingZeros(path, 4096)) < 4096;
      const shift = files.record.shift + (isDone ? pending.bytes : 0);
      files.record = { ...files.record, shift, pending: null };
    }
    files.record = { ...files.record, head: Math.max(head, files.record.head, end) };
    return files;
  }

  /** Remembers; in memory also if the disk refuses, since that is what the files are like. */
  async save(change: Partial<LogRecord>): Promise<void> {
    this.record = { ...this.record, ...change };
    await writeRecord(this.disk, this.#recordPath, this.record);
  }

  /** How many bytes of data the current file has. A file that its writer has cut short begins anew. */
  async size(): Promise<number> {
    let size = 0;
    try {
      ({ size } = await stat(this.path));
    } catch (thrown) {
      if (!isAbsent(thrown)) throw diskError(thrown, 'reading', this.path);
    }
    if (size < this.offset) this.record = { ...this.record, shift: this.record.head };
    return size - this.offset;
  }

  /** Gives the copy, which is whole, its name. From here on it counts, and the current file begins behind it. */
  async keepCopy(start: number, end: number): Promise<void> {
    await this.keepAs(this.copyPath, start, end);
    this.record = { ...this.record, head: end };
  }

  async keepAs(from: string, start: number, end: number): Promise<void> {
    const path = `${this.path}.${String(start).padStart(digits, '0')}`;
    await this.disk.rename(from, path);
    this.rotated = [...this.rotated, { path, start, end }];
    await this.disk.syncDirectory(dirname(this.path));
  }

  /** Removes the oldest rotated files. */
  async prune(keep: number): Promise<void> {
    while (this.rotated.length > keep) {
      const [oldest, ...rest] = this.rotated;
      if (oldest) await this.disk.removeFile(oldest.path);
      this.rotated = rest;
    }
  }

  /** From where on there is no gap. */
  unbrokenStart(): number {
    let start = this.record.head;
    for (const file of this.rotated.toReversed()) {
      if (file.end !== start) break;
      start = file.start;
    }
    return start;
  }

  /** Bytes from a position on, or from where there are some again. */
  async read(from: number, limit: number): Promise<Bytes> {
    const size = await this.size();
    const { head, shift } = this.record;
    const current = { path: this.path, start: head, end: head + size, shift };
    const parts = [...this.rotated.map((file) => ({ ...file, shift: file.start })), current];
    const left = parts.filter((part) => part.end > from);
    let at = Math.max(from, left[0]?.start ?? current.end);
    let to = at;
    const pieces: Uint8Array[] = [];
    const answer = (until: Bytes['until']): Bytes => ({ at, bytes: Buffer.concat(pieces), until });
    for (const part of left) {
      if (to === at) at = to = Math.max(to, part.start);
      if (part.start > to) return answer('gap');
      const wanted = Math.min(part.end - to, limit - (to - at));
      const piece = await readPiece(part.path, to - part.shift, wanted);
      pieces.push(piece);
      to += piece.length;
      if (to - at >= limit) return answer(to < current.end ? 'enough' : 'end');
      if (piece.length === wanted) continue;
      // Somebody has removed the file, or cut it short.
      if (part === current) return answer('end');
      if (to > at) return answer('gap');
      at = to = part.end;
    }
    return answer('end');
  }

  /** Whether the last thing that was written is not a line break. */
  async endsInLine(): Promise<boolean> {
    const end = this.record.head + (await this.size());
    const { bytes } = await this.read(end - 1, 1);
    return bytes.length === 1 && bytes[0] !== 10;
  }

  /** We may have died just before the file was emptied: then what the copy holds is there twice, but never not at all. */
  async #wasEmptied(): Promise<void> {
    const { head } = this.record;
    let end = this.rotated.find((file) => file.start === head)?.end;
    if (end === undefined) {
      try {
        end = head + (await stat(this.copyPath)).size;
      } catch (thrown) {
        if (!isAbsent(thrown)) throw diskError(thrown, 'reading', this.copyPath);
      }
      if (end !== undefined) await this.keepAs(this.copyPath, head, end);
    }
    const now = end ?? head;
    this.record = { ...this.record, head: now, shift: now, pending: null };
  }
}

/** A record that is lost or damaged is made anew, since a log must not keep an instance from being started: only cursors are lost. */
function fresh(rotatedEnd: number, hole: number): LogRecord {
  const head = Math.max(rotatedEnd, hole);
  const id = Math.random().toString(36).slice(2, 8).padEnd(6, '0');
  return { format: 1, id, head, shift: head - hole, runStart: head, pending: null };
}

/** How many zeros a file begins with, counted to `most` or a little beyond. */
async function leadingZeros(path: string, most = Infinity): Promise<number> {
  for (let zeros = 0; ;) {
    const bytes = await readPiece(path, zeros, Math.min(most, chunkBytes));
    const first = bytes.findIndex((byte) => byte !== 0);
    zeros += first < 0 ? bytes.length : first;
    if (first >= 0 || bytes.length === 0 || zeros >= most) return zeros;
  }
}

async function savedRecord(path: string): Promise<LogRecord | null> {
  try {
    return await readRecord(path, LogRecord, '');
  } catch (thrown) {
    if (thrown instanceof CutoverError && thrown.code === 'state-damaged') return null;
    throw thrown;
  }
}

async function findRotated(path: string): Promise<RotatedFile[]> {
  const begin = `${basename(path)}.`;
  let names: string[];
  try {
    names = await readdir(dirname(path));
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw diskError(thrown, 'reading', dirname(path));
  }
  const files: RotatedFile[] = [];
  for (const name of names.sort()) {
    const text = name.startsWith(begin) ? name.slice(begin.length) : '';
    if (text.length !== digits || !/^\d+$/.test(text)) continue;
    const file = join(dirname(path), name);
    try {
      files.push({ path: file, start: Number(text), end: Number(text) + (await stat(file)).size });
    } catch (thrown) {
      if (!isAbsent(thrown)) throw diskError(thrown, 'reading', file);
    }
  }
  return files;
}

/** At most `length` bytes from `offset` on; fewer if the file ends there, or is gone. */
async function readPiece(path: string, offset: number, length: number): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const bytes = new Uint8Array(Math.max(0, length));
    let read = 0;
    while (read < bytes.length) {
      const { bytesRead } = await handle.read(bytes, read, bytes.length - read, offset + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return bytes.subarray(0, read);
  } catch (thrown) {
    if (isAbsent(thrown)) return new Uint8Array();
    throw diskError(thrown, 'reading', path);
  } finally {
    await handle?.close();
  }
}
