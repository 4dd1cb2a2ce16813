import { constants, write } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

/** What waits for the disk at most, twice: one buffer is filled while the other is written. */
const capacityBytes = 1_048_576;
/** So much is written at once without waiting for more. */
const fullEnoughBytes = 65_536;
const gatherMs = 50;
const lookMs = 250;
const againMs = 500;
/** What a pipe takes at once or not at all (POSIX PIPE_BUF on Linux): several workers print into one. */
const pipeBytes = 4096;
const LF = 10;

/** Only for us and our group: there are addresses of people in it. */
const mode = 0o640;
// Without NONBLOCK a pipe that nobody reads would hold up the opening for ever.
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** Opens a file to add lines to, and makes it if it is not there. Rejects for what is no file to write to, such as a directory. */
export async function openLog(path: string): Promise<FileHandle> {
  const handle = await open(path, flags, mode);
  try {
    const found = await handle.stat();
    if (!found.isFile() && !found.isCharacterDevice() && !found.isFIFO())
      throw new Error('it is neither a file, nor a device, nor a pipe');
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Lines that are gathered in memory and added to a file, or to standard output, many at once, by another thread: no request waits for
 * them. What comes while both buffers are full is not taken. Whole lines go into each write and the file is opened for appending,
 * so several processes may write to it. When it was renamed or removed, a new one is opened.
 */
export class LogFile {
  private filling: Buffer | null = null;
  private filled = 0;
  private spare: Buffer | null = null;
  private timer: Timer | undefined;
  private under: Promise<void> | null = null;
  private handle: FileHandle | null = null;
  private identity = '';
  private lookedAt = -Infinity;
  private problem: string | null = null;
  private closing = false;
  private isRetired = false;

  /**
   * @param path absolute; null: standard output
   * @param log told once of each kind of trouble, and when it is over
   */
  constructor(
    readonly path: string | null,
    private readonly log: (line: string) => void,
  ) {}

  /** Nobody in the table in force writes here: it is closed while there is nothing to write. */
  set retired(retired: boolean) {
    this.isRetired = retired;
    if (retired && this.under === null && this.filled === 0) this.under = this.letGo();
  }

  /** The longest line that stays whole. */
  get lineBytes(): number {
    return this.path === null ? pipeBytes : fullEnoughBytes;
  }

  /** False if there is no room: the line is lost. */
  push(line: string): boolean {
    const filling = (this.filling ??= this.spare ?? Buffer.allocUnsafeSlow(capacityBytes));
    if (filling === this.spare) this.spare = null;
    const { length } = line;
    // A character takes three bytes at most.
    if (this.filled + 3 * length > capacityBytes && this.filled + Buffer.byteLength(line) > capacityBytes)
      return false;
    this.filled += filling.write(line, this.filled, 'utf8');
    if (this.under === null) {
      if (this.filled >= fullEnoughBytes) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), gatherMs);
    }
    return true;
  }

  /** Writes what was taken, for at most so long; then the rest is lost. Returns how many bytes that was. */
  async close(withinMs: number): Promise<number> {
    const end = performance.now() + withinMs;
    this.flush();
    while (this.under !== null || this.filled > 0) {
      const left = end - performance.now();
      if (left <= 0) break;
      await Promise.race([this.under, Bun.sleep(left)]);
      this.flush();
    }
    this.closing = true;
    clearTimeout(this.timer);
    const lost = this.filled;
    this.filled = 0;
    if (this.under === null) await this.letGo();
    return lost;
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.under !== null || this.filled === 0 || this.filling === null) return;
    const bytes = this.filling;
    const length = this.filled;
    this.filling = null;
    this.filled = 0;
    this.under = this.writeOut(bytes, length).then(async () => {
      this.spare = bytes;
      if ((this.isRetired || this.closing) && this.filled === 0) return this.letGo();
      this.goOn();
    });
  }

  private async letGo(): Promise<void> {
    if (this.filled === 0) this.filling = null;
    this.spare = null;
    const { handle } = this;
    this.handle = null;
    await handle?.close();
    this.goOn();
  }

  private goOn(): void {
    this.under = null;
    if (this.filled >= fullEnoughBytes) this.flush();
    else if (this.filled > 0) this.timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  private async writeOut(bytes: Buffer, length: number): Promise<void> {
    for (let at = 0; at < length && !this.closing;)
      try {
        at += this.path === null ? await this.print(bytes, at, length) : await this.add(bytes, at, length);
        this.tell(null);
      } catch (error) {
        const busy = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
        if (!busy) this.tell(error instanceof Error ? error.message : String(error));
        await Bun.sleep(busy ? 10 : againMs);
      }
  }

  private async add(bytes: Buffer, from: number, to: number): Promise<number> {
    const handle = await this.current(from === 0);
    const { bytesWritten } = await handle.write(bytes, from, to - from, null);
    return bytesWritten;
  }

  private print(bytes: Buffer, from: number, to: number): Promise<number> {
    const most = Math.min(to, from + pipeBytes);
    const end = most === to ? to : bytes.lastIndexOf(LF, most - 1) + 1;
    return new Promise((resolve, reject) =>
      write(1, bytes, from, (end > from ? end : most) - from, null, (error, written) => {
        if (error) reject(error);
        else resolve(written);
      }),
    );
  }

  /** The file that has the name now. `mayChange`: not in the middle of a line. */
  private async current(mayChange: boolean): Promise<FileHandle> {
    const path = this.path ?? '';
    const now = performance.now();
    if (this.handle !== null && (!mayChange || now - this.lookedAt < lookMs)) return this.handle;
    this.lookedAt = now;
    if (this.handle !== null) {
      const found = await stat(path).catch(() => null);
      if (found !== null && `${found.dev} ${found.ino}` === this.identity) return this.handle;
      await this.handle.close();
      this.handle = null;
    }
    const handle = await openLog(path);
    const { dev, ino } = await handle.stat();
    this.identity = `${dev} ${ino}`;
    return (this.handle = handle);
  }

  private tell(problem: string | null): void {
    if (problem === this.problem) return;
    const name = this.path ?? 'standard output';
    if (problem === null) this.log(`access log ${name}: lines are written again`);
    else
      this.log(
        `access log ${name}: expected to add lines, found: ${problem}; lines wait, and are dropped when there is no more room`,
      );
    this.problem = problem;
  }
}
