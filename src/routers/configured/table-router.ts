import type { Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { formatAddress, type Address } from '../../core/address.ts';
import {
  emptySide,
  nothingTold,
  type Applied,
  type Counters,
  type Evicted,
  type Eviction,
  type Route,
  type SideCounters,
} from '../../core/traffic.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import { closeDescriptor } from '../../proxy/keeper/libc.ts';
import { listenOn } from '../../proxy/keeper/listening-socket.ts';
import {
  listenAddresses,
  routeOf,
  withFreeSide,
  withPortsOf,
  withRoute,
  withoutService,
  type ProxyTable,
} from '../../proxy/table/table.ts';

/** What the program itself says of a service, which may lag behind what is written after a crash between the two. */
export interface InForce {
  readonly epoch: number;
  readonly live: Colour;
}

/** What a program has counted of a service. */
export interface Counted {
  readonly bootId: string;
  readonly blue: SideCounters;
  readonly green: SideCounters;
}

export const nothingCounted = (): Counted => ({
  bootId: 'uncounted',
  blue: emptySide(),
  green: emptySide(),
});

/** Where a program keeps its routes, and how they take effect there. The epochs stand at the same place, so no stale controller gets by. */
export interface Place {
  readonly capabilities: RouterCapabilities;
  /** False: somebody else listens at the addresses of its routes. Absent: it does, and one that is new has to be free. */
  readonly listens?: false;
  /** While no other controller is at it. */
  exclusively<T>(act: () => Promise<T>): Promise<T>;
  /** As it is written. */
  load(): Promise<ProxyTable>;
  /** Null: the program does not know the service. */
  inForce(table: ProxyTable, service: string): Promise<InForce | null>;
  /**
   * Writes the table and puts in force what it says of the service; verifies that. What cannot be put in force leaves both as they were.
   * Called again with the same table, it ends right.
   */
  commit(next: ProxyTable, service: string): Promise<void>;
  counted(route: Route): Promise<Counted>;
}

async function freed(address: Address): Promise<Address> {
  const { fd, address: settled } = await listenOn(address);
  closeDescriptor(fd);
  return settled;
}

/** A router that is another program, told by a table that stands where it takes effect. */
export class TableRouter implements Router {
  readonly capabilities: RouterCapabilities;

  constructor(private readonly place: Place) {
    this.capabilities = place.capabilities;
  }

  apply(route: Route): Promise<Applied> {
    const { service, epoch } = route;
    return this.place.exclusively(async () => {
      const table = await this.place.load();
      const before = routeOf(table, service);
      const settled = await this.settled(table, withPortsOf(before, route));
      const next = withRoute(table, settled);
      const found = before ? await this.place.inForce(table, service) : null;
      const same = next === null && found?.epoch === epoch && found.live === route.live;
      const counters = await this.countersOf(before);
      if (!same) await this.place.commit(next ?? table, service);
      return { epoch, changed: !same, holdMs: 0, held: 0, counters };
    });
  }

  async read(service: string): Promise<Route | null> {
    const table = await this.place.load();
    const route = routeOf(table, service);
    if (!route) return null;
    const found = await this.place.inForce(table, service);
    if (!found) return null;
    if (found.epoch === route.epoch && found.live === route.live) return route;
    const { weights: _unknown, ...rest } = route;
    return { ...rest, ...found };
  }

  async counters(service: string): Promise<Counters> {
    return this.countersOf(await this.known(service));
  }

  async evict(service: string, eviction: Eviction): Promise<Evicted> {
    withFreeSide(await this.place.load(), service, eviction);
    throw new CutoverError('router-cannot', `service ${service}: its router ends nothing that is in flight`, {
      next: 'wait for it to end, or stop the side',
    });
  }

  /** No program that is told by a table compares answers. */
  mirrored(): Promise<null> {
    return Promise.resolve(null);
  }

  remove(service: string, epoch: number): Promise<void> {
    return this.place.exclusively(async () => {
      const table = await this.place.load();
      const next = withoutService(table, service, epoch);
      // Removed in what is written, but not yet in force, if we died in between.
      if (next || (await this.place.inForce(table, service))) await this.place.commit(next ?? table, service);
    });
  }

  private async known(service: string): Promise<Route> {
    const route = routeOf(await this.place.load(), service);
    if (route) return route;
    throw new CutoverError('service-unknown', `the router has no service ${service}`, {
      next: 'deploy it first',
    });
  }

  private async countersOf(route: Route | undefined): Promise<Counters> {
    const counted = route ? await this.place.counted(route) : nothingCounted();
    return { ...counted, at: Date.now(), refused: {}, told: nothingTold, queued: 0 };
  }

  /**
   * The route with real ports. An address that is new is tried before the program is told: most programs find out that it is taken only when
   * they have begun to change.
   */
  private async settled(table: ProxyTable, route: Route): Promise<Route> {
    if (this.place.listens === false) return route;
    const known = listenAddresses(table);
    const settle = async (address: Address): Promise<Address> =>
      known.has(formatAddress(address)) ? address : freed(address);
    return {
      ...route,
      listen: await settle(route.listen),
      preview: route.preview && (await settle(route.preview)),
    };
  }
}
