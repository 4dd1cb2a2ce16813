import { z } from 'zod';
import { colours, type Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import {
  emptySide,
  nothingTold,
  Route,
  type Applied,
  type Counters,
  type Evicted,
} from '../../core/traffic.ts';
import type { HolderClient } from '../../holder/client.ts';
import { Connections } from '../../holder/connections.ts';
import { ApplyAnswer, Done, HolderStatus, SlotsSeen } from '../../holder/protocol.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';

const Read = z.object({ route: Route.nullable() });
const pathOf = (service: string): string => `/v1/services/${encodeURIComponent(service)}`;

/**
 * The router that is the listening socket itself: each instance accepts on one of its own, and the kernel gives a new connection to one of the
 * side that is live. Nothing stands between users and the program; connections are switched, not requests.
 */
export class SocketRouter implements Router {
  readonly capabilities: RouterCapabilities = {
    // Checks speak to instances as clients do.
    carries: ['protocol', 'upstream.tls', 'upstream.protocol'],
    preview: false,
    counters: false,
    inFlight: true,
    weights: false,
    modes: false,
    evict: false,
    mirror: false,
    instances: false,
  };
  readonly #connections = new Connections();

  constructor(
    private readonly holder: HolderClient,
    private readonly now: () => number,
  ) {}

  async apply(route: Route): Promise<Applied> {
    const { service, epoch } = route;
    const { changed } = await this.holder.ask(
      { method: 'PUT', path: pathOf(service), body: route },
      ApplyAnswer,
    );
    return { epoch, changed, holdMs: 0, held: 0, counters: this.#counted(emptySide(), emptySide()) };
  }

  async read(service: string): Promise<Route | null> {
    return (await this.holder.ask({ method: 'GET', path: pathOf(service) }, Read)).route;
  }

  async counters(service: string): Promise<Counters> {
    const { addresses, slots } = await this.holder.ask(
      { method: 'GET', path: `${pathOf(service)}/slots` },
      SlotsSeen,
    );
    const { pid, second } = await this.holder.ask({ method: 'GET', path: '/v1/status' }, HolderStatus);
    const accepted = this.#connections.count(
      addresses,
      new Map(slots.map(({ inode, colour }) => [inode, colour])),
      new Set([process.pid, pid, second ?? pid]),
      this.now(),
    );
    const inFlight = (colour: Colour): number =>
      slots.reduce(
        (sum, slot) => sum + (slot.colour === colour ? slot.waiting : 0),
        accepted.get(colour) ?? 0,
      );
    const [blue, green] = colours.map((colour) => ({ ...emptySide(), inFlight: inFlight(colour) }));
    return this.#counted(blue ?? emptySide(), green ?? emptySide());
  }

  evict(service: string): Promise<Evicted> {
    return Promise.reject(
      new CutoverError('router-cannot', `service ${service}: a listening socket ends no connections`, {
        next: 'they end with the instances that have them, or by strategy.kind handover',
      }),
    );
  }

  /** It sees no requests, so there is never one. */
  mirrored(): Promise<null> {
    return Promise.resolve(null);
  }

  async remove(service: string, epoch: number): Promise<void> {
    await this.holder.ask({ method: 'DELETE', path: `${pathOf(service)}?epoch=${epoch}` }, Done);
  }

  #counted(blue: Counters['blue'], green: Counters['green']): Counters {
    return { bootId: 'socket', at: this.now(), blue, green, refused: {}, told: nothingTold, queued: 0 };
  }
}
