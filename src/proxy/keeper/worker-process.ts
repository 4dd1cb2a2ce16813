import { limitsShareOf } from '../../core/worker-share.ts';
import { modeShareOf } from '../../core/worker-share.ts';
import type { DataPlane, Table } from '../data-plane.ts';
import { defaultLimits } from '../worker/limits.ts';
import { descriptorsPerMessage, sendDescriptors } from './descriptor-passing.ts';
import { blindMode } from './blind-mode.ts';
import { machineNow } from './machine-clock.ts';
import { giveBackWhenQuiet } from './quiet-time.ts';
import type { Order, OrderOf, OrphanReport, Report, WorkerCounters } from './messages.ts';

/** A keeper that says nothing for so long after `hold` is stopped or stuck; the requests that wait must not wait for it. */
const longestHoldMs = 3000;
/** Any time does; nothing is done then. */
const restMs = 60_000;

/** When a drain that has begun lets no new request through any more. */
const quietAfterMs = defaultLimits.drainIdleMs + 2 * defaultLimits.sweepMs;

const countersOf = (plane: DataPlane): WorkerCounters => Object.fromEntries(plane.counters());

/**
 * One worker: carries out the keeper's orders on a data plane, and goes on alone by its last table when the keeper dies.
 *
 * Signals, for the time without a keeper: SIGUSR2 hands the listening sockets to the next keeper, SIGTERM drains and ends.
 * SIGINT and SIGHUP, which a terminal sends to the whole group, are the keeper's to judge.
 *
 * Orders come over a pipe that only the keeper holds, from the same program, and were parsed there: they are not parsed again, so that no
 * worker has the schemas in memory.
 */
class WorkerProcess {
  private started: OrderOf<'start'> | undefined;
  private holding: Timer | undefined;
  private rest: Timer | undefined;
  /** The table of the switch that is under way. */
  private prepared: { readonly version: number; readonly swap: () => void } | null = null;
  private draining = false;
  /** As the keeper gave it. */
  private table: Table = { version: 0, routes: [] };
  private leases: Record<string, number> = {};
  /** Services whose lease is over. */
  private lapsed = new Set<string>();
  private leaseTimer: Timer | undefined;
  private askedByNextKeeper = false;

  constructor(
    private readonly plane: DataPlane,
    private readonly end: (exitCode: number) => void,
  ) {}

  run(): void {
    // Whoever read our lines may have died with the keeper; that must not end us too.
    process.stderr.on('error', () => undefined);
    process.on('SIGINT', () => undefined);
    process.on('SIGHUP', () => undefined);
    process.on('SIGTERM', () => this.drainAndEnd(this.started?.drainMs ?? 0));
    process.on('SIGUSR2', () => this.handOver());
    process.on('disconnect', () => this.keeperLost());
    process.on('message', (order: Order) => this.obey(order));
    this.report({ kind: 'ready' });
  }

  private obey(order: Order): void {
    try {
      // A swap tells what was counted until then, before any request goes by the new table.
      const before = order.kind === 'swap' ? countersOf(this.plane) : null;
      const held = this.carryOut(order);
      if (held !== undefined)
        this.report({ kind: 'done', id: order.id, held, counters: before ?? countersOf(this.plane) });
    } catch (error) {
      this.report({
        kind: 'failed',
        id: order.id,
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }

  /** How many requests waited; undefined if there is nothing to answer yet. */
  private carryOut(order: Order): number | undefined {
    switch (order.kind) {
      case 'start':
        this.started = order;
        this.plane.provide(order.provisions);
        this.plane.prove(order.challenges);
        this.plane.swap(this.ownOf(order.table));
        this.follow(order.table);
        this.plane.listen(order.listeners);
        giveBackWhenQuiet(false, (line) => process.stderr.write(`worker ${process.pid}: ${line}\n`));
        return 0;
      case 'hold':
        this.plane.hold();
        clearTimeout(this.holding);
        this.holding = setTimeout(() => this.release(), longestHoldMs);
        return 0;
      case 'prepare':
        this.prepare(order.table);
        return 0;
      case 'swap':
        this.swap(order.version);
        return this.release();
      case 'release':
        this.prepared = null;
        return this.release();
      case 'sicken':
        this.plane.sicken(order.instances);
        return 0;
      case 'provide':
        this.plane.provide(order.provisions);
        return 0;
      case 'challenges':
        this.plane.prove(order.challenges);
        return 0;
      case 'evict':
        this.plane.evict(order.service, order.colour, order.overMs);
        return 0;
      case 'counters':
        return 0;
      case 'lease':
        Object.assign(this.leases, order.leases);
        this.watchLeases();
        return 0;
      case 'drain':
        this.drainAndEnd(order.deadlineMs);
        return 0;
    }
  }

  /** Of what a mode or a limit allows to the whole proxy, a worker takes its share. */
  private ownOf({ version, routes }: Table): Table {
    const { index, of } = this.started?.share ?? { index: 0, of: 1 };
    return {
      version,
      routes: routes.map((route) => ({
        ...route,
        ...(route.mode && { mode: modeShareOf(route.mode, index, of) }),
        ...(route.limits && { limits: limitsShareOf(route.limits, index, of) }),
      })),
    };
  }

  private prepare(table: Table): void {
    const swap = this.plane.prepare(this.ownOf(table));
    this.prepared = {
      version: table.version,
      swap: () => {
        swap();
        this.follow(table);
      },
    };
  }

  /** The leases of the table that is in force now are those that count. */
  private follow(table: Table): void {
    this.table = table;
    this.leases = { ...table.leases };
    this.lapsed.clear();
    this.watchLeases();
  }

  /** Closes services whose lease is over, and opens those for which it was renewed, whether or not the keeper lives. */
  private watchLeases(): void {
    clearTimeout(this.leaseTimer);
    const leases = Object.entries(this.leases);
    if (leases.length === 0) return;
    const now = machineNow();
    const lapsed = new Set(leases.filter(([, until]) => until <= now).map(([service]) => service));
    if (lapsed.symmetricDifference(this.lapsed).size > 0) {
      this.lapsed = lapsed;
      const { version, routes } = this.table;
      const faced = routes.map((route) =>
        lapsed.has(route.service) && route.mode?.mode !== 'closed' ? { ...route, mode: blindMode } : route,
      );
      this.plane.swap(this.ownOf({ version, routes: faced }));
    }
    const next = Math.min(...leases.map(([, until]) => until).filter((until) => until > now));
    if (next !== Infinity)
      this.leaseTimer = setTimeout(() => this.watchLeases(), Math.min(60_000, next - now + 1));
  }

  private swap(version: number): void {
    const { prepared } = this;
    if (prepared?.version !== version)
      throw new Error(`table ${version} was not prepared, but ${prepared?.version ?? 'none'}`);
    this.prepared = null;
    prepared.swap();
  }

  private release(): number {
    clearTimeout(this.holding);
    this.holding = undefined;
    return this.plane.release();
  }

  private drainAndEnd(deadlineMs: number): void {
    const begun = this.plane.drain(deadlineMs);
    if (this.draining) return;
    this.draining = true;
    this.report({ kind: 'draining' });
    if (!process.connected || this.askedByNextKeeper) this.becomeQuiet();
    const ended = (exitCode: number) => {
      this.report({ kind: 'counted', counters: countersOf(this.plane) });
      this.end(exitCode);
    };
    begun.then(
      () => ended(0),
      (error: unknown) => {
        process.stderr.write(`worker ${process.pid}: draining failed: ${String(error)}\n`);
        ended(1);
      },
    );
  }

  /**
   * A drain gives kept connections a moment for one more request. With no keeper of ours, nobody could tell us of a switch
   * that comes after it, so the next keeper takes no order until that moment is over; what comes later still is not routed by
   * a table that may be old.
   */
  private becomeQuiet(): void {
    setTimeout(() => {
      this.plane.hold();
      this.tellNextKeeper({ kind: 'quiet', pid: process.pid }, []);
    }, quietAfterMs);
  }

  private keeperLost(): void {
    // Not yet started means not yet on the list that the next keeper reads: it would never be found again.
    if (!this.started) return this.end(0);
    if (this.holding) this.release();
    // With neither its channel nor a listener Bun's loop has nothing that it could wait for, and would go round and round until the next
    // keeper comes.
    this.rest ??= setInterval(() => undefined, restMs);
  }

  private handOver(): void {
    if (!this.started) return;
    this.askedByNextKeeper = true;
    if (this.draining) {
      this.becomeQuiet();
      return this.tellNextKeeper({ kind: 'draining', pid: process.pid }, []);
    }
    const { listeners } = this.started;
    for (let at = 0; at === 0 || at < listeners.length; at += descriptorsPerMessage) {
      const some = listeners.slice(at, at + descriptorsPerMessage);
      const last = at + descriptorsPerMessage >= listeners.length;
      this.tellNextKeeper(
        { kind: 'listeners', pid: process.pid, addresses: some.map(({ address }) => address), last },
        some.map(({ fd }) => fd),
      );
    }
  }

  private tellNextKeeper(report: OrphanReport, fds: readonly number[]): void {
    if (!this.started) return;
    try {
      sendDescriptors(this.started.inbox, JSON.stringify(report), fds);
    } catch (error) {
      // The next keeper is not there, or gone again; it waits for a bounded time and does without.
      process.stderr.write(`worker ${process.pid}: no keeper took "${report.kind}": ${String(error)}\n`);
    }
  }

  private report(report: Report): void {
    if (process.connected) process.send?.(report);
  }
}

/**
 * Runs a worker in this process, which a keeper has started (`WorkerHandle`). Returns at once; the process ends when the
 * keeper says so, when it is drained, or when its keeper dies before it was started.
 */
export function runWorkerProcess(plane: DataPlane): void {
  if (!process.connected) {
    process.stderr.write('a proxy worker is started by the keeper, not by hand; run: cutover up\n');
    process.exitCode = 2;
    return;
  }
  new WorkerProcess(plane, (exitCode) => {
    // What was reported must have left before the process ends.
    if (process.connected) process.once('disconnect', () => process.exit(exitCode));
    else process.exit(exitCode);
    if (process.connected) process.disconnect?.();
  }).run();
}
