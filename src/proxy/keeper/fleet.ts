import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Counters } from '../../core/traffic.ts';
import type { Challenge } from '../acme/messages.ts';
import { closingSpanMs, type Listener, type Provisions, type Table } from '../data-plane.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { rehearseSwitch } from './rehearsal.ts';
import type { RosterFile } from './roster.ts';
import { Totals } from './totals.ts';
import { copied, WorkerHandle } from './worker-handle.ts';

export interface FleetOptions {
  /** Argument vector that starts a worker. */
  readonly command: readonly string[];
  readonly size: number;
  /** Where workers send their sockets when this keeper has died. */
  readonly inbox: string;
  /** How long a worker that is replaced may finish what it has begun. */
  readonly drainMs: number;
  readonly answerMs: number;
  readonly readyMs: number;
  readonly roster: RosterFile;
  /** Workers of a former keeper that may still drain; they stay on the list. */
  readonly orphans: readonly ProcessIdentity[];
  readonly log: (line: string) => void;
  /** Runs a task when no switch is under way, with the table and the sockets of that moment. */
  readonly inTurn: (task: (table: Table, listeners: readonly Listener[]) => Promise<void>) => Promise<void>;
  readonly listeners: () => readonly Listener[];
  /** What a worker that starts is given beside the table. */
  readonly provisions: () => Provisions;
}

/** One place for a worker. Workers come and go in it. */
interface Slot {
  worker: WorkerHandle | null;
  restarts: number;
  /** Ends in a row soon after the start; they lengthen the wait before the next start. */
  failures: number;
  timer: Timer | undefined;
}

const steadyMs = 10_000;
const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
/** Beyond the whole of a drain, before a worker is taken for stuck. */
const graceMs = 2_000;

/** Nothing before the first restart, then 100 ms, doubling up to 5 s, for a worker that keeps ending. */
export const restartDelayMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1));

/** What is shown of a worker. */
export interface WorkerStatus {
  readonly pid: number | null;
  readonly ready: boolean;
  readonly startedAt: number | null;
  readonly restarts: number;
}

/** The worker processes: those that accept, one in each slot, and those that finish what they began. */
export class Fleet {
  private readonly slots: Slot[];
  /** Every process that has not ended, or whose counters are not yet in the totals. */
  private readonly workers = new Set<WorkerHandle>();
  private readonly totals = new Totals();
  private stopping = false;
  /** What workers that start from now on are told to prove. */
  private challenges: readonly Challenge[] = [];

  constructor(private readonly options: FleetOptions) {
    this.slots = Array.from({ length: options.size }, () => ({
      worker: null,
      restarts: 0,
      failures: 0,
      timer: undefined,
    }));
  }

  /** Those that route or may still route: they take part in every switch. */
  routing(): WorkerHandle[] {
    return [...this.workers].filter(({ state }) => state === 'serving' || state === 'draining');
  }

  status(): WorkerStatus[] {
    return this.slots.map(({ worker, restarts }) => ({
      pid: worker?.pid ?? null,
      ready: worker?.state === 'serving',
      startedAt: worker?.startedAt ?? null,
      restarts,
    }));
  }

  /** Processes of former sets that still finish what they began. */
  draining(): number[] {
    return this.routing()
      .filter((worker) => !this.slots.some((slot) => slot.worker === worker))
      .map(({ pid }) => pid);
  }

  /** The counters of a service by what was last heard of each worker; `refreshCounters` before makes them current. */
  counters(service: string, bootId: string): Counters {
    const here = [...this.workers].map(({ lastCounters }) => lastCounters);
    return this.totals.of(service, here, bootId, Date.now());
  }

  async refreshCounters(): Promise<void> {
    // One that does not answer keeps what was last heard of it.
    await Promise.allSettled(
      this.routing().map((worker) => worker.order({ kind: 'counters' }, this.options.answerMs)),
    );
  }

  /** Gives every worker what the next table refers to. One that does not take it is killed: it would route by that table without. */
  async provide(): Promise<void> {
    const provisions = copied(this.options.provisions());
    await Promise.all(
      this.routing().map(async (worker) => {
        try {
          await worker.order({ kind: 'provide', provisions }, this.options.answerMs);
        } catch {
          worker.kill();
        }
      }),
    );
  }

  /** Has every worker end what it has in flight on a side. One that does not hear it is told when the order is repeated. */
  async evict(service: string, colour: Colour, overMs: number): Promise<void> {
    await Promise.allSettled(
      this.routing().map((worker) =>
        worker.order({ kind: 'evict', service, colour, overMs }, this.options.answerMs),
      ),
    );
  }

  /** Renews leases in every worker. One that does not hear it lets its own end. */
  async lease(leases: Readonly<Record<string, number>>): Promise<void> {
    await Promise.allSettled(
      this.routing().map((worker) =>
        worker.order({ kind: 'lease', leases: { ...leases } }, this.options.answerMs),
      ),
    );
  }

  /** Tells every worker which instances are sick. One that does not hear it is told at the next beat. */
  async sicken(instances: readonly string[]): Promise<void> {
    await Promise.allSettled(
      this.routing().map((worker) =>
        worker.order({ kind: 'sicken', instances: [...instances] }, this.options.answerMs),
      ),
    );
  }

  /**
   * Has every worker prove this to an authority, and nothing else; those that start later, too.
   *
   * @throws WorkerSilent if one that accepts does not say that it does
   */
  async prove(challenges: readonly Challenge[]): Promise<void> {
    this.challenges = challenges;
    const answers = this.routing().map(async (worker) => {
      try {
        await worker.order({ kind: 'challenges', challenges: [...challenges] }, this.options.answerMs);
      } catch (error) {
        // One that drains or has ended is not asked by anybody any more.
        if (worker.state === 'serving') throw error;
      }
    });
    await Promise.all(answers);
  }

  /**
   * Starts a whole set of processes that do not accept yet.
   *
   * @throws CutoverError `io-failed` if one does not come up; none is left then
   */
  async prepareSet(listeners: readonly Listener[]): Promise<WorkerHandle[]> {
    const set: WorkerHandle[] = [];
    try {
      for (const _ of this.slots) set.push(this.spawn(listeners));
      await Promise.all(set.map(({ ready }) => ready));
      await rehearseSwitch(set, this.options.readyMs);
      return set;
    } catch (cause) {
      for (const worker of set) worker.kill();
      throw new CutoverError(
        'io-failed',
        `a proxy worker did not start: ${cause instanceof Error ? cause.message : String(cause)}`,
        {
          next: `run it by hand to see why: ${this.options.command.join(' ')}`,
          cause,
        },
      );
    }
  }

  /** Lets a prepared set accept by this table. One that fails is ended, and replaced once it is installed. */
  async startSet(set: readonly WorkerHandle[], table: Table): Promise<void> {
    this.writeRoster();
    await Promise.all(set.map((worker, index) => this.start(worker, index, table)));
  }

  /** Puts a started set in the place of the former one, which drains. */
  installSet(set: readonly WorkerHandle[]): void {
    this.slots.forEach((slot, index) => {
      const former = slot.worker;
      clearTimeout(slot.timer);
      slot.failures = 0;
      slot.worker = set[index] ?? null;
      if (former) this.drain(former, this.options.drainMs);
      // It may have ended between its start and now, when it had no slot that would replace it.
      if (slot.worker?.state === 'gone') this.scheduleRestart(slot, slot.worker);
    });
  }

  /** Ends every worker, each after its drain. Resolves when none is left. */
  async stop(drainMs: number): Promise<void> {
    this.stopping = true;
    for (const slot of this.slots) clearTimeout(slot.timer);
    const all = [...this.workers];
    for (const worker of all) this.drain(worker, drainMs);
    await Promise.all(all.map(({ exited }) => exited));
  }

  /** Leaves the workers alone: they serve on by their table until the next keeper takes over. */
  abandon(): void {
    this.stopping = true;
    for (const slot of this.slots) clearTimeout(slot.timer);
    for (const worker of this.workers) worker.abandon();
  }

  private spawn(listeners: readonly Listener[]): WorkerHandle {
    const worker = new WorkerHandle(this.options.command, listeners, this.options.readyMs, () =>
      this.leave(worker),
    );
    this.workers.add(worker);
    void worker.exited.then(() => this.ended(worker));
    return worker;
  }

  private async start(worker: WorkerHandle, index: number, table: Table): Promise<void> {
    try {
      await worker.start(
        table,
        this.options.provisions(),
        { index, of: this.slots.length },
        this.options.inbox,
        this.challenges,
        this.options.drainMs,
        this.options.answerMs,
      );
    } catch (error) {
      this.options.log(
        `worker ${worker.pid} did not start: ${error instanceof Error ? error.message : String(error)}`,
      );
      worker.kill();
    }
  }

  private drain(worker: WorkerHandle, deadlineMs: number): void {
    if (worker.state !== 'serving' && worker.state !== 'draining') return worker.kill();
    worker.state = 'draining';
    const timer = setTimeout(() => worker.kill(), deadlineMs + closingSpanMs(deadlineMs) + graceMs);
    void worker.exited.then(() => clearTimeout(timer));
    worker.order({ kind: 'drain', deadlineMs }, this.options.answerMs).catch(() => worker.kill());
  }

  private ended(worker: WorkerHandle): void {
    this.workers.delete(worker);
    this.totals.retire(worker.lastCounters);
    if (!this.stopping) this.writeRoster();
    this.leave(worker);
  }

  /** A worker that ends, or was told by a signal to end, makes room for the next. */
  private leave(worker: WorkerHandle): void {
    const slot = this.slots.find((slot) => slot.worker === worker);
    if (slot) this.scheduleRestart(slot, worker);
  }

  private scheduleRestart(slot: Slot, ended: WorkerHandle): void {
    slot.worker = null;
    if (Date.now() - ended.startedAt > steadyMs) slot.failures = 0;
    slot.restarts++;
    this.restartLater(slot, `worker ${ended.pid} is gone`);
  }

  private restartLater(slot: Slot, why: string): void {
    if (this.stopping) return;
    const delayMs = restartDelayMs(slot.failures++);
    this.options.log(`${why}; the next starts in ${delayMs} ms`);
    slot.timer = setTimeout(() => void this.restart(slot), delayMs);
  }

  private async restart(slot: Slot): Promise<void> {
    let worker: WorkerHandle;
    try {
      worker = this.spawn(this.options.listeners());
    } catch (error) {
      // The program is not there, or there are no more processes or descriptors to have: that may pass.
      return this.restartLater(
        slot,
        `a worker could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    slot.worker = worker;
    try {
      await worker.ready;
    } catch {
      // It ended, and `ended` has scheduled the next.
      return;
    }
    await this.options.inTurn(async (table, listeners) => {
      if (slot.worker !== worker || this.stopping) return worker.kill();
      // The sockets changed while it came up, so it has not all of them.
      if (!worker.inherits(listeners)) return worker.kill();
      this.writeRoster();
      await this.start(worker, this.slots.indexOf(slot), table);
    });
  }

  private writeRoster(): void {
    try {
      this.options.roster.write([
        ...this.options.orphans,
        ...[...this.workers].map(({ identity }) => identity),
      ]);
    } catch (error) {
      // A worker that is not listed still serves; only the next keeper would not find it. No worker would be worse.
      this.options.log(
        `the list of workers could not be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}
