import type { Clock } from '../../ports/clock.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import { localProxy, localRules } from '../../core/proxies/rules.ts';
import { Turn as Queue } from '../../core/turn.ts';
import {
  type Applied,
  combineSides,
  combineTold,
  type Counters,
  emptySide,
  type Evicted,
  type Eviction,
  nothingTold,
  type Route,
} from '../../core/traffic.ts';
import type { Stand } from '../../proxy/admin/joint.ts';
import type { RouteCopies } from './decided-routes.ts';
import { applyJointly, type JointParts, type PartDone } from './joint-apply.ts';
import type { Member } from './member.ts';
import { expectEnrolled } from './members.ts';
import { Roll } from './roll.ts';
import { tend } from './tend.ts';

const lookEveryMs = 500;
const againMs = 20;

/** How one of several proxies is seen by the controller. */
export interface ProxySeen {
  readonly name: string;
  /** Null: it answers. */
  readonly absent: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  readonly workers: number | null;
  readonly warnings: readonly string[];
  readonly services: readonly Stand[];
}

export interface JointRouterParts {
  /** The proxy beside the controller, for services that enter by it alone. */
  readonly local: Router;
  readonly clock: Clock;
  readonly copies: RouteCopies;
  /** Those that this controller is enrolled at. */
  readonly enrolled: () => readonly string[];
  /** By its name; also the local one. */
  readonly member: (name: string) => Member;
  /** The services that were decided for several proxies, and the epoch that was decided last. */
  readonly decided: () => ReadonlyMap<string, number>;
  readonly inOffice: () => Promise<boolean>;
  readonly say: (text: string) => void;
}

/**
 * Our own proxies: the one beside the controller, or several on several machines, which change as one (`joint-apply.ts`). A service goes from one to several,
 * and back, by a switch.
 */
export class JointRouter implements Router {
  readonly #roll: Roll;
  readonly #joint: JointParts;
  readonly #members = new Map<string, Member>();
  readonly #queues = new Map<string, { readonly queue: Queue; waiting: number }>();
  /** Services of which it is not known whether it was decided: the log was not written, or was. */
  readonly #unsure = new Set<string>();
  readonly #counted = new Map<string, Counters>();
  readonly #absent = new Map<string, string>();
  readonly #stop = new AbortController();
  #tending: Promise<void> = Promise.resolve();
  #attempts = 0;

  constructor(private readonly parts: JointRouterParts) {
    const { clock, copies, inOffice } = parts;
    this.#roll = new Roll(clock);
    this.#joint = {
      ...{ clock, copies, inOffice, roll: this.#roll },
      decided: (service) => parts.decided().get(service) ?? 0,
      nextTurn: (epoch) => ({ epoch, attempt: ++this.#attempts }),
    };
  }

  get capabilities(): RouterCapabilities {
    return this.parts.local.capabilities;
  }

  /** What it can do for a service that enters by these. */
  for(proxies: readonly string[]): Router {
    if (proxies.length === 0) return this;
    return {
      capabilities: { ...this.capabilities, mirror: false, together: false },
      apply: (route, decide) => this.apply(route, decide),
      read: (service) => this.read(service),
      counters: (service) => this.counters(service),
      evict: (service, eviction) => this.evict(service, eviction),
      mirrored: (service, id) => this.mirrored(service, id),
      remove: (service, epoch) => this.remove(service, epoch),
    };
  }

  async apply(route: Route, decide?: () => Promise<void>): Promise<Applied> {
    const { service } = route;
    if (route.proxies === undefined && !this.#isJoint(service)) return this.parts.local.apply(route);
    if (!decide)
      throw new Error(`service ${service}: a change of several proxies needs somebody who decides it`);
    expectEnrolled(route.proxies?.names ?? [], this.parts.enrolled(), service);
    return this.#inTurn(service, async () => {
      const former = this.#isJoint(service)
        ? this.#formerOf(service)
        : await this.parts.local.read(service).catch(() => null);
      const before = former ? (former.proxies ?? localRules).names : [];
      const names = [...new Set([...(route.proxies ?? localRules).names, ...before])];
      this.#unsure.delete(service);
      const done = await applyJointly(
        this.#joint,
        names.map((name) => this.#member(name)),
        former ?? undefined,
        route,
        async () => {
          this.#unsure.add(service);
          await decide();
          this.#unsure.delete(service);
        },
      );
      return this.#applied(route, done);
    });
  }

  async applyTogether(routes: readonly Route[]): Promise<readonly Applied[]> {
    const joint = routes.find(({ service, proxies }) => proxies !== undefined || this.#isJoint(service));
    if (joint || !this.parts.local.applyTogether)
      throw new CutoverError(
        'router-cannot',
        `service ${joint?.service ?? ''}: expected services that enter by the local proxy alone to change as one, found one with several proxies`,
        { next: 'leave it out of the set, or leave out router.proxies' },
      );
    return this.parts.local.applyTogether(routes);
  }

  async read(service: string): Promise<Route | null> {
    const route = this.#formerOf(service);
    if (!route || !this.#isJoint(service)) return this.parts.local.read(service);
    const names = (route.proxies ?? localRules).names;
    if (names.some((name) => this.#roll.heard(name))) return route;
    // Nobody has been looked at yet, or nobody answers.
    const looks = await Promise.allSettled(
      names.map((name) => this.#member(name).look({ leases: [] }, 2000)),
    );
    if (looks.some(({ status }) => status === 'fulfilled')) return route;
    throw new CutoverError(
      'proxy-absent',
      `service ${service}: expected an answer of one of its proxies (${names.join(', ')}), found none`,
      { next: 'start them and see that they are reached: cutover proxy members' },
    );
  }

  /** The sum over its proxies. Of one that does not answer, what was last heard counts, and it is named. */
  async counters(service: string): Promise<Counters> {
    const route = this.#formerOf(service);
    if (!route || !this.#isJoint(service)) return this.parts.local.counters(service);
    const names = (route.proxies ?? localRules).names;
    const away: string[] = [];
    const found = await Promise.all(
      names.map(async (name) => {
        const key = `${name} ${service}`;
        try {
          const counters = await this.#member(name).counters(service);
          this.#counted.set(key, counters);
          return counters;
        } catch (error) {
          const { code } = errorRecord(error);
          if (code !== 'proxy-absent' && code !== 'service-unknown') throw error;
          away.push(name);
          return this.#counted.get(key);
        }
      }),
    );
    const counted = found.filter((counters) => counters !== undefined);
    if (counted.length === 0)
      throw new CutoverError(
        'proxy-absent',
        `service ${service}: expected an answer of one of its proxies (${names.join(', ')}), found none`,
        { next: 'start them and see that they are reached: cutover proxy members' },
      );
    return { ...sumOf(counted), ...(away.length > 0 && { away }) };
  }

  async evict(service: string, eviction: Eviction): Promise<Evicted> {
    const route = this.#formerOf(service);
    if (!route || !this.#isJoint(service)) return this.parts.local.evict(service, eviction);
    const found = await Promise.all(
      (route.proxies ?? localRules).names.map(async (name) => {
        try {
          return (await this.#member(name).evict(service, eviction)).inFlight;
        } catch (error) {
          // One that is away or behind is not asked: who is connected there is its own to let go of.
          if (['proxy-absent', 'stale-epoch', 'service-unknown'].includes(errorRecord(error).code)) return 0;
          throw error;
        }
      }),
    );
    return { inFlight: found.reduce((sum, n) => sum + n, 0) };
  }

  mirrored(service: string, id: string): ReturnType<Router['mirrored']> {
    return this.#isJoint(service) ? Promise.resolve(null) : this.parts.local.mirrored(service, id);
  }

  pass(
    service: string,
    order: Parameters<NonNullable<Router['pass']>>[1],
  ): ReturnType<NonNullable<Router['pass']>> {
    const { local } = this.parts;
    if (!local.pass || this.#isJoint(service))
      throw new CutoverError(
        'router-cannot',
        `service ${service}: several proxies sign no links for testers`,
        {
          next: 'use router.previewHeader or router.previewHost, which are the same at each',
        },
      );
    return local.pass(service, order);
  }

  async remove(service: string, epoch: number): Promise<void> {
    const route = this.#formerOf(service);
    if (!route || !this.#isJoint(service)) return this.parts.local.remove(service, epoch);
    await this.#inTurn(service, async () => {
      const turn = this.#joint.nextTurn(epoch);
      for (const name of (route.proxies ?? localRules).names) {
        const member = this.#member(name);
        await member.prepare({ service, turn, route: null, decided: true }, 2000);
        await member.commit(service, turn, 2000);
      }
    });
  }

  /** Looks after the proxies from now on, until `close`. */
  begin(): void {
    this.#tending = this.#tend();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#tending;
  }

  /** Those that this controller leads beside the local one, and that one if a service enters by it and others. */
  seen(): ProxySeen[] {
    return this.#names().map((name) => {
      const look = this.#roll.heard(name)?.look;
      return {
        name,
        absent: look ? null : (this.#absent.get(name) ?? 'it has not been asked yet'),
        pid: look?.pid ?? null,
        version: look?.version ?? null,
        workers: look?.workers ?? null,
        warnings: look?.warnings ?? [],
        services: look?.services ?? [],
      };
    });
  }

  #names(): string[] {
    const joint = [...this.parts.decided().keys()].flatMap(
      (service) => (this.#formerOf(service)?.proxies ?? localRules).names,
    );
    const isLocalIn = joint.includes(localProxy) || this.#roll.heard(localProxy) !== undefined;
    return [...(isLocalIn ? [localProxy] : []), ...this.parts.enrolled()];
  }

  #formerOf(service: string): Route | undefined {
    return this.parts.copies.at(service, this.#joint.decided(service));
  }

  /** Whether it enters by several proxies now. */
  #isJoint(service: string): boolean {
    return this.#formerOf(service)?.proxies !== undefined;
  }

  #member(name: string): Member {
    const member = this.#members.get(name) ?? this.parts.member(name);
    this.#members.set(name, member);
    return member;
  }

  #applied(route: Route, done: readonly PartDone[]): Applied {
    for (const { name, committed } of done)
      if (committed) this.#counted.set(`${name} ${route.service}`, committed.counters);
    const counted = done.flatMap(({ name }) => this.#counted.get(`${name} ${route.service}`) ?? []);
    const away = done.filter(({ committed }) => committed === null).map(({ name }) => name);
    for (const { name, state } of done)
      if (state !== 'in-force')
        this.parts.say(
          `${route.service}: proxy ${name} ${state === 'left-out' ? 'did not answer and was left out' : 'has not said that it goes by what was decided'}`,
        );
    return {
      epoch: route.epoch,
      changed: true,
      holdMs: Math.max(0, ...done.map(({ committed }) => committed?.holdMs ?? 0)),
      held: done.reduce((sum, { committed }) => sum + (committed?.held ?? 0), 0),
      counters: { ...sumOf(counted), ...(away.length > 0 && { away }) },
      proxies: done.map(({ name, state, committed }) => ({
        name,
        state,
        holdMs: committed?.holdMs ?? null,
        held: committed?.held ?? null,
      })),
    };
  }

  #queue(service: string): { readonly queue: Queue; waiting: number } {
    const known = this.#queues.get(service) ?? { queue: new Queue(), waiting: 0 };
    this.#queues.set(service, known);
    return known;
  }

  async #inTurn<T>(service: string, act: () => Promise<T>): Promise<T> {
    const mine = this.#queue(service);
    mine.waiting++;
    try {
      return await mine.queue.take(act);
    } finally {
      mine.waiting--;
    }
  }

  async #tend(): Promise<void> {
    const { signal } = this.#stop;
    const running = new Map<string, Promise<void>>();
    while (!signal.aborted) {
      for (const name of this.#names())
        if (!running.has(name))
          running.set(
            name,
            this.#look(name).finally(() => running.delete(name)),
          );
      await this.parts.clock.sleep(lookEveryMs, signal).catch(() => undefined);
    }
    await Promise.all(running.values());
  }

  /** One look, and more at once while it brings something in order. */
  async #look(name: string): Promise<void> {
    const { signal } = this.#stop;
    for (let again = true; again && !signal.aborted;) {
      try {
        again = await tend(
          {
            ...this.#joint,
            services: () => [...this.parts.decided().keys()],
            ifIdle: async (service, act) => {
              if (this.#queue(service).waiting > 0 || this.#unsure.has(service)) return;
              await this.#inTurn(service, act);
            },
          },
          this.#member(name),
        );
        if (this.#absent.delete(name)) this.parts.say(`proxy ${name} answers`);
      } catch (error) {
        const { code, message } = errorRecord(error);
        if (!this.#absent.has(name)) this.parts.say(`proxy ${name}: ${code}: ${message}`);
        this.#absent.set(name, message);
        return;
      }
      if (again) await this.parts.clock.sleep(againMs, signal).catch(() => undefined);
      // One that is held or closed for a reason that is not ours to mend is looked at like the others.
      again = again && this.#isBehind(name);
    }
  }

  #isBehind(name: string): boolean {
    const look = this.#roll.heard(name)?.look;
    return (
      look?.services.some(
        ({ service, epoch, conduct, promised }) =>
          this.#queue(service).waiting === 0 &&
          !this.#unsure.has(service) &&
          (conduct !== 'serve' || promised !== null || epoch < this.#joint.decided(service)),
      ) ?? false
    );
  }
}

/** What several have counted. Two sums can be compared if each of their parts can. */
function sumOf(all: readonly Counters[]): Counters {
  return all.reduce<Counters>(
    (sum, { bootId, at, blue, green, refused, told, queued }) => ({
      bootId: sum.bootId === '' ? bootId : `${sum.bootId}+${bootId}`,
      at: Math.max(sum.at, at),
      blue: combineSides(sum.blue, blue, 1),
      green: combineSides(sum.green, green, 1),
      refused: Object.entries(refused).reduce(
        (counts, [cause, count]) => ({ ...counts, [cause]: (counts[cause] ?? 0) + count }),
        sum.refused,
      ),
      told: combineTold(sum.told, told),
      queued: sum.queued + queued,
    }),
    {
      bootId: '',
      at: 0,
      blue: emptySide(),
      green: emptySide(),
      refused: {},
      told: nothingTold,
      queued: 0,
    },
  );
}
