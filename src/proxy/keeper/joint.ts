import { z } from 'zod';
import { CutoverError } from '../../core/errors.ts';
import type { Mode } from '../../core/mode.ts';
import { openMode } from '../../core/open-mode.ts';
import {
  committed,
  epochOf,
  newStanding,
  prepared,
  promised,
  released,
  type Standing,
} from '../../core/proxies/standing.ts';
import { type Conduct, Vigil } from '../../core/proxies/vigil.ts';
import type { Counters, Evicted, Eviction, Route } from '../../core/traffic.ts';
import {
  type Committed,
  CountersOrder,
  EvictOrder,
  jointVersion,
  type Look,
  LookOrder,
  PrepareOrder,
  type Stand,
  TurnOrder,
} from '../admin/joint.ts';
import {
  type ProxyTable,
  routeOf,
  standingOf,
  withoutService,
  withRoutes,
  withStanding,
} from '../table/table.ts';
import { blindMode } from './blind-mode.ts';
import { machineNow } from './machine-clock.ts';

/** What it needs of the keeper whose part it is. */
export interface JointHouse {
  readonly bootId: string;
  readonly log: (line: string) => void;
  readonly table: () => ProxyTable;
  /** Runs when no other change is under way. */
  readonly change: <T>(task: () => Promise<T>) => Promise<T>;
  /** Has the table on disk, and in memory; what workers route by stays. */
  readonly write: (table: ProxyTable) => void;
  /** Checks a route, listens where it does, and gives workers what it refers to. */
  readonly ready: (route: Route) => Promise<Route>;
  /** Closes what the table in force does not need. */
  readonly unready: () => void;
  readonly put: (next: ProxyTable, service: string) => Promise<{ held: number; counters: Counters }>;
  /** Has the workers route by the table in force as the conduct now is. */
  readonly face: () => Promise<void>;
  /** Tells the workers until when they may go on by the table in force. */
  readonly lease: (leases: Readonly<Record<string, number>>) => Promise<void>;
  readonly counters: (service: string) => Promise<Counters>;
  readonly evict: (service: string, eviction: Eviction) => Promise<Evicted>;
  readonly about: () => Pick<Look, 'version' | 'pid' | 'workers' | 'warnings'>;
}

/** What is held at one time by one proxy while it waits for the others. */
const mostHeld = 100_000;
const atOnce = 1_000_000;
/** The longest time that a timer takes. */
const longestTimerMs = 2 ** 31 - 1;

/** A wait of longer than a hold is nobody's: each request waits for so long at most. */
const holding = (waitMs: number): Mode => ({
  ...openMode,
  mode: 'held',
  waitMs: Math.ceil(waitMs),
  queue: mostHeld,
  pace: atOnce,
  retryAfterS: 1,
});
/** What was held for the others goes on at once. */
const open: Mode = { ...openMode, pace: atOnce };

/**
 * This proxy as one of several: what a controller orders of all (`admin/joint.ts`), and what follows for users of what is known here. All that an answer
 * promises is on disk before it is given.
 */
export class Joint {
  readonly #vigils = new Map<string, Vigil>();
  readonly #overrun = new Map<string, number>();
  readonly #heldSince = new Map<string, number>();
  #timer: Timer | undefined;
  #ended = false;

  constructor(private readonly house: JointHouse) {
    const table = house.table();
    const services = new Set([
      ...table.routes.filter(({ proxies }) => proxies).map(({ service }) => service),
      ...table.standings.map(({ service }) => service),
    ]);
    for (const service of services) this.#vigil(service);
    this.#arm();
  }

  /** Undefined if there is no such order. The answer is JSON. */
  obey(name: string, order: unknown): Promise<unknown> | undefined {
    switch (name) {
      case 'look':
        return this.#look(expected(LookOrder, order));
      case 'prepare':
        return this.#prepare(expected(PrepareOrder, order));
      case 'hold':
        return this.#hold(expected(TurnOrder, order));
      case 'commit':
        return this.#commit(expected(TurnOrder, order));
      case 'release':
        return this.#release(expected(TurnOrder, order));
      case 'counters':
        return this.#counters(expected(CountersOrder, order).service);
      case 'evict': {
        const { service, eviction } = expected(EvictOrder, order);
        return this.house.evict(service, eviction);
      }
      default:
        return undefined;
    }
  }

  /** The route of this table as workers are to have it just now. */
  faced(route: Route, { standings }: Pick<ProxyTable, 'standings'>): Route {
    const vigil = this.#vigils.get(route.service);
    if (!vigil) return route;
    const promised = standings.find(({ service }) => service === route.service)?.promised ?? null;
    const { conduct } = vigil.conductAt(performance.now(), route.proxies, promised);
    const mode = modeOf(route, conduct, route.proxies?.holdMs ?? 0);
    return mode === undefined ? route : { ...route, mode };
  }

  /** Until when users may meet the routes of this table, by the clock of the machine: workers see to it also when this process is gone. */
  leases({ routes, standings }: Pick<ProxyTable, 'routes' | 'standings'>): Record<string, number> {
    const machine = machineNow();
    const now = performance.now();
    return Object.fromEntries(
      routes.flatMap(({ service, proxies }): [string, number][] => {
        const promised = standings.find((standing) => standing.service === service)?.promised ?? null;
        const known = this.#vigils.get(service)?.conductAt(now, proxies, promised);
        if (known?.conduct !== 'serve' || known.until === Infinity) return [];
        return [[service, machine + known.until - now]];
      }),
    );
  }

  stands(): Stand[] {
    const table = this.house.table();
    return [...this.#vigils.keys()].map((service) => {
      const route = routeOf(table, service);
      const standing = standingOf(table, service);
      return {
        service,
        epoch: route?.epoch ?? 0,
        live: route?.live ?? null,
        prepared: standing?.prepared?.turn ?? null,
        promised: standing?.promised ?? null,
        conduct: this.#conduct(service),
        rules: route?.proxies ?? null,
        overrun: this.#overrun.get(service) ?? 0,
      };
    });
  }

  /** A route was put in force by an order that is not of several: what was prepared here is over. */
  overtaken(table: ProxyTable, services: readonly string[]): ProxyTable {
    return services.reduce((now, service) => {
      const standing = standingOf(now, service);
      const route = routeOf(now, service);
      if (!standing || !route) return now;
      const turn = standing.prepared?.turn ?? standing.floor;
      return withStanding(now, { ...newStanding(service), floor: turn });
    }, table);
  }

  stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #vigil(service: string): Vigil {
    const known = this.#vigils.get(service);
    if (known) return known;
    const table = this.house.table();
    const prepared = standingOf(table, service)?.prepared?.route;
    const rules = routeOf(table, service)?.proxies ?? prepared?.proxies;
    const vigil = new Vigil(performance.now(), rules?.holdMs ?? 0);
    this.#vigils.set(service, vigil);
    return vigil;
  }

  #standing(service: string): Standing {
    return standingOf(this.house.table(), service) ?? newStanding(service);
  }

  #now(service: string): { readonly conduct: Conduct; readonly until: number } {
    const table = this.house.table();
    const rules = routeOf(table, service)?.proxies;
    const standing = standingOf(table, service);
    return this.#vigil(service).conductAt(performance.now(), rules, standing?.promised ?? null);
  }

  #conduct(service: string): Conduct {
    return this.#now(service).conduct;
  }

  async #look({ leases }: LookOrder): Promise<Look> {
    const table = this.house.table();
    const before = this.#conducts();
    for (const { service, epoch, bootId, untilMs } of leases) {
      const isRight = routeOf(table, service)?.epoch === epoch && !standingOf(table, service)?.promised;
      if (isRight && bootId === this.house.bootId) this.#vigil(service).leased(untilMs);
    }
    if (this.#conducts() !== before) await this.#refaced();
    else this.#arm();
    if (leases.length > 0) await this.house.lease(this.leases(this.house.table()));
    return {
      protocol: jointVersion,
      bootId: this.house.bootId,
      clockMs: performance.now(),
      services: this.stands(),
      ...this.house.about(),
    };
  }

  #conducts(): string {
    return [...this.#vigils.keys()].map((service) => this.#conduct(service)).join();
  }

  #prepare({ service, turn, route, decided }: PrepareOrder): Promise<object> {
    if (route && route.service !== service)
      throw invalid(`the route is of service ${route.service}, expected ${service}`);
    return this.house.change(async () => {
      const inForce = epochOf(this.#standing(service), routeOf(this.house.table(), service));
      if (inForce === turn.epoch) return {};
      const preparedAt = performance.now();
      const next = prepared(this.#standing(service), inForce, turn, route, decided);
      const ready = route && (await this.house.ready(route));
      if (next.promised === null)
        this.house.write(withStanding(this.house.table(), { ...next, prepared: { turn, route: ready } }));
      this.#vigil(service).prepared(turn, preparedAt);
      return {};
    });
  }

  #hold({ service, turn }: TurnOrder): Promise<object> {
    return this.house.change(async () => {
      const table = this.house.table();
      const standing = this.#standing(service);
      const route = routeOf(table, service);
      const inForce = epochOf(standing, route);
      if (inForce === turn.epoch) return {};
      const next = promised(standing, inForce, turn);
      if (standing.promised) return {};
      this.house.write(withStanding(table, next));
      const holdMs = next.prepared?.route?.proxies?.holdMs ?? route?.proxies?.holdMs ?? 0;
      const now = performance.now();
      this.#vigil(service).promised(now, holdMs);
      this.#heldSince.set(service, now);
      await this.house.face();
      this.#arm();
      return {};
    });
  }

  #commit({ service, turn }: TurnOrder): Promise<Committed> {
    return this.house.change(async () => {
      const table = this.house.table();
      const standing = this.#standing(service);
      const inForce = epochOf(standing, routeOf(table, service));
      const done = committed(standing, inForce, turn);
      if (!done) return { holdMs: 0, held: 0, counters: await this.house.counters(service) };
      const route = done.route && (await this.house.ready(done.route));
      const queued = (await this.house.counters(service)).queued;
      const entered = route
        ? withRoutes(table, [route])
        : inForce === standing.gone
          ? table
          : withoutService(table, service, turn.epoch);
      if (!entered)
        throw new Error(`epoch ${turn.epoch} of ${service} is in force, and was to be put in force`);
      this.#vigil(service).committed(turn, route?.proxies);
      const { held, counters } = await this.house.put(withStanding(entered, done.standing), service);
      const since = this.#heldSince.get(service);
      this.#heldSince.delete(service);
      this.#arm();
      return {
        holdMs: since === undefined ? 0 : performance.now() - since,
        held: Math.max(held, queued),
        counters,
      };
    });
  }

  #release({ service, turn }: TurnOrder): Promise<object> {
    return this.house.change(async () => {
      const before = this.#standing(service);
      const after = released(before, turn);
      if (after === before) return {};
      this.house.write(withStanding(this.house.table(), after));
      this.house.unready();
      if (before.promised && !after.promised) {
        this.#heldSince.delete(service);
        await this.house.face();
      }
      this.#arm();
      return {};
    });
  }

  async #counters(service: string): Promise<Counters> {
    if (!routeOf(this.house.table(), service))
      throw new CutoverError('service-unknown', `the proxy has no service ${service}`, {
        next: 'see which it has: cutover status',
      });
    return this.house.counters(service);
  }

  /** When what is known here ends by itself, users meet what follows from that. */
  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#ended) return;
    const now = performance.now();
    const next = Math.min(...[...this.#vigils.keys()].map((service) => this.#now(service).until));
    if (next === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#lapsed().catch((error: unknown) =>
          this.house.log(`what follows from the end of a hold or lease could not be done: ${String(error)}`),
        );
      },
      Math.min(longestTimerMs, Math.max(0, next - now) + 1),
    );
  }

  async #lapsed(): Promise<void> {
    for (const service of this.#vigils.keys()) {
      const conduct = this.#conduct(service);
      const standing = this.#standing(service);
      if (standing.promised && conduct !== 'hold' && this.#heldSince.delete(service)) {
        this.#overrun.set(service, (this.#overrun.get(service) ?? 0) + 1);
        this.house.log(
          `service ${service}: the hold is over, and it is not known what was decided of epoch ${standing.promised.epoch}: ${conduct === 'closed' ? 'requests are answered with 503' : 'requests go by the former table'} until a controller says`,
        );
      }
      if (!standing.promised && conduct === 'closed')
        this.house.log(
          `service ${service}: no controller has been heard of for too long: requests are answered with 503 until one is`,
        );
    }
    await this.#refaced();
  }

  async #refaced(): Promise<void> {
    await this.house.change(() => this.house.face());
    this.#arm();
  }
}

/** Undefined: as the route itself says. */
function modeOf({ mode, proxies }: Route, conduct: Conduct, holdMs: number): Mode | undefined {
  if (mode?.mode === 'closed') return undefined;
  if (conduct === 'closed') return blindMode;
  if (conduct === 'hold') return mode?.mode === 'held' ? undefined : holding(holdMs);
  return mode ?? (proxies ? open : undefined);
}

const invalid = (message: string): CutoverError =>
  new CutoverError('request-invalid', message, {
    next: 'have the same version of Cutover at the proxy and at the controller',
  });

function expected<T>(schema: z.ZodType<T>, order: unknown): T {
  const parsed = schema.safeParse(order);
  if (parsed.success) return parsed.data;
  throw invalid(`expected an order of protocol ${jointVersion}, found: ${z.prettifyError(parsed.error)}`);
}
