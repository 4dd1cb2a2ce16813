import { underWay, type Deployment, type Switched } from '../core/deployment.ts';
import { CutoverError, errorRecord, type ErrorRecord } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import type { Plan } from '../core/plan.ts';
import { current, type Service } from '../core/service.ts';
import { nextRetirement, retire } from '../core/strategies/retire.ts';
import type { Looks } from '../core/timeline.ts';
import type { Verdict } from '../core/verdict.ts';
import { LogUnwritable } from './journal.ts';
import { Onlooker } from './onlooker.ts';
import type { OpenService } from './open-service.ts';
import { deploymentRunning } from './refusals.ts';
import { stepContext } from './step-context.ts';
import { deploymentOf, measured, Stopping, walk } from './walk.ts';
import { assertWorkers } from './worker-leases.ts';

const retryMs = 1000;

interface Running {
  readonly id: number;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** What a deployment begins with: its plan, and what is recorded along with it. */
export interface Beginning {
  readonly plan: Plan;
  readonly created?: ServiceEvent | null;
  readonly order?: { readonly reason: string | null; readonly verdict: Verdict | null };
}

/** What is under way with one service: a deployment that is walked to its end, and after it the retirement of the side that is kept. */
export class Course {
  #running: Running | null = null;
  #retirement: AbortController | null = null;
  #halted: ErrorRecord | null = null;

  constructor(private readonly open: OpenService) {}

  /** Why nothing moves, while the log cannot be written. */
  get halted(): ErrorRecord | null {
    return this.#halted;
  }

  /** Goes on with what the log says is under way. */
  resume(): void {
    const deployment = current(this.open.service);
    if (deployment) this.begin(deployment);
    else this.#scheduleRetirement();
  }

  /** Records a deployment and begins to walk it; resolves when it is on record. Throws `deployment-running`, and what `decide` throws. */
  async start(by: string, decide: (service: Service) => Beginning): Promise<Deployment> {
    const { journal, service } = this.open;
    this.#retirement?.abort();
    // What the router has counted so far; measured before, since the log is written in one go.
    const start = journal.exists
      ? await measured({ router: this.open.router, service: () => service, report: () => undefined })
      : null;
    let after: Service;
    try {
      after = await journal.append((now) => {
        const running = current(now);
        if (running) throw deploymentRunning(now, running);
        const { plan, created, order } = decide(now);
        const deployment = now.deployments.length + 1;
        const events: ServiceEvent[] = created ? [created] : [];
        events.push({ type: 'deployment-started', deployment, plan, by, ...order });
        if (start) events.push({ type: 'traffic-measured', deployment, moment: 'start', counters: start });
        return events;
      });
    } catch (error) {
      this.#scheduleRetirement();
      throw error instanceof LogUnwritable && error.cause instanceof CutoverError ? error.cause : error;
    }
    const deployment = deploymentOf(after, after.deployments.length);
    this.begin(deployment);
    return deployment;
  }

  /** Walks a deployment that is on record. */
  begin({ id }: Deployment): void {
    const abort = new AbortController();
    const done = this.#walk(id, abort.signal).finally(() => {
      if (this.#running?.id === id) this.#running = null;
      if (!this.#halted) this.#scheduleRetirement();
    });
    this.#running = { id, abort, done };
    // An abort that is in the log from before a crash.
    const { abortedBy } = deploymentOf(this.open.service, id);
    if (abortedBy !== null)
      abort.abort(new CutoverError('aborted', `deployment ${id} was aborted by ${abortedBy}`));
  }

  /** Cuts short what the walk is doing, after the abort is on record. Returns which deployment it walks; null: none. */
  abort(by: string): number | null {
    const running = this.#running;
    running?.abort.abort(new CutoverError('aborted', `deployment ${running.id} was aborted by ${by}`));
    return running?.id ?? null;
  }

  /** Resolves when nothing is walked any more. */
  async idle(): Promise<void> {
    await this.#running?.done;
  }

  /** Resolves when the walk has stopped, after the engine's signal to stop. */
  async end(): Promise<void> {
    this.#retirement?.abort();
    await this.idle();
  }

  /** Resolves with the switch number `before` of a deployment. Rejects with what kept it from happening. */
  async switched(id: number, before: number): Promise<Switched & { deployment: number }> {
    const found = await this.open.journal.until((service) => {
      const deployment = deploymentOf(service, id);
      const switched = deployment.switches[before];
      if (switched) return { switched };
      if (deployment.status === 'running') return undefined;
      return deployment.failure && before === 0
        ? { failure: deployment.failure }
        : underWay(deployment)
          ? undefined
          : { failure: deployment.failure };
    });
    if ('switched' in found) return { ...found.switched, deployment: id };
    const { code, message, next, detail } = found.failure ?? {
      code: 'internal',
      message: `deployment ${id} ended without a switch`,
    };
    throw new CutoverError(code, message, {
      ...(next === undefined ? {} : { next }),
      ...(detail ? { detail } : {}),
    });
  }

  /** Walks until the end; where the log cannot be written for the moment, waits and goes on. */
  async #walk(id: number, signal: AbortSignal): Promise<void> {
    const onlooker = new Onlooker(this.open.readings, this.open.house.parts.clock);
    void onlooker.begin();
    try {
      await this.#walkOn(id, signal, () => onlooker.looks);
      await this.#assertWorkers();
    } finally {
      onlooker.end();
    }
  }

  /** After one that could be taken back only in part: what is live also works. */
  async #assertWorkers(): Promise<void> {
    if (this.open.house.stop.aborted) return;
    try {
      await assertWorkers(this.open.journal, this.open.platform);
    } catch (thrown) {
      this.open.report(0, `the workers were not told: ${errorRecord(thrown).message}`);
    }
  }

  async #walkOn(id: number, signal: AbortSignal, looks: () => Looks): Promise<void> {
    const { journal, house } = this.open;
    for (;;) {
      try {
        await walk(
          journal,
          id,
          (deployment) => stepContext(this.open, deployment, signal),
          looks,
          () => this.open.verdict(true),
        );
        return;
      } catch (thrown) {
        if (thrown instanceof Stopping) return;
        const cause = thrown instanceof LogUnwritable ? thrown.cause : thrown;
        this.#halted = errorRecord(cause);
        this.open.report(id, `halted: ${this.#halted.message}`);
        if (this.#halted.code === 'lease-lost') return;
      }
      try {
        await house.parts.clock.sleep(retryMs, house.stop);
        await journal.reload();
        this.#halted = null;
      } catch (thrown) {
        if (thrown instanceof Stopping) return;
        this.#halted = errorRecord(thrown);
      }
    }
  }

  #scheduleRetirement(): void {
    this.#retirement?.abort();
    this.#retirement = null;
    const due = nextRetirement(this.open.service);
    if (!due || this.open.house.stop.aborted) return;
    const timer = new AbortController();
    this.#retirement = timer;
    const { clock } = this.open.house.parts;
    clock
      .sleep(Math.max(0, due.at - clock.now()), timer.signal)
      .then(async () => {
        if (timer.signal.aborted) return;
        await this.start('keep time', (service) => ({ plan: retire(service, due.colour, due.release) }));
      })
      .catch((thrown: unknown) => {
        if (timer.signal.aborted) return;
        this.open.report(0, `the side that is kept was not retired: ${errorRecord(thrown).message}`);
      });
  }
}
