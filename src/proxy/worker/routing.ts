import { formatAddress } from '../../core/address.ts';
import { type Colour, other } from '../../core/colour.ts';
import type { InstancePolicy } from '../../core/instance-policy.ts';
import type { RouteTracing } from '../../core/tracing.ts';
import type { Route, RouteTls } from '../../core/traffic.ts';
import type { Table } from '../data-plane.ts';
import { ascii, sameInAnyCase } from '../http1/octets.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { instanceKey } from '../table/instance-key.ts';
import { strictTransport } from '../tls/strict-transport.ts';
import { InstancePool } from './instance-pool.ts';
import { defaultPolicy } from './instance-care.ts';
import { type Limits, limitsOf } from './limits.ts';
import type { Plane } from './plane.ts';
import { ServiceTally, type SideTally } from './tally.ts';

/** One environment under one epoch: where its requests go and where they are counted. */
export class Side {
  /** Exchanges and tunnels that began under this epoch and have not ended. */
  inFlight = 0;
  private turn = 0;
  constructor(
    readonly service: string,
    readonly epoch: number,
    readonly colour: Colour,
    readonly tally: SideTally,
    readonly pools: readonly InstancePool[],
    readonly limits: Limits,
    private readonly policy: InstancePolicy,
    /** What is added to its requests; null: nothing. */
    readonly tracing: RouteTracing | null,
  ) {}

  /** An instance did its part badly. It is ejected if it did so too often, unless no other one would be left. */
  strike(pool: InstancePool, now: number): void {
    if (!pool.care.strike(now, this.policy)) return;
    if (!this.pools.some((other) => other !== pool && !other.care.passedOver(now))) return;
    pool.care.eject(now, this.policy);
    this.tally.ejected++;
  }

  /**
   * The instance with the fewest requests in flight; equal ones take turns. Those that are sick, ejected or refused a
   * connection just now come last: better a try than a refusal. Those in `tried` do not come at all. Undefined if there is none left.
   */
  pick(now: number, tried: readonly InstancePool[] | null): InstancePool | undefined {
    const { pools } = this;
    if (pools.length === 1 && tried === null) return pools[0];
    let best: InstancePool | undefined;
    let bestLoad = Infinity;
    const start = this.turn++ % (pools.length || 1);
    for (let n = 0; n < pools.length; n++) {
      const pool = pools[(start + n) % pools.length]!;
      if (tried?.includes(pool)) continue;
      const load = pool.care.steady ? pool.inFlight : pool.care.load(pool.inFlight, now);
      if (load < bestLoad) {
        best = pool;
        bestLoad = load;
      }
    }
    return best;
  }
}

/** What one listening address serves. */
export class Entry {
  constructor(
    readonly tally: ServiceTally,
    private readonly live: Side,
    private readonly beside: Side,
    private readonly preview: boolean,
    private readonly previewHost: Uint8Array | null,
    /** For what comes before the service of a request is known. */
    readonly limits: Limits,
    /** Sent with every response; null: none. */
    readonly lines: Uint8Array | null = null,
    /** This address only redirects, to this port of the same host. */
    readonly redirect: number | null = null,
  ) {}

  /** The side for a request: the one that is not live for the preview address or host, else the live one. */
  sideOf(bytes: Uint8Array, head: RequestHead): Side {
    if (this.preview) return this.beside;
    const { previewHost } = this;
    if (
      previewHost !== null &&
      sameInAnyCase(bytes, head.hostFrom, head.hostNameTo(bytes), previewHost, 0, previewHost.length)
    )
      return this.beside;
    return this.live;
  }
}

/** The table in force, made ready for look-up, with what outlives a table: tallies, and the pools of instances that stay. */
export class Routing {
  private readonly tallies = new Map<string, ServiceTally>();
  private entries = new Map<string, Entry>();
  private tls: ReadonlyMap<string, RouteTls> = new Map();
  private pools = new Map<string, InstancePool>();
  /** Sides of this and of earlier epochs in which something is in flight still. */
  private sides: Side[] = [];

  constructor(private readonly plane: Plane) {}

  /** Makes `table` the one in force. Connections to instances that are not in it are closed when they get idle. */
  install(table: Table): void {
    const pools = new Map<string, InstancePool>();
    const entries = new Map<string, Entry>();
    const tls = new Map<string, RouteTls>();
    const sides = this.sides.filter((side) => side.inFlight > 0);
    for (const route of table.routes) {
      const limits = limitsOf(this.plane.limits, route.limits);
      this.plane.fit(limits);
      let tally = this.tallies.get(route.service);
      if (tally === undefined) this.tallies.set(route.service, (tally = new ServiceTally()));
      const side = {
        blue: this.sideOf(route, 'blue', tally, pools, limits),
        green: this.sideOf(route, 'green', tally, pools, limits),
      };
      sides.push(side.blue, side.green);
      const live = side[route.live];
      const beside = side[other(route.live)];
      const host = route.previewHost === null ? null : ascii(route.previewHost);
      const lines = route.tls === undefined ? null : strictTransport(route.tls.hstsSeconds);
      // One route for each address: the first that names it.
      const listen = formatAddress(route.listen);
      if (!entries.has(listen))
        entries.set(listen, new Entry(tally, live, beside, false, host, limits, lines));
      const preview = route.preview === null ? null : formatAddress(route.preview);
      if (preview !== null && !entries.has(preview))
        entries.set(preview, new Entry(tally, live, beside, true, host, limits, lines));
      const redirect = route.tls?.redirect ? formatAddress(route.tls.redirect) : null;
      if (redirect !== null && !entries.has(redirect))
        entries.set(redirect, new Entry(tally, live, beside, false, host, limits, null, route.listen.port));
      for (const address of preview === null ? [listen] : [listen, preview])
        if (route.tls !== undefined && !tls.has(address)) tls.set(address, route.tls);
    }
    for (const [key, pool] of this.pools) if (!pools.has(key)) pool.retire();
    this.pools = pools;
    this.entries = entries;
    this.tls = tls;
    this.sides = sides;
  }

  private sideOf(
    route: Route,
    colour: Colour,
    tally: ServiceTally,
    pools: Map<string, InstancePool>,
    limits: Limits,
  ): Side {
    const { release, instances } = route[colour];
    const policy = route.instancePolicy ?? defaultPolicy;
    const fresh: InstancePool[] = [];
    const own = instances.map((address) => {
      const key = instanceKey(route.service, colour, release, formatAddress(address));
      let pool = pools.get(key) ?? this.pools.get(key);
      if (pool === undefined) fresh.push((pool = new InstancePool(this.plane, address)));
      pool.policy = policy;
      pools.set(key, pool);
      return pool;
    });
    // One that joins others begins slowly; a side that is new as a whole has nobody else to give its requests to.
    if (fresh.length < own.length)
      for (const pool of fresh) pool.care.ramp(this.plane.coarse, policy.slowStartMs);
    return new Side(
      route.service,
      route.epoch,
      colour,
      tally[colour],
      own,
      limits,
      policy,
      route.tracing ?? null,
    );
  }

  entryOf(address: string): Entry | undefined {
    return this.entries.get(address);
  }

  /** How the address is served over TLS; undefined: it is plain. */
  tlsOf(address: string): RouteTls | undefined {
    return this.tls.get(address);
  }

  services(): IterableIterator<[string, ServiceTally]> {
    return this.tallies.entries();
  }

  /** Exchanges and tunnels in flight, by service, colour and the epoch in which they began. */
  inFlight(): { service: string; colour: Colour; epoch: number; inFlight: number }[] {
    return this.sides
      .filter((side) => side.inFlight > 0)
      .map(({ service, colour, epoch, inFlight }) => ({ service, colour, epoch, inFlight }));
  }

  sicken(keys: ReadonlySet<string>): void {
    const now = this.plane.tick();
    for (const [key, pool] of this.pools) pool.care.sicken(keys.has(key), now, pool.policy);
  }

  sweep(now: number): void {
    for (const pool of this.pools.values()) pool.sweep(now);
  }
}
