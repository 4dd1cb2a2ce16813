import { underWay, type Deployment, type Switched } from '../core/deployment.ts';
import { CutoverError, errorRecord, type ErrorRecord } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import type { Plan } from '../core/plan.ts';
import { current, type Service } from '../core/service.ts';
import { nextRetirement, retire } from '../core/strategies/retire.ts';
import type { SetPart } from '../core/set.ts';
import type { Looks } from '../core/timeline.ts';
import type { Counters } from '../core/traffic.ts';
import type { Verdict } from '../core/verdict.ts';
import { Journal, LogUnwritable } from './journal.ts';
import type { Meetings } from './meetings.ts';
import { Onlooker } from './onlooker.ts';
import type { OpenService } from './open-service.ts';
import { deploymentRunning } from './refusals.ts';
import { noSet, setContext } from './set-context.ts';
import { stepContext } from './step-context.ts';
import { turnBack, type Part } from './turn-back.ts';
import { deploymentOf, measured, Stopping, walk } from './walk.ts';
import { assertWorkers } from './worker-leases.ts';

const retryMs = 1000;

interface Running {
  readonly id: number;
  readonly done: Promise<void>;
}

/** What a deployment begins with: its plan, and what is recorded along with it. */
export interface Beginning {
  readonly plan: Plan;
  readonly created?: ServiceEvent | null;
  readonly order?: { readonly reason: string | null; readonly verdict: Verdict | null };
  readonly set?: SetPart;
}

const aborted = (id: number, by: string): CutoverError =>
  new CutoverError('aborted', `deployment ${id} was aborted by ${by}`);

function expectIdle(service: Service): void {
  const running = current(service);
  if (running) throw deploymentRunning(service, running);
}

function eventsOf(
  service: Service,
  { plan, created, order, set }: Beginning,
  by: string,
  counters: Counters | null,
): ServiceEvent[] {
  const deployment = service.deployments.length + 1;
  const events: ServiceEvent[] = created ? [created] : [];
  events.push({ type: 'deployment-started', deployment, plan, by, ...order, ...(set && { set }) });
  if (counters) events.push({ type: 'traffic-measured', deployment, moment: 'start', counters });
  return events;
}

/** What is under way with one service: a deployment that is walked to its end, and after it the retirement of the side that is kept. */
export class Course {
  #running: Running | null = null;
  #retirement: AbortController | null = null;
  #halted: ErrorRecord | null = null;

  /**
   * @param peer another service of the same engine
   * @param meetings where it meets those of its set
   */
  constructor(
    private readonly open: OpenService,
    private readonly peer: (name: string) => Promise<OpenService>,
    private readonly meetings: Meetings,
  ) {}

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
    const [deployment] = await Course.startTogether([this], by, ([service]) => [
      decide(service ?? this.open.service),
    ]);
    if (!deployment) throw new Error('a deployment was started, and is not there');
    return deployment;
  }

  /** As `start`, of several services at once: all are on record, or none is. `decide` gets them in the order of the courses. */
  static async startTogether(
    courses: readonly Course[],
    by: string,
    decide: (services: readonly Service[]) => readonly Beginning[],
  ): Promise<readonly Deployment[]> {
    // What the router has counted so far; measured before, since the log is written in one go.
    const counted = await Promise.all(courses.map((course) => course.#beforeStart()));
    let after: readonly Service[];
    try {
      after = await Journal.together(
        courses.map(({ open }) => open.journal),
        (services) => {
          for (const service of services) expectIdle(service);
          const beginnings = decide(services);
          return services.map((service, index) => {
            const beginning = beginnings[index];
            return beginning ? eventsOf(service, beginning, by, counted[index] ?? null) : [];
          });
        },
      );
    } catch (error) {
      for (const course of courses) course.#scheduleRetirement();
      throw error instanceof LogUnwritable && error.cause instanceof CutoverError ? error.cause : error;
    }
    const deployments = after.map((service) => deploymentOf(service, service.deployments.length));
    for (const [index, deployment] of deployments.entries()) courses[index]?.begin(deployment);
    return deployments;
  }

  async #beforeStart(): Promise<Counters | null> {
    const { journal, service } = this.open;
    this.#retirement?.abort();
    return journal.exists
      ? measured({ router: this.open.router, service: () => service, report: () => undefined })
      : null;
  }

  /** All that the deployment is a part of, in the order of its set; only itself if it is by itself. */
  async parts({ id, set }: Deployment): Promise<readonly Part[]> {
    if (!set) return [{ open: this.open, deployment: id }];
    return Promise.all(
      set.services.map(async ({ service, deployment }) => ({ open: await this.peer(service), deployment })),
    );
  }

  /** Walks a deployment that is on record. */
  begin({ id }: Deployment): void {
    const abort = new AbortController();
    const cut = (why: Error): void => {
      // Whoever waits for the log has seen the same, and goes on by it.
      queueMicrotask(() => abort.abort(why));
    };
    const unwatch = this.open.journal.watch((records) => {
      for (const { event } of records) {
        if (!('deployment' in event) || event.deployment !== id) continue;
        if (event.type === 'abort-requested') cut(aborted(id, event.by));
        if (event.type === 'turned-back' || event.type === 'deployment-frozen')
          cut(new CutoverError(event.error.code, event.error.message));
      }
    });
    const done = this.#walk(id, abort.signal).finally(() => {
      unwatch();
      if (this.#running?.id === id) this.#running = null;
      if (!this.#halted) this.#scheduleRetirement();
    });
    this.#running = { id, done };
    // An abort that is in the log from before a crash.
    const { abortedBy } = deploymentOf(this.open.service, id);
    if (abortedBy !== null) abort.abort(aborted(id, abortedBy));
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
    const { journal, house, name } = this.open;
    for (;;) {
      try {
        const { set } = deploymentOf(journal.service, id);
        const parts = await this.parts(deploymentOf(journal.service, id));
        await walk(
          journal,
          id,
          (deployment) =>
            stepContext(this.open, deployment, signal, (self) =>
              set ? setContext(set, parts, this.meetings, self) : noSet,
            ),
          looks,
          (error) => turnBack(parts, name, error),
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
