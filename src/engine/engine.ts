import type { Colour } from '../core/colour.ts';
import { colours } from '../core/colour.ts';
import {
  awaitsDecision,
  hasMoved,
  underWay,
  type Decision,
  type Deployment,
  type Switched,
} from '../core/deployment.ts';
import { CutoverError, errorRecord, type ErrorRecord } from '../core/errors.ts';
import type { EventRecord, ServiceEvent } from '../core/event.ts';
import { ready } from '../core/environment.ts';
import type { Plan } from '../core/plan.ts';
import type { ModeOrder } from '../core/mode.ts';
import type { Page } from '../core/page.ts';
import type { Release, Source } from '../core/release.ts';
import { current, newService, releaseOf, type Service } from '../core/service.ts';
import { fileOf } from '../core/route.ts';
import { Spec, type SpecInput } from '../core/spec.ts';
import { strategyState } from '../core/strategies/authored.ts';
import type { NotifyTarget } from '../core/spec/notify.ts';
import { retire, nextRetirement } from '../core/strategies/retire.ts';
import { rollback, switchTo } from '../core/strategies/to-side.ts';
import type { Looks } from '../core/timeline.ts';
import { describeVerdict, type Verdict } from '../core/verdict.ts';
import type { Checker } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandRunner } from '../ports/command.ts';
import type { Gauge } from '../ports/gauge.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import type { Lease, Store } from '../ports/store.ts';
import type { Strategist } from '../ports/strategist.ts';
import type { WebhookSender } from '../ports/webhook.ts';
import type { StepContext } from '../steps/step.ts';
import { expectSameRouter, fittingPlan } from './fitting-plan.ts';
import { Journal, LogUnwritable } from './journal.ts';
import { untilChange } from './until-change.ts';
import { Notifications, type NoticeTest } from './notifications.ts';
import { Onlooker } from './onlooker.ts';
import { Readings } from './readings.ts';
import { patientRouter } from './patient-router.ts';
import { RouteOrders, type ModeChange, type ModeSetter } from './route-orders.ts';
import { deploymentOf, measured, Stopping, walk } from './walk.ts';
import { assertWorkers } from './worker-leases.ts';
import { WayBack } from './way-back.ts';
import { WriteWatch } from './write-watch.ts';

/** What the engine is built from. The drivers of a service are those that its newest release names. */
export interface EngineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly checker: Checker;
  readonly commands: CommandRunner;
  readonly webhooks: WebhookSender;
  readonly gauge: Gauge;
  /** The driver of a target of notifications; paths in it are relative to `base`. */
  readonly notifier: (target: NotifyTarget, base: string) => Notifier;
  readonly platform: (driver: Spec['platform']['driver']) => Platform;
  /** `base`: what relative paths in its settings begin at. */
  readonly router: (settings: Spec['router'], base: string) => Router;
  readonly lease: () => Lease;
  /** Runs strategies of users' own; absent: there are none. */
  readonly strategist?: Strategist;
  /** Reads a page by its absolute path; throws `page-invalid`. */
  readonly readPage: (path: string) => Page;
}

/** What a release is made of, as it was asked for. */
export interface ReleaseOrder {
  readonly spec: SpecInput;
  readonly base: string;
  readonly source: Source;
  readonly version: string;
}

/** Either a new release, or the number of one that exists. */
export type DeployOrder = { readonly order: ReleaseOrder } | { readonly release: number };

/** Something that is told to those who watch, and not kept. */
export interface Progress {
  readonly service: string;
  readonly deployment: number;
  readonly text: string;
}

/** How a person orders that the traffic goes back. */
export interface GoBack {
  /** Why, for the record. */
  readonly reason?: string | undefined;
  /** Also if it is unsafe. */
  readonly acceptLoss?: boolean | undefined;
}

const retryMs = 1000;

interface Running {
  readonly id: number;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

interface Entry {
  readonly journal: Journal;
  readonly orders: RouteOrders;
  readonly readings: Readings;
  readonly wayBack: WayBack;
  readonly writes: WriteWatch;
  readonly notifications: Notifications;
  running: Running | null;
  retirement: AbortController | null;
  /** Why nothing moves, while the log cannot be written. */
  halted: ErrorRecord | null;
}

/** Takes orders, writes plans, walks them: one at a time for each service. */
export class Engine {
  readonly #entries = new Map<string, Entry>();
  readonly #opening = new Map<string, Promise<Entry>>();
  readonly #progress = new Set<(progress: Progress) => void>();
  readonly #stop = new AbortController();

  constructor(private readonly parts: EngineParts) {}

  /**
   * Opens every service in the store: brings up the instances that should run and do not, tells the router what it has
   * forgotten, and goes on with what was under way. What could not be done is returned as warnings, and stops nothing else.
   */
  async resume(): Promise<readonly ErrorRecord[]> {
    const warnings: ErrorRecord[] = [];
    for (const name of await this.parts.store.streams()) {
      const entry = await this.#open(name);
      try {
        await this.#bringUp(entry.journal.service);
        await this.reassert(name);
        await assertWorkers(entry.journal, this.#platform(entry.journal.service));
      } catch (thrown) {
        if (thrown instanceof LogUnwritable) throw thrown;
        warnings.push(errorRecord(thrown));
      }
      const deployment = current(entry.journal.service);
      if (deployment) this.#begin(entry, deployment);
      else this.#scheduleRetirement(entry);
    }
    return warnings;
  }

  /** As `RouteOrders.reassert`. */
  async reassert(name: string): Promise<void> {
    await this.#entry(name).orders.reassert();
  }

  /** After a restart of the machine nothing runs: the sides that have been healthy are started again where they were. */
  async #bringUp(service: Service): Promise<void> {
    const platform = this.#platform(service);
    for (const colour of colours) {
      const environment = service.environments[colour];
      const release = environment.release === null ? undefined : releaseOf(service, environment.release);
      if (!release || !environment.placement || !ready(environment)) continue;
      await platform.start({ service: service.name, colour }, release, environment.placement);
    }
  }

  /** The services, sorted by name. */
  services(): Service[] {
    return this.#known()
      .map(({ journal }) => journal.service)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws `service-unknown`. */
  service(name: string): Service {
    return this.#entry(name).journal.service;
  }

  /** Why a service stands still, if its log cannot be written. */
  halted(name: string): ErrorRecord | null {
    return this.#entry(name).halted;
  }

  /** The plan that `deploy` would walk. Changes nothing. */
  async plan(name: string, order: DeployOrder): Promise<Plan> {
    const service = this.#entries.get(name)?.journal.service ?? newService(name);
    const { release } = releaseFor(service, order, '', this.parts.clock.now());
    const written = await this.#written(service, release);
    return fittingPlan(service, release, this.#routerFor(release), written);
  }

  /** Begins to take a release live; resolves when that is on record. Throws `deployment-running`, `release-unknown`. */
  async deploy(name: string, order: DeployOrder, by: string): Promise<Deployment> {
    const entry = this.#entries.get(name) ?? (await this.#open(name));
    const { service: before } = entry.journal;
    const asked = releaseFor(before, order, by, this.parts.clock.now()).release;
    await expectSameRouter(before, asked, this.#routerFor(asked));
    const written = await this.#written(before, asked);
    return this.#start(entry, by, (service) => {
      const { release, created } = releaseFor(service, order, by, this.parts.clock.now());
      return { created, plan: fittingPlan(service, release, this.#routerFor(release), written) };
    });
  }

  /** What the strategy of a user's own writes for the release; undefined where there is none. */
  async #written(service: Service, release: Release): Promise<unknown> {
    const { kind, module } = release.spec.strategy;
    if (kind !== 'custom' || module === undefined) return undefined;
    const { strategist } = this.parts;
    if (!strategist) throw new CutoverError('internal', 'this controller runs no strategies of users');
    return strategist.write(fileOf(release, module), strategyState(service, release));
  }

  /**
   * Takes the traffic back to the side that is kept hot; resolves when it is there (draining goes on). A deployment that is
   * under way and has switched already is turned back instead, which comes to the same.
   * Throws `nothing-to-roll-back-to`, `deployment-running`, `rollback-unsafe`, or what kept the switch from happening.
   */
  async rollback(
    name: string,
    by: string,
    how: GoBack = {},
  ): Promise<Switched & { deployment: number; verdict: Verdict | null }> {
    const entry = this.#entry(name);
    const running = current(entry.journal.service);
    if (running && running.switches.length > 0) {
      const { verdict } = await this.abort(name, by, how);
      return { ...(await this.#switched(entry, running.id, running.switches.length)), verdict };
    }
    return this.#moveBack(entry, by, how, rollback);
  }

  async #moveBack(
    entry: Entry,
    by: string,
    how: GoBack,
    plan: (service: Service) => Plan,
  ): Promise<Switched & { deployment: number; verdict: Verdict | null }> {
    const { service } = entry.journal;
    // What cannot be done at all is told before what it would cost.
    if (!current(service)) plan(service);
    const verdict = current(service) ? null : await this.verdict(service.name, true);
    expectAccepted(service.name, verdict, how);
    const { reason = null } = how;
    const { id } = await this.#start(entry, by, (now) => ({ plan: plan(now), order: { reason, verdict } }));
    return { ...(await this.#switched(entry, id, 0)), verdict };
  }

  /**
   * Sends the traffic to the named side; resolves when it is there. To the side that had it before, this is a rollback. Throws `already-live`,
   * `not-ready`, `deployment-running`, `rollback-unsafe`.
   */
  async switchTo(
    name: string,
    to: Colour,
    by: string,
    how: GoBack = {},
  ): Promise<Switched & { deployment: number; verdict: Verdict | null }> {
    return this.#moveBack(this.#entry(name), by, how, (service) => switchTo(service, to));
  }

  /** Sets how the service meets requests, as `RouteOrders.setMode`; also while a deployment is under way, which goes on. */
  async setMode(name: string, order: ModeOrder, setter: ModeSetter): Promise<ModeChange> {
    return this.#entry(name).orders.setMode(order, setter);
  }

  /**
   * Has the deployment that is under way taken back; resolves when that is on record, with what going back costs if the traffic has moved.
   * Throws `nothing-running`, `rollback-unsafe`.
   */
  async abort(
    name: string,
    by: string,
    how: GoBack = {},
  ): Promise<{ deployment: Deployment; verdict: Verdict | null }> {
    const entry = this.#entry(name);
    const { service } = entry.journal;
    const under = current(service);
    const moved =
      under !== undefined && under.status !== 'turning-back' && hasMoved(under, entry.journal.service.live);
    const verdict = moved ? await this.verdict(name, true) : null;
    expectAccepted(name, verdict, how);
    if (under && awaitsDecision(under))
      return { deployment: await this.#decide(entry, 'back', by, how.reason ?? null, verdict), verdict };
    const after = await entry.journal.append((service) => {
      const deployment = current(service);
      if (!deployment) {
        throw new CutoverError(
          'nothing-running',
          `service ${name}: expected a deployment under way, found none`,
          {
            next: 'cutover rollback goes back to the release before; cutover history shows what has ended',
          },
        );
      }
      return [
        {
          type: 'abort-requested',
          deployment: deployment.id,
          by,
          ...(how.reason !== undefined && { reason: how.reason }),
          ...(verdict && { verdict }),
        },
      ];
    });
    const { running } = entry;
    running?.abort.abort(new CutoverError('aborted', `deployment ${running.id} was aborted by ${by}`));
    return { deployment: deploymentOf(after, running?.id ?? after.deployments.length), verdict };
  }

  /**
   * Records what a person says to the deployment that is under way: the events that `decide` makes of the service as it then is; none: it is
   * so already. What was said is heeded by whatever waits. Throws what `decide` throws.
   */
  async intervene(
    name: string,
    decide: (service: Service) => readonly ServiceEvent[],
  ): Promise<{ deployment: Deployment; changed: boolean }> {
    const { journal } = this.#entry(name);
    let said: readonly ServiceEvent[] = [];
    const after = await journal
      .append((service) => (said = decide(service)))
      .catch((error: unknown) => {
        throw error instanceof LogUnwritable && error.cause instanceof CutoverError ? error.cause : error;
      });
    return { deployment: deploymentOf(after, after.deployments.length), changed: said.length > 0 };
  }

  /** Goes on with the new side of a deployment that was frozen; resolves when that is on record. Throws `not-frozen`. */
  async keep(name: string, by: string, reason: string | null): Promise<Deployment> {
    return this.#decide(this.#entry(name), 'keep', by, reason, null);
  }

  async #decide(
    entry: Entry,
    decision: Decision['decision'],
    by: string,
    reason: string | null,
    verdict: Verdict | null,
  ): Promise<Deployment> {
    // The walk that froze it may be about to end.
    await entry.running?.done;
    const after = await entry.journal.append((now) => {
      const frozen = current(now);
      if (!frozen || !awaitsDecision(frozen)) throw notFrozen(now);
      return [{ type: 'decision-taken', deployment: frozen.id, decision, by, reason, verdict }];
    });
    const deployment = deploymentOf(after, after.deployments.length);
    this.#begin(entry, deployment);
    return deployment;
  }

  /** Is going back still safe? Null if there is nothing to go back to. `fresh`: a command of the release is asked now. */
  async verdict(name: string, fresh = false): Promise<Verdict | null> {
    const entry = this.#entry(name);
    const { service } = entry.journal;
    return entry.wayBack.verdict(
      service,
      { platform: this.#platform(service), router: this.#router(service) },
      fresh,
    );
  }

  /** The records of a service after a version. */
  async records(name: string, afterVersion: number): Promise<readonly EventRecord[]> {
    this.#entry(name);
    return this.parts.store.read(name, afterVersion);
  }

  /** Calls back with every record of a service from now on. Returns how to end it. */
  watch(name: string, watcher: (records: readonly EventRecord[]) => void): () => void {
    return this.#entry(name).journal.watch(watcher);
  }

  /** Calls back with what steps report while they go on. Returns how to end it. */
  watchProgress(watcher: (progress: Progress) => void): () => void {
    this.#progress.add(watcher);
    return () => this.#progress.delete(watcher);
  }

  /** Tells each target of the service's newest release something, once, so that a person sees whether it arrives. Changes nothing. */
  async testNotifications(name: string, by: string): Promise<readonly NoticeTest[]> {
    return this.#entry(name).notifications.test(by);
  }

  platformOf(name: string): Platform {
    return this.#platform(this.#entry(name).journal.service);
  }

  routerOf(name: string): Router {
    return this.#router(this.#entry(name).journal.service);
  }

  /** Resolves when the deployment has ended. */
  async ended(name: string, id: number, signal?: AbortSignal): Promise<Deployment> {
    return this.#entry(name).journal.until((service) => {
      const deployment = deploymentOf(service, id);
      return underWay(deployment) ? undefined : deployment;
    }, signal);
  }

  /** Stops walking where it stands; what is under way goes on with the next controller. */
  async stop(): Promise<void> {
    // The proxy may be stopped or upgraded next: what it has counted is taken into the log as it is now.
    await Promise.all([...this.#entries.values()].map(({ writes }) => writes.look()));
    this.#stop.abort(new Stopping('the controller stops'));
    for (const { running, retirement, notifications } of this.#entries.values()) {
      retirement?.abort();
      await running?.done;
      await notifications.end();
    }
  }

  /** Opens a service once, also when it is asked for twice at the same time. */
  async #open(name: string): Promise<Entry> {
    const opening = this.#opening.get(name) ?? this.#read(name);
    this.#opening.set(name, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(name);
    }
  }

  async #read(name: string): Promise<Entry> {
    const journal = await Journal.open(name, this.parts.store, this.parts.clock, this.parts.lease);
    const { clock, readPage } = this.parts;
    const orders = new RouteOrders(
      journal,
      () => patientRouter(this.#router(journal.service), clock, this.#stop.signal),
      readPage,
    );
    const readings = new Readings(
      name,
      () => this.#router(journal.service),
      () => clock.now(),
    );
    const router = (): Router => this.#router(journal.service);
    const writes = new WriteWatch(journal, router, clock, this.#stop.signal);
    const wayBack = new WayBack(this.parts.checker, clock);
    void writes.run();
    const notifications = new Notifications({
      journal,
      clock,
      notifier: this.parts.notifier,
      signal: this.#stop.signal,
      report: (text) => this.#report({ service: name, deployment: 0, text }),
    });
    notifications.begin();
    const entry: Entry = {
      journal,
      orders,
      readings,
      wayBack,
      writes,
      notifications,
      running: null,
      retirement: null,
      halted: null,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  /** Those that have a log; one that was only asked for has none. */
  #known(): Entry[] {
    return [...this.#entries.values()].filter(({ journal }) => journal.exists);
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry?.journal.exists) return entry;
    const known = this.#known()
      .map(({ journal }) => journal.name)
      .sort();
    throw new CutoverError(
      'service-unknown',
      `expected a service that was deployed before, found ${name}, which never was`,
      {
        next: known.length > 0 ? `known services: ${known.join(', ')}` : 'cutover deploy makes the first one',
      },
    );
  }

  async #start(
    entry: Entry,
    by: string,
    decide: (service: Service) => {
      plan: Plan;
      created?: ServiceEvent | null;
      order?: { reason: string | null; verdict: Verdict | null };
    },
  ): Promise<Deployment> {
    entry.retirement?.abort();
    // What the router has counted so far; measured before, since the log is written in one go.
    const { service } = entry.journal;
    const start = entry.journal.exists
      ? await measured({ router: this.#router(service), service: () => service, report: () => undefined })
      : null;
    let after: Service;
    try {
      after = await entry.journal.append((now) => {
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
      this.#scheduleRetirement(entry);
      throw error instanceof LogUnwritable && error.cause instanceof CutoverError ? error.cause : error;
    }
    const deployment = deploymentOf(after, after.deployments.length);
    this.#begin(entry, deployment);
    return deployment;
  }

  #begin(entry: Entry, { id }: Deployment): void {
    const abort = new AbortController();
    const done = this.#walk(entry, id, abort.signal).finally(() => {
      if (entry.running?.id === id) entry.running = null;
      if (!entry.halted) this.#scheduleRetirement(entry);
    });
    entry.running = { id, abort, done };
    // An abort that is in the log from before a crash.
    const { abortedBy } = deploymentOf(entry.journal.service, id);
    if (abortedBy !== null)
      abort.abort(new CutoverError('aborted', `deployment ${id} was aborted by ${abortedBy}`));
  }

  /** Walks until the end; where the log cannot be written for the moment, waits and goes on. */
  async #walk(entry: Entry, id: number, signal: AbortSignal): Promise<void> {
    const onlooker = new Onlooker(entry.readings, this.parts.clock);
    void onlooker.begin();
    try {
      await this.#walkOn(entry, id, signal, () => onlooker.looks);
      await this.#assertWorkers(entry);
    } finally {
      onlooker.end();
    }
  }

  /** After one that could be taken back only in part: what is live also works. */
  async #assertWorkers({ journal }: Entry): Promise<void> {
    if (this.#stop.signal.aborted) return;
    try {
      await assertWorkers(journal, this.#platform(journal.service));
    } catch (thrown) {
      const text = `the workers were not told: ${errorRecord(thrown).message}`;
      this.#report({ service: journal.name, deployment: 0, text });
    }
  }

  async #walkOn(entry: Entry, id: number, signal: AbortSignal, looks: () => Looks): Promise<void> {
    const { clock } = this.parts;
    for (;;) {
      try {
        await walk(
          entry.journal,
          id,
          (deployment) => this.#context(entry, deployment, signal),
          looks,
          () => this.verdict(entry.journal.name, true),
        );
        return;
      } catch (thrown) {
        if (thrown instanceof Stopping) return;
        const cause = thrown instanceof LogUnwritable ? thrown.cause : thrown;
        entry.halted = errorRecord(cause);
        this.#report({
          service: entry.journal.name,
          deployment: id,
          text: `halted: ${entry.halted.message}`,
        });
        if (entry.halted.code === 'lease-lost') return;
      }
      try {
        await clock.sleep(retryMs, this.#stop.signal);
        await entry.journal.reload();
        entry.halted = null;
      } catch (thrown) {
        if (thrown instanceof Stopping) return;
        entry.halted = errorRecord(thrown);
      }
    }
  }

  #context(entry: Entry, deployment: Deployment, signal: AbortSignal): StepContext {
    const { journal } = entry;
    const { checker, clock, commands, webhooks, gauge } = this.parts;
    // What is taken back is no longer cut short by the abort that began it, only by the end of the controller.
    const heeded =
      deployment.status === 'turning-back' ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    return {
      deployment: deployment.id,
      service: () => journal.service,
      release: (number) => existing(journal.service, number),
      environment: (colour) => ({ service: journal.name, colour }),
      platform: this.#platform(journal.service),
      router: patientRouter(this.#router(journal.service), clock, heeded),
      checker,
      commands,
      webhooks,
      gauge,
      counters: (maxAgeMs) => entry.readings.read(maxAgeMs),
      clock,
      signal: heeded,
      record: async (...events) => {
        await journal.append(() => events);
      },
      inTurn: (act) => entry.orders.inTurn(act),
      untilChange: (ms) => untilChange(journal, clock, ms, heeded),
      report: (text) => this.#report({ service: journal.name, deployment: deployment.id, text }),
    };
  }

  #report(progress: Progress): void {
    for (const watcher of [...this.#progress]) watcher(progress);
  }

  async #switched(entry: Entry, id: number, before: number): Promise<Switched & { deployment: number }> {
    const found = await entry.journal.until((service) => {
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

  #scheduleRetirement(entry: Entry): void {
    entry.retirement?.abort();
    entry.retirement = null;
    const due = nextRetirement(entry.journal.service);
    if (!due || this.#stop.signal.aborted) return;
    const timer = new AbortController();
    entry.retirement = timer;
    const { clock } = this.parts;
    clock
      .sleep(Math.max(0, due.at - clock.now()), timer.signal)
      .then(async () => {
        if (timer.signal.aborted) return;
        await this.#start(entry, 'keep time', (service) => ({
          plan: retire(service, due.colour, due.release),
        }));
      })
      .catch((thrown: unknown) => {
        if (timer.signal.aborted) return;
        this.#report({
          service: entry.journal.name,
          deployment: 0,
          text: `the side that is kept was not retired: ${errorRecord(thrown).message}`,
        });
      });
  }

  #platform(service: Service): Platform {
    return this.parts.platform(service.releases.at(-1)?.spec.platform.driver ?? 'process');
  }

  #router(service: Service): Router {
    const newest = service.releases.at(-1);
    if (!newest) throw new Error(`service ${service.name} has no release`);
    return this.#routerFor(newest);
  }

  #routerFor({ spec, base }: Release): Router {
    return this.parts.router(spec.router, base);
  }
}

function releaseFor(
  service: Service,
  order: DeployOrder,
  by: string,
  now: number,
): { release: Release; created: ServiceEvent | null } {
  if ('release' in order) return { release: existing(service, order.release), created: null };
  const { spec, base, source, version } = order.order;
  const number = service.releases.length + 1;
  const created: ServiceEvent = { type: 'release-created', number, version, source, base, spec, by };
  return {
    release: { number, version, source, base, spec: Spec.parse(spec), createdAt: now, by, digest: null },
    created,
  };
}

function existing(service: Service, number: number): Release {
  const release = releaseOf(service, number);
  if (release) return release;
  const last = service.releases.length;
  throw new CutoverError(
    'release-unknown',
    `service ${service.name}: expected a release from 1 to ${last}, found ${number}`,
    {
      next: 'cutover history shows the releases',
    },
  );
}

function expectAccepted(service: string, verdict: Verdict | null, { acceptLoss }: GoBack): void {
  if (verdict?.verdict !== 'unsafe' || acceptLoss === true) return;
  throw new CutoverError(
    'rollback-unsafe',
    `service ${service}: expected that going back is safe or lossy, found it ${describeVerdict(verdict)}`,
    {
      next: 'cutover rollback --accept-loss goes back all the same; otherwise mend the new release and deploy it',
      detail: { verdict },
    },
  );
}

function notFrozen({ name, deployments }: Service): CutoverError {
  const last = deployments.at(-1);
  return new CutoverError(
    'not-frozen',
    `service ${name}: expected a deployment that is frozen and waits for a person, found ${last ? `deployment ${last.id} ${last.status}` : 'none'}`,
    { next: 'cutover status shows what stands' },
  );
}

function deploymentRunning({ name }: Service, deployment: Deployment): CutoverError {
  const { id, by, plan, steps } = deployment;
  if (awaitsDecision(deployment)) {
    return new CutoverError(
      'deployment-running',
      `service ${name}: expected no deployment under way, found deployment ${id} (${plan.kind} of release ${plan.release} by ${by}) frozen: it waits for a person`,
      {
        next: 'cutover keep goes on with the new side; cutover rollback --accept-loss goes back',
        detail: { deployment: id, by },
      },
    );
  }
  const step = steps.find(({ status }) => status === 'running' || status === 'undoing')?.planned.kind;
  return new CutoverError(
    'deployment-running',
    `service ${name}: expected no deployment under way, found deployment ${id} (${plan.kind} of release ${plan.release} by ${by}${step ? `, in ${step}` : ''})`,
    {
      next: `follow it with cutover show ${id} --follow, or take it back with cutover abort`,
      detail: { deployment: id, by },
    },
  );
}
