import type { Colour } from '../core/colour.ts';
import { underWay, type Deployment, type Switched } from '../core/deployment.ts';
import { CutoverError, type ErrorRecord } from '../core/errors.ts';
import type { EventRecord, ServiceEvent } from '../core/event.ts';
import type { ModeOrder } from '../core/mode.ts';
import type { Plan } from '../core/plan.ts';
import type { Release } from '../core/release.ts';
import { fileOf } from '../core/route.ts';
import { current, newService, type Service } from '../core/service.ts';
import { boundBy } from '../core/set-work.ts';
import { withCaching } from '../core/strategies/caching.ts';
import { strategyState } from '../core/strategies/authored.ts';
import { rollback, switchTo } from '../core/strategies/to-side.ts';
import type { Verdict } from '../core/verdict.ts';
import type { Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import { broughtUp } from './bring-up.ts';
import { Drivers } from './drivers.ts';
import type { EngineParts } from './engine-parts.ts';
import { expectSameRouter, fittingPlan } from './fitting-plan.ts';
import type { NoticeTest } from './notifications.ts';
import { ProgressBoard, type Progress } from './progress.ts';
import { expectAccepted, expectByItself, type GoBack } from './refusals.ts';
import { Registry, type Entry } from './registry.ts';
import { releaseFor, type DeployOrder } from './release-order.ts';
import type { ModeChange, ModeSetter } from './route-orders.ts';
import { SwitchSets } from './switch-sets.ts';
import { deploymentOf, Stopping } from './walk.ts';

/** Takes orders, writes plans, has them walked: one at a time for each service. */
export class Engine {
  readonly #stop = new AbortController();
  readonly #board = new ProgressBoard();
  readonly #drivers: Drivers;
  readonly #services: Registry;
  /** Orders for several services that change as one. */
  readonly sets: SwitchSets;

  constructor(private readonly parts: EngineParts) {
    this.#drivers = new Drivers(parts);
    const { signal: stop } = this.#stop;
    this.#services = new Registry({ parts, drivers: this.#drivers, board: this.#board, stop });
    this.sets = new SwitchSets(parts, this.#drivers, this.#services);
  }

  /**
   * Opens every service in the store: brings up the instances that should run and do not, tells the router what it has
   * forgotten, and goes on with what was under way. What could not be done is returned as warnings, and stops nothing else.
   */
  async resume(): Promise<readonly ErrorRecord[]> {
    const warnings: ErrorRecord[] = [];
    for (const name of await this.parts.store.streams()) {
      const { open, course } = await this.#services.open(name);
      warnings.push(...(await broughtUp(open)));
      course.resume();
    }
    return warnings;
  }

  /** As `RouteOrders.reassert`. */
  async reassert(name: string): Promise<void> {
    await this.#services.entry(name).open.orders.reassert();
  }

  /** The services, sorted by name. */
  services(): Service[] {
    return this.#services.known().map(({ open }) => open.service);
  }

  /** Throws `service-unknown`. */
  service(name: string): Service {
    return this.#services.entry(name).open.service;
  }

  /** Why a service stands still, if its log cannot be written. */
  halted(name: string): ErrorRecord | null {
    return this.#services.entry(name).course.halted;
  }

  /** The plan that `deploy` would walk. Changes nothing. */
  async plan(name: string, order: DeployOrder): Promise<Plan> {
    const service = this.#services.find(name)?.open.service ?? newService(name);
    const { release } = releaseFor(service, order, '', this.parts.clock.now());
    const written = await this.#written(service, release);
    return fittingPlan(service, release, this.#drivers.routerFor(release), written);
  }

  /**
   * Begins to take a release live; resolves when that is on record. Throws `deployment-running`, `release-unknown`; `set-member` for a service that
   * changes with a set, unless it is to go `alone`.
   */
  async deploy(name: string, order: DeployOrder, by: string, alone = false): Promise<Deployment> {
    const { open, course } = await this.#services.open(name);
    const before = open.service;
    if (!current(before))
      expectByItself(before, alone, 'a deployment', 'deploy the set (cutover deploy --set FILE)');
    const asked = releaseFor(before, order, by, this.parts.clock.now()).release;
    await expectSameRouter(before, asked, this.#drivers.routerFor(asked));
    const written = await this.#written(before, asked);
    return course.start(by, (service) => {
      const { release, created } = releaseFor(service, order, by, this.parts.clock.now());
      return { created, plan: fittingPlan(service, release, this.#drivers.routerFor(release), written) };
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
    const entry = this.#services.entry(name);
    const running = current(entry.open.service);
    const set = boundBy(entry.open.service)?.name ?? '';
    expectByItself(
      entry.open.service,
      how.alone === true && !running?.set,
      'a rollback',
      `cutover rollback --set ${set} takes all back`,
    );
    if (running && running.switches.length > 0) {
      const { verdict } = await entry.interventions.abort(by, how);
      return { ...(await entry.course.switched(running.id, running.switches.length)), verdict };
    }
    return this.#moveBack(entry, by, how, rollback);
  }

  async #moveBack(
    { open, course }: Entry,
    by: string,
    how: GoBack,
    plan: (service: Service) => Plan,
  ): Promise<Switched & { deployment: number; verdict: Verdict | null }> {
    const { service } = open;
    // What cannot be done at all is told before what it would cost.
    if (!current(service)) plan(service);
    const verdict = current(service) ? null : await open.verdict(true);
    expectAccepted(service.name, verdict, how);
    const { reason = null } = how;
    const { id } = await course.start(by, (now) => ({
      plan: withCaching(plan(now), this.#drivers.router(now).capabilities.caching),
      order: { reason, verdict },
    }));
    return { ...(await course.switched(id, 0)), verdict };
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
    const entry = this.#services.entry(name);
    const set = boundBy(entry.open.service)?.name ?? '';
    if (!current(entry.open.service))
      expectByItself(
        entry.open.service,
        how.alone === true,
        'a switch',
        `cutover rollback --set ${set} takes all back`,
      );
    return this.#moveBack(entry, by, how, (service) => switchTo(service, to));
  }

  /** Sets how the service meets requests, as `RouteOrders.setMode`; also while a deployment is under way, which goes on. */
  async setMode(name: string, order: ModeOrder, setter: ModeSetter): Promise<ModeChange> {
    return this.#services.entry(name).open.orders.setMode(order, setter);
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
    return this.#services.entry(name).interventions.abort(by, how);
  }

  /**
   * Records what a person says to the deployment that is under way: the events that `decide` makes of the service as it then is; none: it is
   * so already. What was said is heeded by whatever waits. Throws what `decide` throws.
   */
  async intervene(
    name: string,
    decide: (service: Service) => readonly ServiceEvent[],
  ): Promise<{ deployment: Deployment; changed: boolean }> {
    return this.#services.entry(name).interventions.intervene(decide);
  }

  /** Goes on with the new side of a deployment that was frozen; resolves when that is on record. Throws `not-frozen`. */
  async keep(name: string, by: string, reason: string | null): Promise<Deployment> {
    return this.#services.entry(name).interventions.keep(by, reason);
  }

  /** Is going back still safe? Null if there is nothing to go back to. `fresh`: a command of the release is asked now. */
  async verdict(name: string, fresh = false): Promise<Verdict | null> {
    return this.#services.entry(name).open.verdict(fresh);
  }

  /** The records of a service after a version. */
  async records(name: string, afterVersion: number): Promise<readonly EventRecord[]> {
    this.#services.entry(name);
    return this.parts.store.read(name, afterVersion);
  }

  /** Calls back with every record of a service from now on. Returns how to end it. */
  watch(name: string, watcher: (records: readonly EventRecord[]) => void): () => void {
    return this.#services.entry(name).open.journal.watch(watcher);
  }

  /** Calls back with what steps report while they go on. Returns how to end it. */
  watchProgress(watcher: (progress: Progress) => void): () => void {
    return this.#board.watch(watcher);
  }

  /** Tells each target of the service's newest release something, once, so that a person sees whether it arrives. Changes nothing. */
  async testNotifications(name: string, by: string): Promise<readonly NoticeTest[]> {
    return this.#services.entry(name).open.notifications.test(by);
  }

  platformOf(name: string): Platform {
    return this.#services.entry(name).open.platform;
  }

  routerOf(name: string): Router {
    return this.#services.entry(name).open.router;
  }

  /** Resolves when the deployment has ended. */
  async ended(name: string, id: number, signal?: AbortSignal): Promise<Deployment> {
    return this.#services.entry(name).open.journal.until((service) => {
      const deployment = deploymentOf(service, id);
      return underWay(deployment) ? undefined : deployment;
    }, signal);
  }

  /** Stops walking where it stands; what is under way goes on with the next controller. */
  async stop(): Promise<void> {
    // The proxy may be stopped or upgraded next: what it has counted is taken into the log as it is now.
    await Promise.all(this.#services.all().map(({ open }) => open.writes.look()));
    this.#stop.abort(new Stopping('the controller stops'));
    for (const { open, course } of this.#services.all()) {
      await course.end();
      await open.notifications.end();
    }
  }
}
