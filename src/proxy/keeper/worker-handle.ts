import type { Subprocess } from 'bun';
import type { Challenge } from '../acme/messages.ts';
import type { Listener, Provisions, Table } from '../data-plane.ts';
import { Report, type Order, type WorkerCounters } from './messages.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

/** Orders without the number that the handle gives them. */
export type Unnumbered<O> = O extends Order ? Omit<O, 'id'> : never;

/** What a worker answered to an order. */
export interface Answer {
  readonly held: number;
  readonly counters: WorkerCounters;
}

/** A worker that did not answer: it is gone, or it was too slow. */
export class WorkerSilent extends Error {
  override readonly name = 'WorkerSilent';
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** As the order wants it. */
export const copied = ({ pages, stickyKeys, previewSecrets, mirrorSocket }: Provisions) => ({
  pages: { ...pages },
  stickyKeys: [...stickyKeys],
  previewSecrets: { ...previewSecrets },
  ...(mirrorSocket === undefined ? {} : { mirrorSocket }),
});

const firstInherited = 3;
const lastWordsMs = 200;

/** The keeper's end of one worker process. */
export class WorkerHandle {
  readonly startedAt = Date.now();
  readonly identity: ProcessIdentity;
  /** Resolves when the worker can take `start`; rejects with `WorkerSilent` if it ends or is too slow. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>;
  state: 'starting' | 'ready' | 'serving' | 'draining' | 'gone' = 'starting';
  /** The last that was heard of what it counts. */
  lastCounters: WorkerCounters = {};
  private readonly process: Subprocess;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;

  /**
   * Starts the process.
   *
   * @param command argument vector of a program that calls `runWorkerProcess`
   * @param listeners the keeper's sockets that it inherits; nothing else of the keeper's is open in it
   */
  constructor(
    command: readonly string[],
    private readonly listeners: readonly Listener[],
    readyMs: number,
    private readonly onDraining: (worker: WorkerHandle) => void,
  ) {
    const ready = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<void>();
    const disconnected = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      ready.reject(new WorkerSilent(`the worker was not ready within ${readyMs} ms`));
      this.kill();
    }, readyMs);
    this.process = Bun.spawn([...command], {
      stdio: ['ignore', 'inherit', 'inherit', ...listeners.map(({ fd }) => fd)],
      env: process.env,
      serialization: 'json',
      ipc: (message: unknown) => {
        const report = Report.safeParse(message);
        // A program of another version, put in place of ours while we run: it cannot be led.
        if (!report.success) return this.kill();
        if (report.data.kind === 'ready') {
          clearTimeout(timer);
          this.state = 'ready';
          ready.resolve();
        } else this.hear(report.data);
      },
      onExit: (_process, exitCode, signal) => {
        clearTimeout(timer);
        this.state = 'gone';
        const error = new WorkerSilent(
          `the worker ended (${signal === null ? `exit code ${exitCode}` : `signal ${signal}`})`,
        );
        ready.reject(error);
        for (const { reject, timer } of this.waiting.values()) {
          clearTimeout(timer);
          reject(error);
        }
        this.waiting.clear();
        // Its last words may still be on the way: they come before the end of the channel.
        void Promise.race([disconnected.promise, Bun.sleep(lastWordsMs)]).then(() => exited.resolve());
      },
      onDisconnect: () => disconnected.resolve(),
    });
    this.ready = ready.promise;
    this.exited = exited.promise;
    // A worker that ends before it is ready is seen by those who wait for `ready`; if nobody does, that is no defect.
    this.ready.catch(() => undefined);
    this.identity = identityOf(this.process.pid) ?? { pid: this.process.pid, startTicks: 0, machineBoot: '' };
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Gives it its table and lets it accept. */
  async start(
    table: Table,
    provisions: Provisions,
    share: { readonly index: number; readonly of: number },
    inbox: string,
    challenges: readonly Challenge[],
    drainMs: number,
    timeoutMs: number,
  ): Promise<void> {
    // Serving from the moment the order leaves: from then on it has to take part in every switch.
    this.state = 'serving';
    const listeners = this.listeners.map(({ address }, index) => ({ address, fd: firstInherited + index }));
    await this.order(
      {
        kind: 'start',
        table: { version: table.version, routes: [...table.routes], leases: table.leases },
        provisions: copied(provisions),
        listeners,
        share,
        inbox,
        challenges: [...challenges],
        drainMs,
      },
      timeoutMs,
    );
  }

  /** Sends an order and waits for the answer; rejects with `WorkerSilent` if none comes in time. */
  order(order: Unnumbered<Order>, timeoutMs: number): Promise<Answer> {
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      this.waiting.delete(id);
      reject(new WorkerSilent(`the worker did not answer "${order.kind}" within ${timeoutMs} ms`));
    }, timeoutMs);
    this.waiting.set(id, { resolve, reject, timer });
    try {
      this.process.send({ ...order, id });
    } catch (cause) {
      clearTimeout(timer);
      this.waiting.delete(id);
      reject(new WorkerSilent(`the worker took no order "${order.kind}"`, { cause }));
    }
    return promise;
  }

  /** Whether it was given exactly these sockets. */
  inherits(listeners: readonly Listener[]): boolean {
    return (
      listeners.length === this.listeners.length &&
      listeners.every((listener) => this.listeners.includes(listener))
    );
  }

  /** Cuts the channel: the worker goes on alone, as if this keeper had died. */
  abandon(): void {
    this.process.disconnect();
    this.process.unref();
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  private hear(report: Exclude<Report, { kind: 'ready' }>): void {
    if (report.kind === 'counted') {
      this.lastCounters = report.counters;
      return;
    }
    if (report.kind === 'draining') {
      this.state = 'draining';
      return this.onDraining(this);
    }
    const waiting = this.waiting.get(report.id);
    if (!waiting) return;
    this.waiting.delete(report.id);
    clearTimeout(waiting.timer);
    if (report.kind === 'failed') return waiting.reject(new Error(`worker ${this.pid}: ${report.message}`));
    this.lastCounters = report.counters;
    waiting.resolve({ held: report.held, counters: report.counters });
  }
}
