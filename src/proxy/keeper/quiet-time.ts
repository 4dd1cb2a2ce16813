import { letGoOfProgramPages } from './program-pages.ts';

/** What is used only to start has been used by the first look. */
const lookMs = 2000;
/** Less processor time between two looks is what a process takes by itself, on a busy machine. */
const quietMs = 100;
/** Less work than that has brought too little into memory to be worth it. */
const worthMs = 400;

/**
 * Tells from the processor time of a process when it has had work to do and has none now: then what the work brought into memory is given
 * back, once. The start is such work, and over when it is first looked. Under load nothing is: it would come right back, at the cost of those who wait.
 */
export class QuietTime {
  private seen: number | null = null;
  private rested = 0;

  /**
   * True if it is time to give back.
   *
   * @param spentMs processor time of the process since its start, milliseconds
   */
  look(spentMs: number): boolean {
    const { seen } = this;
    this.seen = spentMs;
    if (seen !== null && (spentMs - seen > quietMs || spentMs - this.rested < worthMs)) return false;
    this.rested = spentMs;
    return true;
  }
}

/**
 * Lets go of program pages in the quiet times of this process from now on, until the function that is returned is called. It is nothing to
 * fail for: `warn` is told if it could not be done, which ends it.
 *
 * @param collect first collects what was thrown away, which stops the process for some milliseconds: not for one that has traffic
 */
export function giveBackWhenQuiet(collect: boolean, warn: (line: string) => void): () => void {
  const quiet = new QuietTime();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage();
    if (!quiet.look((user + system) / 1000)) return;
    if (collect) Bun.gc(true);
    try {
      letGoOfProgramPages();
    } catch (error) {
      clearInterval(timer);
      warn(`keeps memory that it could give back: ${error instanceof Error ? error.message : String(error)}`);
    }
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}
