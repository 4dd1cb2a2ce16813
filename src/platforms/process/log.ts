import { constants, openSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Turn } from '../../core/turn.ts';
import type { Disk } from './disk.ts';
import type { SpaceWay } from './file-space.ts';
import { LogFiles } from './log-files.ts';
import { lineEnds, linesAtEnd, lineText, windowBytes } from './log-lines.ts';
import { beginAnew, rotateOnce, type LogLimits } from './log-rotation.ts';

export type { LogLimits } from './log-rotation.ts';

/** How much of a log was read: the position behind it, and which log it is. */
export interface LogPosition {
  readonly id: string;
  readonly at: number;
}

export interface LogPart {
  readonly lines: readonly { readonly text: string; readonly isUnfinished: boolean }[];
  readonly next: LogPosition;
  /** Whether there are more lines behind `next` already. */
  readonly hasMore: boolean;
}

/**
 * The log of one instance. The instance writes by itself, through a descriptor in append mode, so that nothing breaks when
 * we are gone; lines of ours begin with `[cutover]`. One object for each path: what it knows of the files it knows alone.
 */
export class InstanceLog {
  readonly #turn = new Turn();
  #files: Promise<LogFiles> | undefined;

  constructor(
    readonly path: string,
    private readonly disk: Disk,
    /** For a test of what other filesystems can do. */
    private readonly wayOf?: (fd: number, block: number) => SpaceWay,
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

  /** Writes a line of ours, never into a line that the instance has left without an end. */
  mark(text: string, now: number): Promise<void> {
    return this.#turn.take(async () => {
      await this.disk.makeDirectory(dirname(this.path));
      const begin = (await (await this.#load()).endsInLine()) ? '\n' : '';
      await this.disk.act('write', this.path, 'writing the log', () =>
        appendFile(this.path, `${begin}[cutover] ${new Date(now).toISOString()} ${text}\n`, { mode: 0o600 }),
      );
    });
  }

  /** Begins a new run, in a new file. Only while no process has the old one open: it would write on there. */
  startAnew(limits: LogLimits): Promise<void> {
    return this.#turn.take(() =>
      this.#change(async () => beginAnew({ files: await this.#load(), disk: this.disk, limits })),
    );
  }

  /**
   * Rotates the log if it is larger than allowed, under a writer, who loses nothing (`rotateOnce` says where that cannot be).
   * One call at a time, and not while a run begins.
   * @returns into how many files
   */
  async rotate(limits: LogLimits): Promise<number> {
    const { wayOf, disk } = this;
    const files = await this.#turn.take(() => this.#load());
    const rotation = { files, turn: this.#turn, disk, limits, ...(wayOf ? { wayOf } : {}) };
    let made = 0;
    // A writer that is quicker than we must not keep us for ever.
    while (made <= limits.files && (await this.#change(() => rotateOnce(rotation)))) made++;
    return made;
  }

  /**
   * Lines, oldest first, across rotated files. Without a position: the last ones of this run, at most `lines`; one that has no
   * end yet is among them, and will be among those behind `next` once more.
   * With a position: the first ones behind it that have an end, at most `lines`, each of them once. From the beginning of this run
   * for `run`, and for a position in a log that is gone.
   */
  read(lines: number, after?: LogPosition | 'run'): Promise<LogPart> {
    return this.#turn.take(async () => {
      const files = await this.#load();
      const end = files.record.head + (await files.size());
      const { id, head, runStart } = files.record;
      if (after === undefined) return last(files, lines, end);
      if (after === 'run' || after.id !== id) return following(files, lines, runStart);
      // Beyond the end: the instance has cut its own log short.
      return following(files, lines, after.at > end ? head : after.at);
    });
  }

  /** What failed in the midst is found again in the files, as after a crash. */
  async #change<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      this.#files = undefined;
      throw thrown;
    }
  }

  #load(): Promise<LogFiles> {
    this.#files ??= LogFiles.open(this.path, this.disk);
    this.#files.catch(() => (this.#files = undefined)); // the caller has the error; the next one reads again
    return this.#files;
  }
}

async function last(files: LogFiles, lines: number, end: number): Promise<LogPart> {
  const { id, runStart } = files.record;
  const start = Math.max(runStart, files.unbrokenStart(), end - windowBytes);
  const { at, bytes } = await files.read(start, end - start);
  const { texts, isUnfinished, wholeEnd } = linesAtEnd(bytes, lines, start > runStart);
  return {
    lines: texts.map((text, n) => ({ text, isUnfinished: isUnfinished && n === texts.length - 1 })),
    next: { id, at: at + wholeEnd },
    hasMore: false,
  };
}

async function following(files: LogFiles, lines: number, from: number): Promise<LogPart> {
  const { at, bytes, until } = await files.read(from, windowBytes);
  const ends = lineEnds(bytes);
  // What is no more kept may have ended in the middle of a line.
  let begin = at > from ? (ends.shift() ?? 0) : 0;
  const texts: string[] = [];
  for (const end of ends.slice(0, lines)) {
    texts.push(lineText(bytes.subarray(begin, end - 1)));
    begin = end;
  }
  // A line that is longer than all we read, or whose end is not kept any more, will never be whole.
  const isNeverWhole = until === 'gap' || (until === 'enough' && ends.length === 0);
  if (isNeverWhole && texts.length < lines && begin < bytes.length) {
    texts.push(lineText(bytes.subarray(begin)));
    begin = bytes.length;
  }
  return {
    lines: texts.map((text) => ({ text, isUnfinished: false })),
    next: { id: files.record.id, at: at + begin },
    hasMore: until !== 'end' || ends.length > lines,
  };
}
