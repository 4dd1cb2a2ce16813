import type { Colour } from '../../core/colour.ts';
import { type RouteUpstream } from '../../core/upstream.ts';
import { sameUpstream } from '../../core/same-upstream.ts';
import { type Dialer, dialerFor } from '../upstream/dialer.ts';

interface Known {
  readonly upstream: RouteUpstream | undefined;
  readonly dialer: Dialer;
}

/** How the instances of each side are reached. What was read of files stays from table to table while the route says the same. */
export class Dialers {
  private readonly known = new Map<string, Map<Colour, Known>>();

  constructor(private readonly now: () => number) {}

  /** The same dialer for the same words: who has connections by it may keep them. */
  of(service: string, colour: Colour, upstream: RouteUpstream | undefined): Dialer {
    let sides = this.known.get(service);
    if (sides === undefined) this.known.set(service, (sides = new Map<Colour, Known>()));
    const known = sides.get(colour);
    if (known !== undefined && sameUpstream(known.upstream, upstream)) return known.dialer;
    const dialer = dialerFor(upstream, this.now);
    sides.set(colour, { upstream, dialer });
    return dialer;
  }

  /** Forgets all services but these. */
  keepOnly(services: ReadonlySet<string>): void {
    for (const service of this.known.keys()) if (!services.has(service)) this.known.delete(service);
  }
}
