import { closeSync } from 'node:fs';
import type { Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HeldPlace, HeldSocket, HeldSockets } from '../../ports/held-sockets.ts';
import type { EnvironmentRef, InstanceStatus } from '../../ports/platform.ts';
import { afterCrash } from '../backoff.ts';
import { Crew } from './crew.ts';
import { diskError, systemCode, type Disk } from './disk.ts';
import { endCrew } from './ending.ts';
import type { Layout } from './layout.ts';
import type { InstanceLog } from './log.ts';
import { alive, tagVariable, type ProcessSeen, type ProcessTable } from './process-table.ts';
import { layerSubject, resolveProgram } from './program.ts';
import {
  InstanceRecord,
  readRecord,
  writeRecord,
  type LayerRun,
  type ProcessIdentity,
  type Run,
} from './record.ts';
import { atFirst, lineOf, tellWorker, untilPassive, workerVariables, type Worker } from './worker-lease.ts';
import type { LeaseOrder } from '../../core/worker-lease.ts';
import { cleanEnvironment, ownVariables, readVariables, type Variables } from './variables.ts';

/** After a crash, how long what the crashed process has left may take to end before the restart. */
const leftoverGraceMs = 1000;

/** What all instances of a platform share. */
export interface Surroundings {
  readonly layout: Layout;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly table: ProcessTable;
  /** The begin of every tag of this state directory. */
  readonly homeTag: string;
  /** Told of what went wrong while nobody waited for an answer. */
  readonly report: (error: unknown) => void;
  /** Who holds listening sockets; absent: nobody. */
  readonly sockets?: HeldSockets | undefined;
}

/** A program that is known to be there, with all that it is started with. */
export interface Launch {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly variables: Variables;
}

const remedy = 'Remove the file, then deploy again: a process that runs is found by its tag (Linux).';

const fresh = (): InstanceRecord => ({
  format: 1,
  tag: '',
  process: null,
  startedAt: null,
  restarts: 0,
  inRow: 0,
  lastExit: null,
});

/**
 * One instance: its process, its record on disk and its log. States: `running`, `waiting-to-restart`, `stopped` (never
 * started). It has no will of its own; its environment tells it, one thing at a time.
 */
export class Instance {
  #record: InstanceRecord = fresh();
  /** False while it is another controller's child: its end is then seen by looking, and its exit code is not known. */
  #isChild = false;
  /** Of the child that was started last: resolves with how it ended, as soon as the system tells. */
  #childExit: Promise<string> | null = null;
  #startedMonotonic: number | null = null;
  readonly name: string;

  constructor(
    private readonly around: Surroundings,
    readonly environment: EnvironmentRef,
    readonly run: Run,
    readonly layer: LayerRun,
    readonly index: number,
    readonly address: Address,
    /** That of its place: those who were here before and those who come after have the same. */
    readonly log: InstanceLog,
  ) {
    this.name = `${layer.layer}-${index}`;
  }

  get process(): ProcessIdentity | null {
    return this.#record.process;
  }
  /** The tag of its process and of all that came from it. */
  get tag(): string {
    return this.#record.tag;
  }
  get isChild(): boolean {
    return this.#isChild;
  }
  get tagPrefix(): string {
    const { service, colour } = this.environment;
    return `${this.around.homeTag}/${service}/${colour}/${this.layer.layer}/${this.index}/`;
  }

  /** Its process, if that very one is there and has not ended. */
  seen(): ProcessSeen | null {
    return this.#record.process && alive(this.around.table, this.#record.process);
  }

  async status(): Promise<InstanceStatus> {
    const running = this.seen() !== null;
    // A child that is gone has ended in a way that is known in an instant, though it may not be recorded yet.
    const childExit = !running && this.#record.process && this.#isChild ? await this.#childExit : null;
    const { process, startedAt, restarts } = this.#record;
    const lastExit = childExit ?? this.#record.lastExit;
    return {
      layer: this.layer.layer,
      index: this.index,
      release: this.run.release,
      address: this.address,
      state: running
        ? 'running'
        : process
          ? 'waiting-to-restart'
          : lastExit === null
            ? 'stopped'
            : 'waiting-to-restart',
      pid: running ? (process?.pid ?? null) : null,
      startedAt: running ? startedAt : null,
      restarts,
      lastExit,
      ...(running && this.layer.held && { accepts: this.around.sockets?.accepts(this) ?? false }),
    };
  }

  /**
   * Takes up what a controller before us has left: its record, and a process that was started but not recorded before that
   * controller died. Of several with the same tag the first started is the instance; the others are its children.
   */
  async adopt(tagged: readonly { readonly seen: ProcessSeen; readonly tag: string }[]): Promise<void> {
    const { layout } = this.around;
    this.#record =
      (await readRecord(
        layout.instance(this.environment, this.layer.layer, this.index),
        InstanceRecord,
        remedy,
      )) ?? fresh();
    this.#isChild = false;
    if (this.seen()) return this.#lead();
    const unrecorded = tagged
      .filter(
        ({ tag, seen }) =>
          tag.startsWith(this.tagPrefix) && tag !== this.#record.tag && seen.session === seen.pid,
      )
      .sort((a, b) => Number(a.seen.startTime) - Number(b.seen.startTime))[0];
    if (!unrecorded) return;
    const { pid, startTime, bootId } = unrecorded.seen;
    this.#record = {
      ...this.#record,
      tag: unrecorded.tag,
      process: { pid, startTime, bootId },
      startedAt: this.around.clock.now(),
      restarts: this.#record.restarts + (this.#record.process ? 1 : 0),
    };
    await this.save();
    await this.#lead();
  }

  /** Its place among the sockets that are held; null if it listens by itself. */
  get #place(): HeldPlace | null {
    const { held, instances } = this.layer;
    if (!held) return null;
    const { service, colour } = this.environment;
    return {
      service,
      colour,
      index: this.index,
      instances: instances.length,
      listen: held,
      address: this.address,
    };
  }

  /** Has its address lead to it again, which ended with the controller before us. */
  async #lead(): Promise<void> {
    const place = this.#place;
    if (!place) return;
    try {
      await this.around.sockets?.lead(place);
    } catch (thrown) {
      this.around.report(thrown);
    }
  }

  /** All that is needed to start it; throws `start-failed` if something of that is not there. Changes nothing. */
  async prepare(): Promise<Launch> {
    const { layout } = this.around;
    const directory = layout.release(this.run.service, this.run.release);
    const variables = {
      ...cleanEnvironment(process.env),
      ...(await readVariables(this.run, this.layer)),
      ...ownVariables(this.run, this.layer.layer, this.address),
      ...(this.layer.active && workerVariables(this.#activeFile, this.#record.worker ?? atFirst)),
    };
    const [program = '', ...words] = this.layer.command;
    const subject = layerSubject(this.run.service, this.run.release, this.layer.layer);
    const path = await resolveProgram({
      program,
      directory,
      path: variables['PATH'],
      subject,
      code: 'start-failed',
    });
    return { argv: [path, ...words], directory, variables };
  }

  /**
   * Starts its process. The process is its child's parent's no more: a session of its own, its output in the log, so that it
   * goes on without us. Should we die before the record is written, the tag tells the next controller whose it is.
   * @param onEnd is told once when that process has ended
   */
  async launch(
    { argv, directory, variables }: Launch,
    isRestart: boolean,
    onEnd: (exit: string, process: ProcessIdentity) => void,
  ): Promise<void> {
    const { clock, disk, table } = this.around;
    const tag = `${this.tagPrefix}${this.run.release}-${crypto.randomUUID()}`;
    const [program = ''] = argv;
    await this.log.mark(
      `release ${this.run.release} (${this.run.version}) ${isRestart ? 'starts again' : 'starts'}: ${JSON.stringify(argv)}`,
      clock.now(),
    );
    const held = await this.#takeSocket();
    const output = await this.log.open();
    const env = { ...variables, [tagVariable]: tag };
    let child: Bun.Subprocess;
    try {
      disk.boundary({ phase: 'before', kind: 'spawn', target: program });
      child = held
        ? Bun.spawn([...held.launcher, directory, ...argv], {
            // The launcher goes to the directory last: it is not to take anything there for its own.
            cwd: '/',
            env: { ...env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'listen' },
            stdio: ['ignore', output, output, held.fd],
            detached: true,
          })
        : Bun.spawn([...argv], {
            cwd: directory,
            env,
            stdin: 'ignore',
            stdout: output,
            stderr: output,
            detached: true,
          });
    } catch (thrown) {
      throw this.#spawnError(thrown, program, directory);
    } finally {
      closeSync(output);
      if (held) closeSync(held.fd);
    }
    child.unref();
    const seen = table.look(child.pid);
    const { pid, startTime, bootId } = seen ?? { pid: child.pid, startTime: 'gone', bootId: 'gone' };
    const identity: ProcessIdentity = { pid, startTime, bootId };
    this.#isChild = true;
    this.#startedMonotonic = clock.monotonic();
    this.#record = {
      ...this.#record,
      tag,
      process: identity,
      startedAt: clock.now(),
      restarts: this.#record.restarts + (isRestart ? 1 : 0),
    };
    this.#childExit = child.exited.then(() =>
      child.signalCode ? `signal ${child.signalCode}` : `exit code ${child.exitCode}`,
    );
    void this.#childExit.then((exit) => onEnd(exit, identity));
    disk.boundary({ phase: 'after', kind: 'spawn', target: program });
    await this.save();
  }

  /** The socket on which it is to accept; its address leads there as soon as it does. Null if it listens by itself. */
  async #takeSocket(): Promise<HeldSocket | null> {
    const { sockets } = this.around;
    const place = this.#place;
    if (!place) return null;
    if (!sockets)
      throw new CutoverError('internal', `${this.name} of ${this.run.service}: nobody holds sockets`);
    const held = await sockets.take(place);
    try {
      await sockets.lead(place);
      return held;
    } catch (thrown) {
      closeSync(held.fd);
      throw thrown;
    }
  }

  /**
   * Notes that its process has ended, and ends what that has left, so that nothing of it is in the restart's way.
   * @returns how long to wait before the restart
   */
  async ended(exit: string): Promise<number> {
    const { clock } = this.around;
    const ranMs =
      this.#startedMonotonic === null
        ? Math.max(0, clock.now() - (this.#record.startedAt ?? clock.now()))
        : clock.monotonic() - this.#startedMonotonic;
    await this.#mark(`ended: ${exit}`);
    await this.endLeftovers(leftoverGraceMs);
    const { inRow, delayMs } = afterCrash(this.#record.inRow, ranMs, this.layer.restart);
    this.#record = { ...this.#record, inRow, lastExit: exit };
    await this.save();
    return delayMs;
  }

  /** Notes why it could not be started. @returns how long to wait before the next try */
  async failedToStart(reason: string): Promise<number> {
    const { inRow, delayMs } = afterCrash(this.#record.inRow, 0, this.layer.restart);
    this.#record = { ...this.#record, inRow, lastExit: reason };
    await this.#mark(`did not start: ${reason}`);
    return delayMs;
  }

  async endLeftovers(graceMs: number): Promise<void> {
    const { table, clock, disk, layout } = this.around;
    const { process } = this.#record;
    const crew = new Crew(table, {
      tagPrefix: this.tagPrefix,
      leaders: process ? [process] : [],
      releases: layout.releases,
    });
    const signal = signalOf(this.layer);
    await endCrew(crew, {
      signal,
      graceMs,
      clock,
      boundary: disk.boundary,
      subject: `Instance ${this.name} of ${this.run.service}`,
    });
  }

  /** Ends it and all that came from it. */
  async stop(): Promise<void> {
    const { signal, grace } = this.layer.stop;
    if (this.seen()) await this.#mark(`gets ${signal}, and ${grace} ms to end`);
    await this.endLeftovers(grace);
    this.around.sockets?.leave(this);
    await this.#mark('stopped');
  }

  get #activeFile(): string {
    return this.around.layout.active(this.environment, this.layer.layer, this.index);
  }

  /** Refuses an order to its worker that is older than the last. */
  expectNewer({ epoch }: LeaseOrder): void {
    const last = this.#record.worker?.epoch ?? 0;
    if (epoch >= last) return;
    throw new CutoverError(
      'stale-epoch',
      `${this.name} of ${this.run.service} on ${this.environment.colour}: expected an order newer than ${last}, found ${epoch}`,
      { next: 'another controller leads this service; see which one is meant to' },
    );
  }

  /** Tells it whether it may work. `passive` resolves when it surely does not: it answered, or has ended, or was ended for want of an answer. */
  async lease(order: LeaseOrder): Promise<'told' | 'ended'> {
    const { active } = this.layer;
    const last = this.#record.worker ?? atFirst;
    const knows =
      last.settled && last.state === order.state && (order.state === 'passive' || last.epoch === order.epoch);
    if (!active || knows) return 'told';
    // On record before it is told: should we die in between, it is told again, and a restart knows.
    await this.#noteWorker({ ...order, settled: false });
    const launch = await this.prepare();
    const { disk, clock } = this.around;
    const worker: Worker = {
      active,
      file: this.#activeFile,
      address: this.address,
      disk,
      clock,
      pid: () => this.seen()?.pid ?? null,
      directory: launch.directory,
      variables: launch.variables,
    };
    const answer = await tellWorker(worker, order);
    if (order.state === 'active') {
      if (answer !== 'refused') {
        await this.#noteWorker({ ...order, settled: true });
        return 'told';
      }
      throw new CutoverError(
        'hand-over-failed',
        `${this.name} of ${this.run.service} on ${this.environment.colour}: expected ${active.http ? `its active.http (PUT ${active.http.path}) to answer with 2xx` : 'its active.command.active to end with exit code 0'} within ${active.within} ms, found that it did not`,
        {
          next: active.http
            ? 'have it listen on the HOST and PORT in its environment, and see its log'
            : 'run the command by hand in the release to see what it lacks',
        },
      );
    }
    const stopped = answer === 'agreed' || (answer === 'told' && (await untilPassive(worker, order.epoch)));
    if (!stopped) {
      await this.#mark(`did not stop working within ${active.within} ms, and is ended`);
      await this.endLeftovers(this.layer.stop.grace);
    }
    await this.#noteWorker({ ...order, settled: true });
    return stopped ? 'told' : 'ended';
  }

  async #noteWorker(worker: NonNullable<InstanceRecord['worker']>): Promise<void> {
    this.#record = { ...this.#record, worker };
    await this.save();
  }

  async rotateLog(): Promise<void> {
    await this.log.rotate(this.layer.logs);
  }

  async save(): Promise<void> {
    const { disk, layout } = this.around;
    await writeRecord(disk, layout.instance(this.environment, this.layer.layer, this.index), this.#record);
  }

  /** Forgets earlier processes, and begins a new log: a new run. Only when nothing of the last one is left. */
  async begin(): Promise<void> {
    this.#record = fresh();
    if (this.layer.active) await this.around.disk.replace(this.#activeFile, lineOf(atFirst));
    await this.log.startAnew(this.layer.logs);
    await this.save();
  }

  /** Forgets its process, which has ended, and how often it was restarted. */
  async forget(): Promise<void> {
    this.#record = { ...fresh(), ...(this.#record.worker && { worker: this.#record.worker }) };
    await this.save();
  }

  /** A line in the log. A log that cannot be written must not keep an instance from being started or stopped. */
  async #mark(text: string): Promise<void> {
    try {
      await this.log.mark(text, this.around.clock.now());
    } catch (thrown) {
      this.around.report(thrown);
    }
  }

  #spawnError(thrown: unknown, program: string, directory: string): Error {
    if (thrown instanceof CutoverError) return thrown;
    const code = systemCode(thrown);
    const found =
      code === 'ENOEXEC'
        ? 'a file that is neither a program nor begins with #!'
        : code === 'ENOENT'
          ? `that the program, or the interpreter in its first line, or ${directory} is absent`
          : code;
    if (found === undefined) return diskError(thrown, 'starting', program);
    return new CutoverError(
      'start-failed',
      `Layer ${this.layer.layer} of ${this.run.service}, release ${this.run.release}: expected ${program} to start; found ${found}`,
      {
        next: 'Start the same command by hand in the release to see what it lacks.',
        detail: { layer: this.layer.layer, program, system: code },
        cause: thrown,
      },
    );
  }
}

/** The schema of the spec admits only signals that the system has. */
function signalOf(layer: LayerRun): NodeJS.Signals {
  const known = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
  return known.find((signal) => signal === layer.stop.signal) ?? 'SIGTERM';
}
