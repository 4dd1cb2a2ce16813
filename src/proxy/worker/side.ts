import type { Colour } from '../../core/colour.ts';
import type { InstancePolicy } from '../../core/instance-policy.ts';
import type { RouteTracing } from '../../core/tracing.ts';
import type { MirrorTap } from '../mirror/tap.ts';
import type { Recorder } from '../record/recorder.ts';
import type { InstancePool } from './instance-pool.ts';
import type { InstanceQueue } from './instance-queue.ts';
import type { Limits } from './limits.ts';
import type { SideBefore } from './asset-lookup.ts';
import type { Pages } from './pages.ts';
import type { SideTally } from './tally.ts';

/** One environment under one epoch: where its requests go and where they are counted. */
export class Side {
  /** Exchanges and tunnels that began under this epoch and have not ended. */
  inFlight = 0;
  /** What the proxy answers with where it has to; null: a line of its own. */
  pages: Pages | null = null;
  /** What it is, whatever the epoch: service, colour and release. */
  key = '';
  /** Where requests wait while its instances are full; null: each takes any number. */
  queue: InstanceQueue | null = null;
  /** Who may answer for what it has no longer; null: nobody. */
  before: SideBefore | null = null;
  /** What copies some of its requests; null: nothing. */
  mirror: MirrorTap | null = null;
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
    /** Who tells of its requests one by one; null: nobody. */
    readonly recorder: Recorder | null,
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
   * connection just now come last: better a try than a refusal. Those in `tried`, and those that are full, do not come at all. Undefined if there is none left.
   */
  pick(now: number, tried: readonly InstancePool[] | null): InstancePool | undefined {
    const { pools, queue } = this;
    if (pools.length === 1 && tried === null && queue === null) return pools[0];
    let best: InstancePool | undefined;
    let bestLoad = Infinity;
    const start = this.turn++ % (pools.length || 1);
    for (let n = 0; n < pools.length; n++) {
      const pool = pools[(start + n) % pools.length]!;
      if (tried?.includes(pool)) continue;
      if (queue?.isFull(pool) === true) continue;
      const load = pool.care.steady ? pool.inFlight : pool.care.load(pool.inFlight, now);
      if (load < bestLoad) {
        best = pool;
        bestLoad = load;
      }
    }
    return best;
  }

  /** Whether a request has to wait for an instance: all that it has not tried are full, or others wait already and it is not its `turn`. */
  hasToWait(tried: readonly InstancePool[] | null, turn: boolean): boolean {
    const { queue, pools } = this;
    if (queue === null) return false;
    if (!turn && queue.waiting.size > 0) return true;
    let full = false;
    for (const pool of pools) {
      if (tried?.includes(pool)) continue;
      if (!queue.isFull(pool)) return false;
      full = true;
    }
    return full;
  }
}
