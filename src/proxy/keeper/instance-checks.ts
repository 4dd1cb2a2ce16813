import { formatAddress, type Address } from '../../core/address.ts';
import type { InstanceProbe } from '../../core/instance-policy.ts';
import { type RouteUpstream } from '../../core/upstream.ts';
import { sameUpstream } from '../../core/same-upstream.ts';
import type { Table } from '../data-plane.ts';
import { instanceKey } from '../table/instance-key.ts';
import { type Dialer, dialerFor } from '../upstream/dialer.ts';
import { probeInstance } from './instance-probe.ts';

interface Watched {
  readonly address: Address;
  probe: InstanceProbe;
  upstream: RouteUpstream | undefined;
  dialer: Dialer;
  sick: boolean;
  /** Results in a row that speak against what it is taken for. */
  against: number;
  timer: Timer | undefined;
}

/**
 * The checks of instances that go on after they are healthy. One process does them for all workers, so that an instance is
 * asked once, and every worker thinks the same of it. An instance is taken for healthy when it comes: it was, or it
 * would not be in the table.
 */
export class InstanceChecks {
  private readonly watched = new Map<string, Watched>();
  private stopped = false;

  /** @param onChange hears of every change of `sick` */
  constructor(private readonly onChange: (key: string, sick: boolean) => void) {}

  /** Checks the instances of this table from now on, and no others. */
  follow(table: Pick<Table, 'routes'>): void {
    const wanted = new Set<string>();
    for (const route of table.routes) {
      const probe = route.instancePolicy?.probe ?? null;
      if (probe === null || this.stopped) continue;
      for (const colour of ['blue', 'green'] as const) {
        const { upstream } = route[colour];
        let dialer: Dialer | undefined;
        for (const address of route[colour].instances) {
          const key = instanceKey(route.service, colour, route[colour].release, formatAddress(address));
          wanted.add(key);
          const known = this.watched.get(key);
          if (known && sameUpstream(known.upstream, upstream)) {
            known.probe = probe;
            dialer = known.dialer;
            continue;
          }
          dialer ??= dialerFor(upstream, () => performance.now());
          if (known) Object.assign(known, { probe, upstream, dialer });
          else {
            const fresh = { sick: false, against: 0, timer: undefined };
            const watched: Watched = { address, probe, upstream, dialer, ...fresh };
            this.watched.set(key, watched);
            this.later(key, watched);
          }
        }
      }
    }
    for (const [key, watched] of this.watched) {
      if (wanted.has(key)) continue;
      clearTimeout(watched.timer);
      this.watched.delete(key);
    }
  }

  /** The keys of those that are sick now. */
  sick(): string[] {
    return [...this.watched].filter(([, { sick }]) => sick).map(([key]) => key);
  }

  stop(): void {
    this.stopped = true;
    this.follow({ routes: [] });
  }

  private later(key: string, watched: Watched): void {
    watched.timer = setTimeout(() => {
      void probeInstance(watched.address, watched.probe, watched.dialer).then((good) => {
        if (this.watched.get(key) !== watched) return;
        this.judge(key, watched, good);
        this.later(key, watched);
      });
    }, watched.probe.intervalMs);
  }

  private judge(key: string, watched: Watched, good: boolean): void {
    if (good !== watched.sick) {
      watched.against = 0;
      return;
    }
    if (++watched.against < (good ? watched.probe.healthy : watched.probe.unhealthy)) return;
    watched.against = 0;
    watched.sick = !good;
    this.onChange(key, watched.sick);
  }
}
