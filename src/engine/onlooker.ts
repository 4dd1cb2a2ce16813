import { CutoverError } from '../core/errors.ts';
import { noLooks, withLook, withMiss, type Looks } from '../core/timeline.ts';
import type { Clock } from '../ports/clock.ts';
import type { Readings } from './readings.ts';

/**
 * Looks at the router's counters while a deployment goes on, for its timeline. It only looks: what it cannot see is missing in the
 * receipt and stops nothing.
 */
export class Onlooker {
  #looks: Looks = noLooks;
  readonly #over = new AbortController();

  constructor(
    private readonly readings: Readings,
    private readonly clock: Clock,
  ) {}

  get looks(): Looks {
    return this.#looks;
  }

  /** Looks on until `end` is called. Never rejects. */
  async begin(): Promise<void> {
    if (!this.readings.possible) return;
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#look();
      try {
        await this.clock.sleep(this.#looks.everyMs, signal);
      } catch {
        // The signal: it is over.
        return;
      }
    }
  }

  end(): void {
    this.#over.abort(new Error('the deployment has ended'));
  }

  async #look(): Promise<void> {
    try {
      this.#looks = withLook(this.#looks, await this.readings.read(this.#looks.everyMs / 2));
    } catch (error) {
      // A router that does not know the service yet has nothing to show.
      if (error instanceof CutoverError && error.code === 'service-unknown') return;
      this.#looks = withMiss(this.#looks);
    }
  }
}
