import { underWay, type Deployment, type Switched } from '../core/deployment.ts';
import { CutoverError } from '../core/errors.ts';
import type { Plan } from '../core/plan.ts';
import type { Release } from '../core/release.ts';
import { expectTogether } from '../core/router-fit.ts';
import { current, newService, releaseOf, type Service } from '../core/service.ts';
import { mostInSet, type SetPart } from '../core/set.ts';
import { boundBy, lastInSet, quietTargets } from '../core/set-work.ts';
import { Spec } from '../core/spec.ts';
import { expectSameAge, inSet } from '../core/strategies/in-set.ts';
import { rollback } from '../core/strategies/to-side.ts';
import { worstVerdict, type Verdict } from '../core/verdict.ts';
import { Course, type Beginning } from './course.ts';
import type { Drivers } from './drivers.ts';
import type { EngineParts } from './engine-parts.ts';
import { expectSameRouter, fittingPlan } from './fitting-plan.ts';
import { deploymentRunning, expectAccepted, setUnknown, type GoBack } from './refusals.ts';
import type { Entry, Registry } from './registry.ts';
import { releaseFor, type DeployOrder } from './release-order.ts';
import { deploymentOf } from './walk.ts';

/** What one service of a set is to change to. */
export interface MemberOrder {
  readonly service: string;
  readonly order: DeployOrder;
}

/** One deployment of a set: what its services did as one. */
export interface SetDeployment {
  readonly name: string;
  readonly number: number;
  readonly parts: readonly { readonly service: Service; readonly deployment: Deployment }[];
}

/** What a switch of a set came to, of one service. */
export interface MemberSwitched extends Switched {
  readonly service: string;
  readonly deployment: number;
}

/** Orders for several services that change as one: each is walked by itself, and they meet where they must not be apart. */
export class SwitchSets {
  constructor(
    private readonly parts: EngineParts,
    private readonly drivers: Drivers,
    private readonly services: Registry,
  ) {}

  /** The plans that `deploy` would walk, one for each service. Changes nothing. Throws as `deploy`. */
  plan(set: string, orders: readonly MemberOrder[]): { service: string; plan: Plan }[] {
    const known = orders.map(
      ({ service }) => this.services.find(service)?.open.service ?? newService(service),
    );
    return this.#beginnings(set, orders, known, '').map(({ plan }, index) => ({
      service: known[index]?.name ?? '',
      plan,
    }));
  }

  /**
   * Begins to take releases of several services live as one; resolves when that is on record of all.
   *
   * @throws CutoverError `set-unfit`, `deployment-running`, `release-unknown`, and what a plan of one of them is refused with
   */
  async deploy(set: string, orders: readonly MemberOrder[], by: string): Promise<SetDeployment> {
    const entries = await Promise.all(orders.map(({ service }) => this.services.open(service)));
    const befores = entries.map(({ open }) => open.service);
    this.#beginnings(set, orders, befores, by);
    for (const [index, order] of orders.entries()) {
      const before = befores[index];
      if (!before) continue;
      const asked = this.#release(before, order, by);
      await expectSameRouter(before, asked, this.drivers.routerFor(asked));
    }
    return this.#start(set, entries, by, (services) => this.#beginnings(set, orders, services, by));
  }

  /**
   * Takes the traffic of all back at one moment; resolves when it is there. A deployment of the set that is under way and has switched is turned
   * back instead.
   *
   * @throws CutoverError `set-unknown`; `set-unfit` if one of them has gone its own way since; `nothing-to-roll-back-to`, `deployment-running`,
   *   `rollback-unsafe`
   */
  async rollback(
    set: string,
    by: string,
    how: GoBack = {},
  ): Promise<{ switched: readonly MemberSwitched[]; verdict: Verdict | null; number: number }> {
    const last = this.last(set);
    const entries = last.parts.map(({ service }) => this.services.entry(service.name));
    const moved = last.parts.every(
      ({ deployment }) => underWay(deployment) && deployment.switches.length > 0,
    );
    if (moved) {
      const { verdict } = await this.#first(last).interventions.abort(by, how);
      const before = last.parts.map(({ deployment }) => deployment.switches.length);
      const ids = last.parts.map(({ deployment }) => deployment.id);
      return { switched: await switchedOf(entries, ids, before), verdict, number: last.number };
    }
    const services = entries.map(({ open }) => open.service);
    for (const service of services) {
      const running = current(service);
      if (running) throw deploymentRunning(service, running);
    }
    expectTogetherSince(set, services);
    const plansOf = (now: readonly Service[]): Plan[] =>
      now.map((service) => inSet(rollback(service), service.name, set, othersOf(now, service)));
    // What cannot be done at all is told before what it would cost.
    plansOf(services);
    const verdict = worstVerdict(
      await Promise.all(
        entries.map(async ({ open }) => ({ service: open.name, verdict: await open.verdict(true) })),
      ),
    );
    expectAccepted(`set ${set}`, verdict, how);
    const { reason = null } = how;
    const begun = await this.#start(set, entries, by, (now) =>
      plansOf(now).map((plan) => ({ plan, order: { reason, verdict } })),
    );
    const ids = begun.parts.map(({ deployment }) => deployment.id);
    return {
      switched: await switchedOf(
        entries,
        ids,
        ids.map(() => 0),
      ),
      verdict,
      number: begun.number,
    };
  }

  /** Has the deployment of the set that is under way taken back, all of it. Throws `set-unknown`, `nothing-running`, `rollback-unsafe`. */
  async abort(set: string, by: string, how: GoBack = {}): Promise<SetDeployment> {
    const last = this.last(set);
    await this.#firstUnderWay(last).interventions.abort(by, how);
    return this.last(set);
  }

  /** Goes on with the new sides of a deployment of the set that was frozen. Throws `set-unknown`, `not-frozen`. */
  async keep(set: string, by: string, reason: string | null): Promise<SetDeployment> {
    await this.#firstUnderWay(this.last(set)).interventions.keep(by, reason);
    return this.last(set);
  }

  /** The names of all sets that were ever deployed, sorted. */
  names(): string[] {
    const names = this.services
      .known()
      .flatMap(({ open }) => open.service.deployments.flatMap(({ set }) => set?.name ?? []));
    return [...new Set(names)].sort();
  }

  /** The newest deployment of the set. Throws `set-unknown`. */
  last(set: string): SetDeployment {
    const [newest] = this.history(set);
    if (newest) return newest;
    throw setUnknown(set, this.names());
  }

  /** All deployments of the set, newest first. */
  history(set: string): SetDeployment[] {
    const parts = new Map<number, SetPart>();
    for (const { open } of this.services.known())
      for (const deployment of open.service.deployments)
        if (deployment.set?.name === set) parts.set(deployment.set.number, deployment.set);
    return [...parts.values()].sort((a, b) => b.number - a.number).map((part) => this.#deploymentOf(part));
  }

  /** Is going back still safe, for all of them? The worst of their verdicts; null if there is nothing to go back to. */
  async verdict({ parts }: SetDeployment): Promise<Verdict | null> {
    const verdicts = await Promise.all(
      parts.map(async ({ service: { name } }) => ({
        service: name,
        verdict: await this.services.entry(name).open.verdict(false),
      })),
    );
    return worstVerdict(verdicts);
  }

  #deploymentOf({ name, number, services }: SetPart): SetDeployment {
    const parts = services.map(({ service: each, deployment }) => {
      const { service } = this.services.entry(each).open;
      return { service, deployment: deploymentOf(service, deployment) };
    });
    return { name, number, parts };
  }

  #first({ parts }: SetDeployment): Entry {
    const [first] = parts;
    if (!first) throw new Error('a set has services');
    return this.services.entry(first.service.name);
  }

  #firstUnderWay(last: SetDeployment): Entry {
    const part = last.parts.find(({ service, deployment }) => current(service)?.id === deployment.id);
    return part ? this.services.entry(part.service.name) : this.#first(last);
  }

  async #start(
    set: string,
    entries: readonly Entry[],
    by: string,
    decide: (services: readonly Service[]) => readonly Beginning[],
  ): Promise<SetDeployment> {
    await Course.startTogether(
      entries.map(({ course }) => course),
      by,
      (services) => {
        const number = 1 + Math.max(0, ...this.history(set).map((each) => each.number));
        const part: SetPart = {
          name: set,
          number,
          services: services.map(({ name, deployments }) => ({
            service: name,
            deployment: deployments.length + 1,
          })),
        };
        const beginnings = decide(services);
        const quiet = quietTargets(
          beginnings.map((beginning, index) => targetsOf(services[index], beginning)),
        );
        return beginnings.map((beginning, index) => {
          const mine = quiet[index] ?? [];
          return { ...beginning, set: { ...part, ...(mine.length > 0 && { quiet: mine }) } };
        });
      },
    );
    return this.last(set);
  }

  #release(service: Service, { order }: MemberOrder, by: string): Release {
    return releaseFor(service, order, by, this.parts.clock.now()).release;
  }

  #beginnings(
    set: string,
    orders: readonly MemberOrder[],
    services: readonly Service[],
    by: string,
  ): Beginning[] {
    expectMembers(set, services);
    expectSameAge(set, services);
    const made = orders.flatMap(({ order }, index) => {
      const service = services[index];
      return service ? [{ service, ...releaseFor(service, order, by, this.parts.clock.now()) }] : [];
    });
    expectTogether(
      set,
      made.map(({ service: { name }, release }) => ({
        service: name,
        release,
        fit: this.drivers.routerFor(release).capabilities,
      })),
    );
    return made.map(({ service, release, created }) => {
      const { kind } = release.spec.strategy;
      if (kind !== 'blue-green') throw unfitStrategy(service.name, set, kind);
      const plan = fittingPlan(service, release, this.drivers.routerFor(release));
      return { created, plan: inSet(plan, service.name, set, othersOf(services, service)) };
    });
  }
}

/** Who is told what a service does in its deployment. */
function targetsOf(service: Service | undefined, { plan, created }: Beginning): Spec['notify'] {
  if (created?.type === 'release-created') return Spec.parse(created.spec).notify;
  return (service && releaseOf(service, plan.release)?.spec.notify) ?? [];
}

const othersOf = (services: readonly Service[], { name }: Service): string[] =>
  services.map((service) => service.name).filter((other) => other !== name);

async function switchedOf(
  entries: readonly Entry[],
  ids: readonly number[],
  before: readonly number[],
): Promise<MemberSwitched[]> {
  return Promise.all(
    entries.map(async ({ open, course }, index) => ({
      service: open.name,
      ...(await course.switched(ids[index] ?? 0, before[index] ?? 0)),
    })),
  );
}

function expectMembers(set: string, services: readonly Service[]): void {
  const names = services.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  const found =
    twice !== undefined
      ? `${twice} twice`
      : names.length < 2 || names.length > mostInSet
        ? String(names.length)
        : null;
  if (found === null) return;
  throw new CutoverError(
    'set-unfit',
    `set ${set}: expected from 2 to ${mostInSet} services, each once, found ${found}`,
    { next: 'correct services in the file of the set' },
  );
}

/** All have their traffic where the same deployment of the set has brought it. */
function expectTogetherSince(set: string, services: readonly Service[]): void {
  const numbers = services.map((service) => {
    const bound = boundBy(service);
    return bound?.name === set ? bound.number : null;
  });
  const newest = Math.max(...services.map((service) => lastInSet(service, set)?.set.number ?? 0));
  const apart = services.filter((_service, index) => numbers[index] === null);
  const differs = numbers.some((number) => number !== numbers[0]);
  if (apart.length === 0 && !differs) return;
  const names = apart.map(({ name }) => name).join(', ');
  throw new CutoverError(
    'set-unfit',
    `set ${set}: expected that its services stand where its deployment ${newest} has brought them, found that ${names === '' ? 'they do not' : `${names} went by itself since`}`,
    { next: 'take back each by itself (cutover rollback SERVICE), or deploy the set again' },
  );
}

const unfitStrategy = (service: string, set: string, kind: string): CutoverError =>
  new CutoverError(
    'set-unfit',
    `service ${service}: expected strategy.kind blue-green within the set ${set}, found ${kind}, by which its traffic does not move at one moment`,
    { next: 'set strategy.kind: blue-green, or deploy it by itself' },
  );
