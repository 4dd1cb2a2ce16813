import type { Subprocess } from 'bun';
import { prepareSocketDirectory } from '../../config/home.ts';
import { summarize, type DiffSummary } from '../../core/mirror/diff-report.ts';
import type { Route } from '../../core/traffic.ts';
import { MirrorWord, type MirrorOrder } from '../mirror/messages.ts';
import { ReportFolder } from '../mirror/report-folder.ts';

export interface MirrorStewardOptions {
  /** Argument vector that starts the process that mirrors: a program that calls `runMirror`. Undefined: nothing can be mirrored. */
  readonly command: readonly string[] | undefined;
  /** Where workers take copies. */
  readonly socket: string;
  /** Where reports are kept. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

const listeningMs = 5000;
const writtenMs = 2000;
/** How long it is kept with nothing to do: the last copies of a mirror that is off are still answered. */
const lingerMs = 30_000;
const firstAgainMs = 100;
const longestAgainMs = 5000;
const endMs = 2000;

/** A bound on a wait, which keeps no process alive. */
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

interface Child {
  readonly process: Subprocess;
  readonly listening: Promise<void>;
  readonly exited: Promise<void>;
  readonly waiting: Map<number, () => void>;
}

/** Starts the process that mirrors when a route is mirrored, tells it what, and ends it when none is. It is no part of what users wait for. */
export class MirrorSteward {
  readonly #reports: ReportFolder;
  #child: Child | null = null;
  #routes: readonly Route[] = [];
  #linger: Timer | undefined;
  #again: Timer | undefined;
  #failures = 0;
  #stopping = false;
  #nextId = 0;

  constructor(private readonly options: MirrorStewardOptions) {
    this.#reports = new ReportFolder(options.folder);
  }

  get able(): boolean {
    return this.options.command !== undefined;
  }

  /** Has these routes mirrored, of those that say so, and no others. Resolves when copies can come; it is also told where that fails. */
  async follow(routes: readonly Route[]): Promise<void> {
    this.#routes = routes.filter(({ mirror }) => mirror !== undefined);
    clearTimeout(this.#linger);
    if (this.#routes.length === 0) {
      if (this.#child === null) return clearTimeout(this.#again);
      this.#tell(this.#child, { kind: 'follow', routes: [] });
      this.#linger = setTimeout(() => void this.#endChild(), lingerMs);
      return;
    }
    if (this.#child === null) await this.#start();
    else this.#tell(this.#child, { kind: 'follow', routes: [...this.#routes] });
  }

  /** The text of a report as it is now; null if there is none. */
  async report(service: string, id: string | null): Promise<string | null> {
    const child = this.#child;
    if (child !== null) {
      const number = this.#nextId++;
      const { promise, resolve } = Promise.withResolvers<void>();
      child.waiting.set(number, resolve);
      this.#tell(child, { kind: 'write', id: number });
      // One that does not answer has left its last report on disk.
      await Promise.race([promise, child.exited, after(writtenMs)]);
      child.waiting.delete(number);
    }
    const wanted = id ?? this.#reports.newest(service);
    return wanted === null ? null : this.#reports.text(service, wanted);
  }

  /** What the mirrors in force have found, as of a second ago; none of one that has no report yet. */
  found(): { readonly service: string; readonly found: DiffSummary }[] {
    return this.#routes.flatMap(({ service, mirror }) => {
      const report = mirror ? this.#reports.read(service, mirror.id) : null;
      return report === null ? [] : [{ service, found: summarize(report) }];
    });
  }

  /** Ends the process after it has written its reports. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#linger);
    clearTimeout(this.#again);
    await this.#endChild();
  }

  async #endChild(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    this.#tell(child, { kind: 'end' });
    await Promise.race([child.exited, after(endMs)]);
    child.process.kill('SIGKILL');
    await child.exited;
  }

  async #start(): Promise<void> {
    const { command, socket, folder, log } = this.options;
    if (command === undefined || this.#stopping) return;
    clearTimeout(this.#again);
    const listening = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<void>();
    const waiting = new Map<number, () => void>();
    try {
      prepareSocketDirectory(socket);
      const process = Bun.spawn([...command], {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: globalThis.process.env,
        serialization: 'json',
        ipc: (message: unknown, subprocess) => {
          const word = MirrorWord.safeParse(message);
          // A program of another version, put in place of ours while we run.
          if (!word.success) return void subprocess.kill('SIGKILL');
          const { data } = word;
          if (data.kind === 'ready') subprocess.send({ kind: 'begin', socket, folder } satisfies MirrorOrder);
          else if (data.kind === 'listening') {
            this.#failures = 0;
            listening.resolve();
          } else waiting.get(data.id)?.();
        },
        onExit: (subprocess, code, signal) => {
          exited.resolve();
          if (this.#child?.process !== subprocess) return;
          this.#child = null;
          this.#later(
            `the process that mirrors ended (${signal === null ? `exit code ${code}` : String(signal)})`,
          );
        },
      });
      const child = { process, listening: listening.promise, exited: exited.promise, waiting };
      this.#child = child;
      // Orders wait in its channel until it reads them.
      const up = await Promise.race([
        child.listening.then(() => true),
        child.exited.then(() => false),
        after(listeningMs).then(() => false),
      ]);
      if (!up) log('the process that mirrors is not up yet; copies are dropped until it is');
      if (this.#child === child) this.#tell(child, { kind: 'follow', routes: [...this.#routes] });
    } catch (error) {
      this.#later(
        `the process that mirrors could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #later(why: string): void {
    if (this.#stopping || this.#routes.length === 0) return;
    const delayMs = Math.min(longestAgainMs, firstAgainMs * 2 ** this.#failures++);
    this.options.log(`${why}; the next starts in ${delayMs} ms`);
    this.#again = setTimeout(() => void this.#start(), delayMs);
  }

  #tell(child: Child, order: MirrorOrder): void {
    try {
      child.process.send(order);
    } catch (error) {
      // It ends, and the next one is told.
      this.options.log(
        `the process that mirrors was not told "${order.kind}": ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
