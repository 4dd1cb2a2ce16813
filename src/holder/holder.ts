import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Address } from '../core/address.ts';
import { CutoverError, errorRecord } from '../core/errors.ts';
import type { Route } from '../core/traffic.ts';
import { Turn } from '../core/turn.ts';
import { socketPath } from '../config/home.ts';
import { sendDescriptors } from '../proxy/keeper/descriptor-passing.ts';
import { routeOf, withoutService, withPortsOf, withRoute, type ProxyTable } from '../proxy/table/table.ts';
import { TableFile } from '../proxy/table/table-file.ts';
import { Holdings, type Holding } from './holdings.ts';
import type { HolderStatus, SlotsSeen, SocketOrder, SocketSent } from './protocol.ts';
import { Second } from './second.ts';
import { colourOf, slotOf, slotsFor } from './slots.ts';
import { inodeOf, SocketGroup, waitingOn } from './socket-group.ts';

export const holderFolder = (home: string): string => join(home, 'holder');

export interface HolderOptions {
  /** Absolute path of the home directory. */
  readonly home: string;
  readonly version: string;
  /** Argument vector of a program that calls `runSecond`. */
  readonly secondCommand: readonly string[];
  readonly log: (line: string) => void;
}

/** How many addresses of a service are held at once: the one in force, and the one before it, for the way back. */
const addressesKept = 2;

/**
 * Owns the sockets on which users reach services, and accepts on none: it says which of them gets a new connection, and gives copies to those
 * who start instances. What it says stands on disk, and what it has, its second has too.
 */
export class Holder {
  readonly #file: TableFile;
  #table: ProxyTable;
  readonly #turn = new Turn();
  #second: Second | null = null;
  #ending = false;
  readonly #warnings: string[];
  readonly #startedAt = Date.now();

  private constructor(
    private readonly options: HolderOptions,
    private readonly holdings: Holdings,
  ) {
    this.#file = new TableFile(holderFolder(options.home));
    const { table, warnings } = this.#file.load();
    this.#table = table;
    this.#warnings = [...warnings];
  }

  /**
   * Takes up what stands on disk.
   *
   * @param holdings what was handed over by a holder that is gone
   */
  static async start(options: HolderOptions, holdings = new Holdings()): Promise<Holder> {
    const holder = new Holder(options, holdings);
    await holder.#turn.take(async () => {
      for (const route of holder.#table.routes)
        try {
          await holder.#group(route.service, route.listen, instancesOf(route));
          holder.#steer(route);
        } catch (error) {
          holder.#warn(errorRecord(error).message);
        }
      await holder.#beginSecond();
    });
    return holder;
  }

  status(): HolderStatus {
    return {
      pid: process.pid,
      version: this.options.version,
      startedAt: this.#startedAt,
      second: this.#second?.pid ?? null,
      services: this.holdings
        .all()
        .map(({ service, group }) => ({ service, address: group.address, sockets: group.fds.length })),
      warnings: [...this.#warnings],
    };
  }

  read(service: string): Route | null {
    return routeOf(this.#table, service) ?? null;
  }

  /** Puts a route in force. @throws CutoverError as `Router.apply` */
  apply(route: Route): Promise<boolean> {
    return this.#turn.take(async () => {
      const { service } = route;
      const inForce = routeOf(this.#table, service);
      const asked = withPortsOf(inForce, route);
      if (withRoute(this.#table, asked) === null) {
        this.#steer(asked);
        return false;
      }
      const { group } = await this.#group(service, asked.listen, instancesOf(asked));
      const settled = { ...asked, listen: { ...asked.listen, port: group.address.port } };
      const next = withRoute(this.#table, settled);
      if (next) this.#save(next);
      this.#steer(settled);
      await this.#tidy(settled);
      return true;
    });
  }

  /** Forgets a service; nobody listens at its addresses any more. @throws CutoverError `stale-epoch` */
  remove(service: string, epoch: number): Promise<void> {
    return this.#turn.take(async () => {
      const next = withoutService(this.#table, service, epoch);
      if (next) this.#save(next);
      for (const holding of this.holdings.of(service)) await this.#let(holding);
    });
  }

  /** Sends a copy of the socket of one instance. @throws CutoverError `address-in-use`, `address-refused`, `router-cannot` */
  send(service: string, { listen, colour, index, instances, inbox }: SocketOrder): Promise<SocketSent> {
    return this.#turn.take(async () => {
      const { group } = await this.#group(service, listen, instances);
      const slot = slotOf(colour, index);
      const fd = group.fds[slot];
      if (fd === undefined)
        throw new CutoverError(
          'request-invalid',
          `service ${service} has no instance ${index} of ${instances}`,
        );
      sendDescriptors(inbox, '{}', [fd]);
      return { address: group.address, slot };
    });
  }

  slots(service: string): SlotsSeen {
    const inForce = routeOf(this.#table, service);
    if (!inForce)
      throw new CutoverError('service-unknown', `the holder of sockets has no service ${service}`, {
        next: 'deploy it first',
      });
    const current = this.holdings.at(service, inForce.listen);
    const all = this.holdings.of(service).toSorted((a, b) => Number(b === current) - Number(a === current));
    return {
      addresses: all.map(({ group }) => group.address),
      slots: all.flatMap(({ group }) =>
        group.fds.flatMap((fd, slot) => {
          const colour = colourOf(slot);
          return colour === null ? [] : [{ colour, inode: inodeOf(fd), waiting: waitingOn(fd) }];
        }),
      ),
    };
  }

  /** Ends; what is held is let go of, and instances keep what they have. */
  async end(): Promise<void> {
    await this.#turn.take(async () => {
      this.#ending = true;
      await this.#second?.end();
    });
  }

  /**
   * Has another process of the program that is on disk by now take its place: it gets the sockets first, then this one ends.
   *
   * @throws CutoverError `upgrade-refused` if that program does not start; this one goes on then
   */
  async giveWay(): Promise<void> {
    await this.#turn.take(async () => {
      const former = this.#second;
      this.#second = null;
      former?.kill();
      await former?.ended;
      await this.#beginSecond();
      if (this.#second === null)
        throw new CutoverError(
          'upgrade-refused',
          'the holder of sockets: expected the program on disk to take its place, found that it did not start',
          { next: 'see holder.log in the home directory' },
        );
      this.#ending = true;
    });
  }

  /** After `giveWay`, when nobody is answered here any more. */
  leave(): void {
    this.#second?.letGo();
  }

  #save(table: ProxyTable): void {
    this.#file.prepare(table).commit();
    this.#table = table;
  }

  #steer(route: Route): void {
    const current = this.holdings.at(route.service, route.listen);
    for (const holding of this.holdings.of(route.service)) {
      const live = route[route.live].instances.map((_, index) => slotOf(route.live, index));
      holding.group.steer(holding === current ? live : []);
    }
  }

  /** The sockets of a service at an address, enough for so many instances. */
  async #group(service: string, listen: Address, instances: number): Promise<Holding> {
    const count = slotsFor(instances);
    const known = this.holdings.at(service, listen);
    if (!known) {
      const group = await SocketGroup.open(listen, count);
      const holding = { service, host: listen.host, group };
      this.holdings.add(holding);
      await this.#tellSecond((second) => second.hold(holding));
      return holding;
    }
    const had = known.group.fds.length;
    if (had < count) {
      known.group.grow(count);
      await this.#tellSecond((second) => second.hold(known, had));
      const route = routeOf(this.#table, service);
      if (route) this.#steer(route);
      else known.group.steer([]);
    }
    return known;
  }

  /** Lets go of addresses of which neither this release nor the one before has need. */
  async #tidy(route: Route): Promise<void> {
    const current = this.holdings.at(route.service, route.listen);
    const others = this.holdings.of(route.service).filter((holding) => holding !== current);
    for (const holding of others.slice(0, -(addressesKept - 1))) await this.#let(holding);
  }

  async #let(holding: Holding): Promise<void> {
    this.holdings.drop(holding);
    holding.group.end();
    await this.#tellSecond((second) => second.forget(holding));
  }

  async #beginSecond(): Promise<void> {
    const { home, secondCommand } = this.options;
    const inbox = socketPath(home, `holder/${randomUUID().slice(0, 8)}.sock`);
    const second = new Second(secondCommand, inbox);
    try {
      await second.untilReady();
      for (const holding of this.holdings.all()) await second.hold(holding);
    } catch (error) {
      second.kill();
      this.#warn(errorRecord(error).message);
      return;
    }
    this.#second = second;
    void second.ended.then(() => this.#turn.take(() => this.#replaceSecond(second)));
  }

  async #replaceSecond(gone: Second): Promise<void> {
    if (this.#ending || this.#second !== gone) return;
    this.#second = null;
    this.options.log('the second has ended; starting another');
    await this.#beginSecond();
  }

  /** What it cannot be told, another one is given. */
  async #tellSecond(what: (second: Second) => Promise<void>): Promise<void> {
    const second = this.#second;
    if (!second) return;
    try {
      await what(second);
    } catch (error) {
      this.#warn(errorRecord(error).message);
      second.kill();
    }
  }

  #warn(text: string): void {
    this.options.log(text);
    if (this.#warnings.length < 20) this.#warnings.push(text);
  }
}

/** For how many instances a route needs sockets. */
const instancesOf = ({ blue, green }: Route): number =>
  Math.max(1, blue.instances.length, green.instances.length);
