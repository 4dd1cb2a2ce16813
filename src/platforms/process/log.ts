import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { appendFile, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { diskError, isAbsent, type Disk } from './disk.ts';

/** How far back `tail` reads. */
const tailBytes = 256 * 1024;
/** A longer line is cut, so that a program that writes no line breaks cannot flood a message. */
const lineBytes = 4096;
const chunkBytes = 1024 * 1024;

export interface LogLimits {
  readonly maxBytes: number;
  /** Rotated files that are kept, `<path>.1` the newest. */
  readonly files: number;
}

/**
 * The log of one instance. The instance writes by itself, through a descriptor in append mode, so that nothing breaks when
 * we are gone; lines of ours begin with `[cutover]`.
 */
export class InstanceLog {
  constructor(
    readonly path: string,
    readonly limits: LogLimits,
    private readonly disk: Disk,
  ) {}

  /** A descriptor for the standard output and error of an instance. The caller closes it. */
  async open(): Promise<number> {
    await this.disk.makeDirectory(dirname(this.path));
    return this.disk.act('write', this.path, 'opening the log', () =>
      Promise.resolve(
        openSync(
          this.path,
          constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW,
          0o600,
        ),
      ),
    );
  }

  /** Writes a line of ours. */
  async mark(text: string, now: number): Promise<void> {
    await this.disk.makeDirectory(dirname(this.path));
    await this.disk.act('write', this.path, 'writing the log', () =>
      appendFile(this.path, `[cutover] ${new Date(now).toISOString()} ${text}\n`, { mode: 0o600 }),
    );
  }

  /** Begins a new file. Only while no process has the old one open: it would write on there. */
  async startAnew(): Promise<void> {
    if ((await this.#size()) === 0) return;
    await this.#keep(this.path);
  }

  /**
   * Rotates the log if it is larger than allowed, under a writer: copies, and truncates when nothing more has come. The last
   * look and the truncation are two calls of the system in a row, not one: what the instance writes between them is lost.
   * That is a few microseconds, and more if the machine is so busy that we are set aside just there. A program that may
   * lose no line writes its own log. Of a log that has grown larger than all rotated files may be together, the newest part
   * of that size is kept.
   * @returns whether it rotated
   */
  async rotate(): Promise<boolean> {
    const { maxBytes, files } = this.limits;
    const size = await this.#size();
    if (size <= maxBytes) return false;
    const copy = `${this.path}.rotating`;
    await this.#keep(copy); // what a crash left between its truncation and its renaming
    try {
      await this.disk.act('write', copy, 'rotating the log', () =>
        moveAway(this.path, copy, size - files * maxBytes, size + maxBytes),
      );
    } catch (thrown) {
      await rm(copy, { force: true });
      throw thrown;
    }
    await this.#keep(copy);
    return true;
  }

  /**
   * The last lines, oldest first.
   * @param rotated whether the newest rotated file is of the same run, and may be read too
   */
  async tail(lines: number, rotated: boolean): Promise<string[]> {
    const newest = await lastLines(this.path, lines);
    if (newest.length >= lines || !rotated) return newest;
    return [...(await lastLines(`${this.path}.1`, lines - newest.length)), ...newest];
  }

  async #size(): Promise<number> {
    try {
      return (await stat(this.path)).size;
    } catch (thrown) {
      if (isAbsent(thrown)) return 0;
      throw diskError(thrown, 'reading', this.path);
    }
  }

  /** Makes a file the newest of those that are kept. Does nothing if there is none. */
  async #keep(path: string): Promise<void> {
    try {
      await stat(path);
    } catch (thrown) {
      if (isAbsent(thrown)) return;
      throw diskError(thrown, 'reading', path);
    }
    await rm(`${this.path}.${this.limits.files}`, { force: true });
    for (let n = this.limits.files - 1; n >= 1; n--) {
      try {
        await rename(`${this.path}.${n}`, `${this.path}.${n + 1}`);
      } catch (thrown) {
        if (!isAbsent(thrown)) throw diskError(thrown, 'rotating the log', this.path);
      }
    }
    await this.disk.rename(path, `${this.path}.1`);
  }
}

/** Copies a growing file from `start` on, at most to `limit`, until there is no more, and empties it at once. */
async function moveAway(path: string, copy: string, start: number, limit: number): Promise<void> {
  const from = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const to = openSync(copy, 'w', 0o600);
    try {
      const chunk = new Uint8Array(chunkBytes);
      let position = Math.max(0, start);
      while (fstatSync(from).size - position > chunkBytes && position < limit) {
        position += copyOnce(from, to, chunk, position);
        await new Promise(setImmediate);
      }
      for (let read = 1; read > 0 && position < limit + chunkBytes; position += read) {
        read = copyOnce(from, to, chunk, position);
      }
      ftruncateSync(from, 0);
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function copyOnce(from: number, to: number, chunk: Uint8Array, position: number): number {
  const read = readSync(from, chunk, 0, chunk.length, position);
  for (let written = 0; written < read;) written += writeSync(to, chunk, written, read - written);
  return read;
}

/** The last lines of a file, at most `lines`, from its last 256 KiB; none if there is no such file. */
export async function lastLines(path: string, lines: number): Promise<string[]> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw diskError(thrown, 'reading', path);
  }
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - tailBytes);
    const { buffer, bytesRead } = await handle.read(new Uint8Array(size - start), 0, size - start, start);
    let all = buffer.subarray(0, bytesRead);
    if (start > 0) {
      const firstBreak = all.indexOf(10);
      if (firstBreak >= 0) all = all.subarray(firstBreak + 1); // the first line is not whole
    }
    const text = new TextDecoder().decode(all);
    const whole = text.endsWith('\n') ? text.slice(0, -1) : text;
    if (whole === '' || lines <= 0) return [];
    return whole.split('\n').slice(-lines).map(cut);
  } finally {
    await handle.close();
  }
}

const cut = (line: string): string => {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  return text.length > lineBytes ? `${text.slice(0, lineBytes)}…` : text;
};
