import type { Keeping } from '../../core/caching.ts';
import { randomBytes, randomUUID } from 'node:crypto';
import { CutoverError } from '../../core/errors.ts';
import {
  emptySide,
  nothingTold,
  type Applied,
  type Evicted,
  type Eviction,
  type Counters,
  type Route,
} from '../../core/traffic.ts';
import { stickyKeyBytes } from '../../core/sticky-key.ts';
import type { Pass, PassOrder } from '../../core/testers.ts';
import { signToken } from '../../proxy/preview/token.ts';
import { other, type Colour } from '../../core/colour.ts';
import { bucketOf, combine } from '../../core/latency.ts';
import { colourAt, cutOf, placeOfTurn } from '../../core/weights-line.ts';
import type { DiffReport } from '../../core/mirror/diff-report.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import {
  emptyTable,
  routeOf,
  withPortsOf,
  withFreeSide,
  withRoutes,
  withoutService,
  type ProxyTable,
} from '../../proxy/table/table.ts';
import { MemoryMirrors } from './memory-mirrors.ts';

/** A call of the port, and whether it is about to take effect or just has. */
export interface RouterMoment {
  readonly call: keyof Omit<Router, 'capabilities'>;
  readonly when: 'before' | 'after';
}

/** How a side answers a request: `failed` is a response of class 5xx. */
export interface MemoryAnswer {
  readonly failed?: boolean;
  readonly latencyMs?: number;
}

export interface MemoryRouterOptions {
  /** Called before and after the effect of each call; what it throws (or rejects with) is what the caller gets. */
  readonly fault?: (moment: RouterMoment) => void | Promise<void>;
  readonly now?: () => number;
  /** The first port that is given for port 0. */
  readonly firstPort?: number;
  /** What it cannot do, so that others see how they do without. */
  readonly without?: Partial<RouterCapabilities>;
  /** A planted fault: routes of several services are put in force one after the other, with this in between. */
  readonly torn?: () => Promise<void>;
  /** Whether the side that is not live answers otherwise than the live one, for `mirrored`. */
  readonly answersDiffer?: (route: Route) => boolean;
}

/**
 * A router that keeps all in memory and moves no traffic but what `request` says: for dry runs, tests and the simulator.
 * It decides about epochs and addresses by the same code as the proxy.
 */
export class MemoryRouter implements Router {
  readonly capabilities: RouterCapabilities;
  private table: ProxyTable = emptyTable;
  private bootId: string = randomUUID();
  private readonly key = randomBytes(stickyKeyBytes).toString('hex');
  private readonly sides = new Map<string, Pick<Counters, 'blue' | 'green'>>();
  private nextPort: number;
  private turn = 0;
  /** How long clients keep what they are told, where they do. */
  readonly keeping = new Map<string, Keeping>();
  private readonly mirrors: MemoryMirrors;

  constructor(private readonly options: MemoryRouterOptions = {}) {
    this.capabilities = {
      carries: 'all',
      preview: true,
      counters: true,
      inFlight: true,
      instances: true,
      weights: true,
      modes: true,
      evict: true,
      mirror: true,
      together: true,
      ...options.without,
    };
    this.nextPort = options.firstPort ?? 20_000;
    this.mirrors = new MemoryMirrors(options.now ?? Date.now, options.answersDiffer ?? (() => false));
  }

  apply(route: Route): Promise<Applied> {
    return this.call('apply', () => this.put([route])).then(([applied]) => {
      if (!applied) throw new Error('a route was put in force, and nothing was said of it');
      return applied;
    });
  }

  async applyTogether(routes: readonly Route[]): Promise<readonly Applied[]> {
    const { torn } = this.options;
    if (torn === undefined) return this.call('applyTogether', () => this.put(routes));
    const applied: Applied[] = [];
    for (const route of routes) {
      applied.push(...(await this.call('applyTogether', () => this.put([route]))));
      await torn();
    }
    return applied;
  }

  private put(routes: readonly Route[]): Applied[] {
    const asked = routes.map((route) => withPortsOf(routeOf(this.table, route.service), route));
    const settled =
      withRoutes(this.table, asked) === null ? asked : asked.map((route) => this.withPorts(route));
    const next = withRoutes(this.table, settled);
    const applied = settled.map(({ service, epoch }) => ({
      epoch,
      changed: routeOf(this.table, service)?.epoch !== epoch,
      holdMs: 0,
      held: 0,
      counters: this.countersOf(service),
    }));
    for (const route of next && this.capabilities.caching ? settled : [])
      if ((routeOf(this.table, route.service)?.live ?? route.live) !== route.live)
        this.keeping.set(route.service, 'short');
    if (next) this.table = next;
    return applied;
  }

  read(service: string): Promise<Route | null> {
    return this.call('read', () => structuredClone(routeOf(this.table, service) ?? null));
  }

  counters(service: string): Promise<Counters> {
    return this.call('counters', () => {
      if (!routeOf(this.table, service))
        throw new CutoverError('service-unknown', `the router has no service ${service}`, {
          next: 'deploy it first',
        });
      return this.countersOf(service);
    });
  }

  evict(service: string, eviction: Eviction): Promise<Evicted> {
    return this.call('evict', () => {
      withFreeSide(this.table, service, eviction);
      const sides = this.sidesOf(service);
      const { colour } = eviction;
      const side = sides[colour];
      const { inFlight } = side;
      const cut = { ...side.cut, websockets: side.cut.websockets + inFlight };
      this.sides.set(service, { ...sides, [colour]: { ...side, inFlight: 0, inFlightAt: {}, cut } });
      return { inFlight };
    });
  }

  /** So many requests are in flight at an instance, until they are said to be fewer. */
  busy(service: string, colour: Colour, address: string, count: number): void {
    const sides = this.sidesOf(service);
    const side = sides[colour];
    const at = side.inFlightAt ?? {};
    const inFlight = side.inFlight + count - (at[address] ?? 0);
    const inFlightAt = { ...at, [address]: count };
    this.sides.set(service, { ...sides, [colour]: { ...side, inFlight, inFlightAt } });
  }

  /** So many WebSockets are in flight on the side that is live, and do not end by themselves. */
  linger(service: string, count: number): void {
    const route = routeOf(this.table, service);
    if (!route) throw new Error(`there is no service ${service}`);
    const sides = this.sidesOf(service);
    const side = sides[route.live];
    this.sides.set(service, { ...sides, [route.live]: { ...side, inFlight: side.inFlight + count } });
  }

  /** So many requests come to a side that has lost the traffic, by clients who have not heard of it. */
  late(service: string, colour: Colour, count: number): void {
    const sides = this.sidesOf(service);
    const side = sides[colour];
    this.sides.set(service, { ...sides, [colour]: { ...side, requests: side.requests + count } });
  }

  mirrored(service: string, id: string): Promise<DiffReport | null> {
    return this.call('mirrored', () => this.mirrors.look(routeOf(this.table, service), service, id));
  }

  pass(service: string, { forS, release }: PassOrder): Promise<Pass> {
    return this.call('pass', () => {
      const cookie = routeOf(this.table, service)?.testers?.cookie;
      if (!cookie)
        throw new CutoverError(
          'request-invalid',
          `service ${service}: expected router.previewCookie, found none`,
        );
      const expiresS = Math.floor((this.options.now?.() ?? Date.now()) / 1000) + forS;
      const token = signToken(this.key, service, { expiresS, release });
      return { token, expiresS, release, door: cookie.door, cookie: cookie.name };
    });
  }

  /** Ends and begins again: the routes are kept, and it counts from 0. */
  restart(): void {
    this.bootId = randomUUID();
    this.sides.clear();
  }

  keepFor(service: string, keeping: Keeping, epoch: number): Promise<{ readonly changed: boolean }> {
    return this.call('keepFor', () => {
      const inForce = routeOf(this.table, service);
      if (!inForce) throw new CutoverError('service-unknown', `there is no service ${service}`);
      if (epoch < inForce.epoch)
        throw new CutoverError('stale-epoch', `epoch ${epoch} is older than ${inForce.epoch}`);
      const changed = (this.keeping.get(service) ?? 'usual') !== keeping;
      this.keeping.set(service, keeping);
      return { changed };
    });
  }

  remove(service: string, epoch: number): Promise<void> {
    return this.call('remove', () => {
      this.table = withoutService(this.table, service, epoch) ?? this.table;
    });
  }

  /** What a tester sees: the side that is not live, if it has an instance. */
  preview(service: string): Colour | null {
    const route = routeOf(this.table, service);
    if (!route?.preview) return null;
    const side = other(route.live);
    return route[side].instances.length > 0 ? side : null;
  }

  /** So many requests with an unsafe method are answered by the side that is live. */
  write(service: string, count: number): void {
    const route = routeOf(this.table, service);
    if (!route) throw new Error(`there is no service ${service}`);
    const sides = this.sidesOf(service);
    const side = sides[route.live];
    const more = { requests: side.requests + count, writes: side.writes + count };
    this.sides.set(service, { ...sides, [route.live]: { ...side, ...more } });
  }

  /**
   * One request (a read) to the service: which side answers it, counted; null if nothing is routed or its mode lets none through.
   * `answer`: how a side does. Default: well, and in no time.
   */
  request(service: string, answer: (side: Colour) => MemoryAnswer = () => ({})): Colour | null {
    const route = routeOf(this.table, service);
    if (!route) return null;
    if (route.mode?.mode === 'held' || route.mode?.mode === 'closed') return null;
    const sides = this.sidesOf(service);
    const { weights } = route;
    const to = weights ? colourAt(placeOfTurn(++this.turn), cutOf(weights)) : route.live;
    const side = sides[to];
    const { failed = false, latencyMs } = answer(to);
    const answered = failed ? '5xx' : '2xx';
    const counted = {
      ...side,
      requests: side.requests + 1,
      status: { ...side.status, [answered]: side.status[answered] + 1 },
      latency:
        latencyMs === undefined ? side.latency : combine(side.latency, [[bucketOf(1000 * latencyMs), 1]], 1),
    };
    this.sides.set(service, { ...sides, [to]: counted });
    return to;
  }

  private async call<T>(call: RouterMoment['call'], effect: () => T): Promise<T> {
    await this.options.fault?.({ call, when: 'before' });
    const result = effect();
    await this.options.fault?.({ call, when: 'after' });
    return result;
  }

  private withPorts(route: Route): Route {
    const { listen, preview } = route;
    return {
      ...route,
      listen: listen.port === 0 ? { ...listen, port: this.nextPort++ } : listen,
      preview: preview?.port === 0 ? { ...preview, port: this.nextPort++ } : preview,
    };
  }

  private sidesOf(service: string): Pick<Counters, 'blue' | 'green'> {
    return this.sides.get(service) ?? { blue: emptySide(), green: emptySide() };
  }

  private countersOf(service: string): Counters {
    return structuredClone({
      bootId: this.bootId,
      at: this.options.now?.() ?? Date.now(),
      ...this.sidesOf(service),
      refused: {},
      told: nothingTold,
      queued: 0,
    });
  }
}
