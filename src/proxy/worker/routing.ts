import { formatAddress } from '../../core/address.ts';
import { type Colour, other } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';
import type { Table } from '../data-plane.ts';
import { ascii, sameInAnyCase } from '../http1/octets.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { InstancePool } from './instance-pool.ts';
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
  ) {}

  /**
   * The instance with the fewest requests in flight; equal ones take turns. Instances in `tried`, and those that refused
   * a connection just now, come last or not at all. Undefined if there is none left.
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
      const load = pool.inFlight + (pool.avoidUntil > now ? 1e9 : 0);
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

const poolKey = (service: string, colour: Colour, release: number | null, address: string): string =>
  `${service} ${colour} ${release} ${address}`;

/** The table in force, made ready for look-up, with what outlives a table: tallies, and the pools of instances that stay. */
export class Routing {
  private readonly tallies = new Map<string, ServiceTally>();
  private entries = new Map<string, Entry>();
  private pools = new Map<string, InstancePool>();
  /** Sides of this and of earlier epochs in which something is in flight still. */
  private sides: Side[] = [];

  constructor(private readonly plane: Plane) {}

  /** Makes `table` the one in force. Connections to instances that are not in it are closed when they get idle. */
  install(table: Table): void {
    const pools = new Map<string, InstancePool>();
    const entries = new Map<string, Entry>();
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
      // One route for each address: the first that names it.
      const listen = formatAddress(route.listen);
      if (!entries.has(listen)) entries.set(listen, new Entry(tally, live, beside, false, host, limits));
      const preview = route.preview === null ? null : formatAddress(route.preview);
      if (preview !== null && !entries.has(preview))
        entries.set(preview, new Entry(tally, live, beside, true, host, limits));
    }
    for (const [key, pool] of this.pools) if (!pools.has(key)) pool.retire();
    this.pools = pools;
    this.entries = entries;
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
    const own = instances.map((address) => {
      // The release is part of the name: at the same address, another release is another program.
      const key = poolKey(route.service, colour, release, formatAddress(address));
      const pool = pools.get(key) ?? this.pools.get(key) ?? new InstancePool(this.plane, address);
      pools.set(key, pool);
      return pool;
    });
    return new Side(route.service, route.epoch, colour, tally[colour], own, limits);
  }

  entryOf(address: string): Entry | undefined {
    return this.entries.get(address);
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

  sweep(now: number): void {
    for (const pool of this.pools.values()) pool.sweep(now);
  }
}
