import { isLeased, type RouteProxies } from './rules.ts';
import { compareTurns, type Turn } from './standing.ts';

/** What a proxy does with the requests of users of a service. */
export type Conduct = 'serve' | 'hold' | 'closed';

/**
 * What one of several proxies knows of a service only while it runs: until when it holds, and until when it may be sure that the route in force is the last.
 * After a start it knows nothing. All times are its own, in milliseconds, and never go back.
 */
export class Vigil {
  /** When the turn was prepared for the first time: what is decided later is not older than that. */
  #prepared: { readonly turn: Turn; readonly at: number } | null = null;
  #holdUntil: number;
  #leaseUntil = -Infinity;
  #confirmed = false;

  /** @param holdMs of the route in force, or the one that is prepared */
  constructor(
    private readonly startedAt: number,
    holdMs: number,
  ) {
    // A promise from before the start: users wait once more, and for no longer than they would have.
    this.#holdUntil = startedAt + holdMs;
  }

  prepared(turn: Turn, now: number): void {
    if (this.#prepared && compareTurns(this.#prepared.turn, turn) === 0) return;
    this.#prepared = { turn, at: now };
  }

  /** It promises now. Said again, a hold is no longer. */
  promised(now: number, holdMs: number): void {
    this.#holdUntil = now + holdMs;
  }

  /** The prepared route is in force, and was the last one when it was prepared. */
  committed(turn: Turn, rules: RouteProxies | undefined): void {
    const { at } = this.#prepared?.turn.epoch === turn.epoch ? this.#prepared : { at: null };
    this.#prepared = null;
    if (at === null || rules === undefined) return;
    this.#confirmed = true;
    this.#leaseUntil = at + rules.leaseMs;
  }

  /** A controller says that the route in force is the last one, until then. */
  leased(until: number): void {
    this.#confirmed = true;
    this.#leaseUntil = Math.max(this.#leaseUntil, until);
  }

  /**
   * What to do at a moment, and until when that holds if nothing is heard.
   *
   * In doubt, after a promise, and without a lease where one is needed, `wait` holds for as long as a switch may and is closed then; `serve` goes on by
   * the route in force. One that may be left out asks after a start: it holds until it has heard, for as long as a hold lasts.
   *
   * @param rules of the route in force; undefined: the proxy is not one of several
   */
  conductAt(
    now: number,
    rules: RouteProxies | undefined,
    promised: Turn | null,
  ): { readonly conduct: Conduct; readonly until: number } {
    if (promised && now < this.#holdUntil) return { conduct: 'hold', until: this.#holdUntil };
    if (rules === undefined) return { conduct: promised ? 'closed' : 'serve', until: Infinity };
    const blind = { conduct: rules.unreachable === 'wait' ? 'closed' : 'serve', until: Infinity } as const;
    if (promised) return blind;
    if (rules.missing === 'refuse') return { conduct: 'serve', until: Infinity };
    if (isLeased(rules) && now < this.#leaseUntil) return { conduct: 'serve', until: this.#leaseUntil };
    const asksUntil = this.startedAt + rules.holdMs;
    if (!this.#confirmed && now < asksUntil) return { conduct: 'hold', until: asksUntil };
    return blind;
  }
}
