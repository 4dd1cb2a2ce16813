import { other } from '../../core/colour.ts';
import { DiffTally } from '../../core/mirror/diff-tally.ts';
import type { DiffReport } from '../../core/mirror/diff-report.ts';
import { difference } from '../../core/mirror/difference.ts';
import type { Route } from '../../core/traffic.ts';

/** Copies that are answered between two looks. */
const copiesEachLook = 50;

interface Mirror {
  readonly id: string;
  readonly tally: DiffTally;
}

/** Mirrors without traffic: with each look at one that goes on, some copies have been answered. */
export class MemoryMirrors {
  readonly #mirrors = new Map<string, Mirror>();

  constructor(
    private readonly now: () => number,
    private readonly differs: (route: Route) => boolean,
  ) {}

  look(route: Route | undefined, service: string, id: string): DiffReport | null {
    const running = route?.mirror?.id === id;
    if (route && running) this.#copy(route);
    const mirror = this.#mirrors.get(service);
    return mirror?.id === id ? mirror.tally.report(this.now(), running) : null;
  }

  #copy(route: Route): void {
    const { service, mirror: order } = route;
    if (!order) return;
    const from = other(order.to);
    let mirror = this.#mirrors.get(service);
    if (mirror?.id !== order.id) {
      const { id, to, share } = order;
      const releases = { live: route[from].release, idle: route[to].release };
      mirror = { id, tally: new DiffTally({ service, id, from, to, releases, share }, this.now()) };
      this.#mirrors.set(service, mirror);
    }
    const found = this.differs(route) ? [difference('status', '200 → 500', 200, 500)] : [];
    for (let n = 0; n < copiesEachLook; n++) {
      mirror.tally.chosen++;
      mirror.tally.add({
        route: 'GET /',
        differences: found,
        own: found.length === 0 ? null : [],
        usersUs: 1000,
        idleUs: 1000,
        liveUs: found.length === 0 ? null : 1000,
        shownAt: (at) => at,
        example: () => ({
          at: this.now(),
          request: 'GET /',
          headers: {},
          body: null,
          status: { live: 200, idle: 500 },
          live: '200',
          idle: '500',
        }),
      });
    }
  }
}
