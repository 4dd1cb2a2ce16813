import type { Counters } from '../core/traffic.ts';
import type { Router } from '../ports/router.ts';

/**
 * The router's counters, read once for all who look at them while a deployment goes on: each reading asks every worker of the proxy, so
 * those that come close together share one.
 */
export class Readings {
  #last: Counters | null = null;
  #reading: Promise<Counters> | null = null;

  constructor(
    private readonly service: string,
    private readonly router: () => Router,
    private readonly now: () => number,
  ) {}

  /** Whether the router counts at all. */
  get possible(): boolean {
    return this.router().capabilities.counters;
  }

  /** A reading that is at most so old, or a new one. Rejects as `Router.counters` does. */
  async read(maxAgeMs: number): Promise<Counters> {
    if (this.#last !== null && this.now() - this.#last.at <= maxAgeMs) return this.#last;
    this.#reading ??= this.#read();
    return this.#reading;
  }

  async #read(): Promise<Counters> {
    try {
      this.#last = await this.router().counters(this.service);
      return this.#last;
    } finally {
      this.#reading = null;
    }
  }
}
