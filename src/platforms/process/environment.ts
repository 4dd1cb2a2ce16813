import type { Address } from '../../core/address.ts';
import type { Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import type { EnvironmentRef, InstanceCounts, InstanceStatus, Logs, LogQuery } from '../../ports/platform.ts';
import type { LeaseOrder, LeaseTold } from '../../core/worker-lease.ts';
import { formatLogCursor, parseLogCursor } from '../log-cursor.ts';
import { isDeepStrictEqual } from 'node:util';
import { Turn } from '../../core/turn.ts';
import { Crew } from './crew.ts';
import { endCrew } from './ending.ts';
import { Instance, type Surroundings } from './instance.ts';
import { InstanceLog } from './log.ts';
import type { ProcessSeen } from './process-table.ts';
import { readRecord, RunRecord, writeRecord, type ProcessIdentity, type Run } from './record.ts';
import { isSameRun, planRun } from './run.ts';

const remedy =
  'Remove the file and stop the environment: what runs is found by its tag (Linux). Then deploy again.';

/**
 * One environment: what it is to run, and its instances. What changes it happens one at a time; `inspect` and `logs` never
 * wait. The record of the run is written before its first process is started and marked `stopping` before the first is
 * ended, so that after a crash at any point it says which processes are meant to be there.
 */
export class Environment {
  readonly #turn = new Turn();
  #record: RunRecord | null = null;
  #instances: readonly Instance[] = [];
  /** One for each path, whatever run its instance is of: two would not know of each other's rotations. */
  readonly #logs = new Map<string, InstanceLog>();
  #loading: Promise<void> | undefined;
  /** Whether instances that end are started again by us. */
  #isWatched = false;
  readonly #closed: AbortSignal;

  constructor(
    private readonly around: Surroundings,
    readonly ref: EnvironmentRef,
    closed: AbortSignal,
  ) {
    this.#closed = closed;
  }

  /** The release that runs here or is being stopped; null if nothing does. */
  async runningRelease(): Promise<number | null> {
    await this.#load();
    return this.#record && this.#record.phase !== 'stopped' ? this.#record.run.release : null;
  }

  /** Where instances are now. */
  async heldAddresses(): Promise<readonly Address[]> {
    await this.#load();
    return this.#instances.filter((instance) => instance.seen()).map((instance) => instance.address);
  }

  start(release: Release, placement: Placement, only: InstanceCounts = {}): Promise<void> {
    return this.#turn.take(async () => {
      const run = planRun(this.ref, release, placement);
      await this.#load();
      if (this.#record?.phase !== 'running' || !isSameRun(this.#record.run, run)) {
        const instances = this.#instancesOf(run);
        await Promise.all(instances.map((instance) => instance.prepare())); // before anything is changed
        await this.#end();
        for (const instance of instances) await instance.begin();
        await this.#save({ format: 1, phase: 'running', run, only });
        this.#instances = instances;
      } else if (!isDeepStrictEqual(this.#record.only ?? {}, only)) {
        // On record first: what is not meant to run is not started again, whatever comes between.
        await this.#save({ ...this.#record, only });
      }
      this.#isWatched = true;
      const left = this.#instances.filter((instance) => !this.#isMeant(instance));
      await Promise.all(left.map((instance) => this.#putDown(instance)));
      const starts = this.#instances
        .filter((instance) => this.#isMeant(instance) && !instance.seen())
        .map((instance) => this.#bringUp(instance));
      const failed = (await Promise.allSettled(starts)).find((start) => start.status === 'rejected');
      if (failed) throw failed.reason;
    });
  }

  stop(): Promise<void> {
    return this.#turn.take(async () => {
      await this.#load();
      await this.#end();
    });
  }

  /** Takes up watching: what is gone is started again after its wait; a stop that was begun is ended, without waiting for it. */
  adopt(): Promise<void> {
    return this.#turn.take(async () => {
      await this.#load();
      this.#isWatched = true;
      if (this.#record?.phase === 'stopping') this.#background(this.stop());
      if (this.#record?.phase !== 'running') return;
      for (const instance of this.#instances)
        if (this.#isMeant(instance) && !instance.seen()) this.#onGone(instance);
    });
  }

  async inspect(): Promise<readonly InstanceStatus[]> {
    await this.#load();
    if (!this.#record || this.#record.phase === 'stopped') return [];
    const shown = this.#instances.filter((instance) => this.#isMeant(instance) || instance.seen());
    return Promise.all(shown.map((instance) => instance.status()));
  }

  async listening(layer: string, index: number): Promise<readonly Address[]> {
    await this.#load();
    const instance = this.#instances.find((one) => one.layer.layer === layer && one.index === index);
    const { table } = this.around;
    if (!instance || !table.seesTags) return [];
    const own = this.#crew(this.#instances)
      .find()
      .filter((member) => this.#isOf(instance, member));
    return table.listening(own.map((member) => member.pid));
  }

  async logs({ lines, layer, after }: LogQuery): Promise<Logs> {
    const cursor = after === undefined ? null : parseLogCursor(after);
    await this.#load();
    const parts = await Promise.all(
      this.#instances
        .filter((instance) => layer === undefined || instance.layer.layer === layer)
        .map(async ({ layer: { layer: name }, index, log }) => {
          const from = cursor ? (cursor.get(name)?.[index] ?? 'run') : undefined;
          return { layer: name, index, ...(await log.read(lines, from)) };
        }),
    );
    return {
      release: this.#record?.run.release ?? null,
      lines: parts.flatMap(({ layer: name, index, lines: read }) =>
        read.map(({ text, isUnfinished }) => ({
          layer: name,
          index,
          text,
          ...(isUnfinished ? { unfinished: true as const } : {}),
        })),
      ),
      next: formatLogCursor(parts),
      more: parts.some(({ hasMore }) => hasMore),
    };
  }

  /** Tells the workers whether they may work; see `Platform.lease`. */
  lease(order: LeaseOrder): Promise<LeaseTold> {
    return this.#turn.take(async () => {
      await this.#load();
      const workers =
        this.#record?.phase === 'running'
          ? this.#instances.filter((instance) => instance.layer.active && this.#isMeant(instance))
          : [];
      for (const worker of workers) worker.expectNewer(order);
      const told = await Promise.allSettled(workers.map((worker) => worker.lease(order)));
      const failed = told.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
      const ended = told.filter((each) => each.status === 'fulfilled' && each.value === 'ended').length;
      return { told: workers.length, ended };
    });
  }

  /** Looks at instances that are not our children, whose end nobody tells us. */
  look(): void {
    if (!this.#isWatched || this.#record?.phase !== 'running') return;
    for (const instance of this.#instances) {
      const { isChild, process } = instance;
      if (this.#isMeant(instance) && !isChild && process && !this.#waiting.has(process) && !instance.seen())
        this.#onGone(instance);
    }
  }

  /**
   * Ends what has the tag of this environment but is no instance of it. A controller that is killed in the very act of
   * starting a process leaves one that has no tag for an instant; so this is done once more, a while after the adoption.
   */
  sweep(): Promise<void> {
    return this.#turn.take(async () => {
      if (!this.#isWatched || this.#closed.aborted) return;
      const { clock, disk, table, layout } = this.around;
      const isRunning = this.#record?.phase === 'running';
      const own = isRunning ? this.#instances.map((instance) => instance.tag) : [];
      const strays = new Set(
        this.#tagged()
          .map(({ tag }) => tag)
          .filter((tag) => !own.includes(tag)),
      );
      for (const tagPrefix of strays) {
        const crew = new Crew(table, { tagPrefix, leaders: [], releases: layout.releases });
        const subject = `Environment ${this.ref.colour} of ${this.ref.service}`;
        await endCrew(crew, { signal: 'SIGTERM', graceMs: 1000, clock, boundary: disk.boundary, subject });
      }
    });
  }

  /** Rotates the logs that have grown too large. */
  rotateLogs(): Promise<void> {
    return this.#turn.take(async () => {
      if (!this.#isWatched || this.#record?.phase !== 'running') return;
      for (const instance of this.#instances) await instance.rotateLog();
    });
  }

  /** Resolves when all that was asked for has ended. */
  async idle(): Promise<void> {
    await this.#turn.idle();
  }

  /** The processes, or instances that never had one, whose restart is under way. */
  readonly #waiting = new Set<ProcessIdentity | Instance>();

  #onGone(instance: Instance): void {
    const exit = 'an exit that is not known, since it was started by an earlier controller';
    this.#background(this.#afterEnd(instance, exit, instance.process));
  }

  /** From the end of a process to its restart. Does nothing if the environment was told otherwise meanwhile. */
  async #afterEnd(instance: Instance, exit: string, process: ProcessIdentity | null): Promise<void> {
    const key = process ?? instance;
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    try {
      let delayMs = await this.#turn.take(() => {
        if (!this.#isWanted(instance) || instance.process !== process || instance.seen())
          return Promise.resolve(null);
        return process ? instance.ended(exit) : Promise.resolve(0);
      });
      while (delayMs !== null) {
        await this.around.clock.sleep(delayMs, this.#closed);
        delayMs = await this.#turn.take(() => this.#restart(instance, process));
      }
    } finally {
      this.#waiting.delete(key);
    }
  }

  async #restart(instance: Instance, process: ProcessIdentity | null): Promise<number | null> {
    if (!this.#isWanted(instance) || instance.process !== process || instance.seen()) return null;
    try {
      await this.#launch(instance);
      return null;
    } catch (thrown) {
      this.around.report(thrown);
      // A process that is there but could not be recorded goes on: it is found by its tag.
      return instance.seen()
        ? null
        : instance.failedToStart(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  #isWanted(instance: Instance): boolean {
    return (
      !this.#closed.aborted &&
      this.#isWatched &&
      this.#record?.phase === 'running' &&
      this.#isMeant(instance) &&
      this.#instances.includes(instance)
    );
  }

  /** Whether it is one of those that are to run. */
  #isMeant({ layer: { layer }, index }: Instance): boolean {
    return index < (this.#record?.only?.[layer] ?? Infinity);
  }

  /** Ends one of several for itself. When it is started again, it begins as the first time, but for its log, which goes on. */
  async #putDown(instance: Instance): Promise<void> {
    if (instance.process === null) return;
    await instance.stop();
    await instance.forget();
  }

  async #bringUp(instance: Instance): Promise<void> {
    await instance.endLeftovers(0);
    await this.#launch(instance);
  }

  async #launch(instance: Instance): Promise<void> {
    const isRestart = instance.process !== null;
    await instance.launch(await instance.prepare(), isRestart, (exit, process) => {
      if (!this.#closed.aborted) this.#background(this.#afterEnd(instance, exit, process));
    });
  }

  /** Ends everything here, also what no record tells of. */
  async #end(): Promise<void> {
    const { clock, disk } = this.around;
    const record = this.#record;
    if (record && record.phase === 'running') await this.#save({ ...record, phase: 'stopping' });
    if (record?.phase !== 'stopped') await Promise.all(this.#instances.map((instance) => instance.stop()));
    const subject = `Environment ${this.ref.colour} of ${this.ref.service}`;
    await endCrew(this.#crew(this.#instances), {
      signal: 'SIGTERM',
      graceMs: 1000,
      clock,
      boundary: disk.boundary,
      subject,
    });
    if (record && record.phase !== 'stopped') await this.#save({ ...record, phase: 'stopped' });
  }

  /** Reads the records, once. A failure is not remembered: after a repair the next call reads again. */
  async #load(): Promise<void> {
    this.#loading ??= this.#read();
    try {
      await this.#loading;
    } catch (thrown) {
      this.#loading = undefined;
      throw thrown;
    }
  }

  async #read(): Promise<void> {
    const record = await readRecord(this.around.layout.run(this.ref), RunRecord, remedy);
    const instances = record ? this.#instancesOf(record.run) : [];
    const tagged = record && record.phase !== 'stopped' ? this.#tagged() : [];
    for (const instance of instances) await instance.adopt(tagged);
    this.#record = record;
    this.#instances = instances;
  }

  async #save(record: RunRecord): Promise<void> {
    await writeRecord(this.around.disk, this.around.layout.run(this.ref), record);
    this.#record = record;
  }

  #instancesOf(run: Run): readonly Instance[] {
    return run.layers.flatMap((layer) =>
      layer.instances.map(
        ({ index, address }) =>
          new Instance(this.around, this.ref, run, layer, index, address, this.#logOf(layer.layer, index)),
      ),
    );
  }

  #logOf(layer: string, index: number): InstanceLog {
    const path = this.around.layout.log(this.ref, layer, index);
    let log = this.#logs.get(path);
    if (!log) this.#logs.set(path, (log = new InstanceLog(path, this.around.disk)));
    return log;
  }

  get #tagPrefix(): string {
    return `${this.around.homeTag}/${this.ref.service}/${this.ref.colour}/`;
  }

  #tagged(): { seen: ProcessSeen; tag: string }[] {
    const { table } = this.around;
    if (!table.seesTags) return [];
    return table.all().flatMap((seen) => {
      const tag = seen.ended ? null : table.tag(seen.pid);
      return tag?.startsWith(this.#tagPrefix) === true ? [{ seen, tag }] : [];
    });
  }

  #crew(instances: readonly Instance[]): Crew {
    const { table, layout } = this.around;
    const leaders = instances.flatMap((instance) => instance.process ?? []);
    return new Crew(table, { tagPrefix: this.#tagPrefix, leaders, releases: layout.releases });
  }

  #isOf(instance: Instance, { pid, session }: ProcessSeen): boolean {
    return (
      session === instance.process?.pid || this.around.table.tag(pid)?.startsWith(instance.tagPrefix) === true
    );
  }

  /** Work that nobody waits for: its error is reported, unless it is only that we are closing. */
  #background(work: Promise<void>): void {
    work.catch((thrown: unknown) => {
      if (!this.#closed.aborted) this.around.report(thrown);
    });
  }
}
