import { CutoverError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Lease, Store } from '../ports/store.ts';

const ttlMs = 6000;
const renewMs = 2000;

/**
 * The controller's right to write, renewed while it lives. A lease is not a lock: what protects is its fence, which the store
 * checks with each append, and the epoch, which the router checks with each route.
 */
export class Tenure {
  readonly #ended = new AbortController();
  #lease: Lease;
  #renewals: Promise<void>;

  private constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    lease: Lease,
    private readonly onLost: (error: CutoverError) => void,
  ) {
    this.#lease = lease;
    this.#renewals = this.#renew();
  }

  /**
   * Takes the lease `name`; waits while another holder has it, unless `isGone` says that the holder cannot come back.
   * Throws `lease-lost` if another still holds it after `patienceMs`.
   */
  static async take(options: {
    store: Store;
    clock: Clock;
    name: string;
    holder: string;
    isGone: (holder: string) => boolean;
    onLost: (error: CutoverError) => void;
    patienceMs?: number;
  }): Promise<Tenure> {
    const { store, clock, name, holder, isGone, onLost, patienceMs = 2 * ttlMs } = options;
    const begun = clock.monotonic();
    for (;;) {
      const held = await store.readLease(name);
      if (held && held.holder !== holder && isGone(held.holder)) await store.releaseLease(held);
      const lease = await store.acquireLease(name, holder, ttlMs, clock.now());
      if (lease) return new Tenure(store, clock, lease, onLost);
      if (clock.monotonic() - begun > patienceMs) {
        throw new CutoverError(
          'lease-lost',
          `expected to take over the lease ${name}, found it held by ${held?.holder ?? 'another controller'}`,
          {
            next: 'stop the other controller, or let it work',
          },
        );
      }
      await clock.sleep(100);
    }
  }

  get lease(): Lease {
    return this.#lease;
  }

  async #renew(): Promise<void> {
    const { signal } = this.#ended;
    for (;;) {
      try {
        await this.clock.sleep(renewMs, signal);
      } catch {
        return; // ended by `end`
      }
      const { name, holder } = this.#lease;
      try {
        const lease = await this.store.acquireLease(name, holder, ttlMs, this.clock.now());
        if (lease && lease.fence === this.#lease.fence) {
          this.#lease = lease;
          continue;
        }
        this.onLost(new CutoverError('lease-lost', `the lease ${name} was taken over by another controller`));
        return;
      } catch (cause) {
        // The disk may be full or locked for a moment; the fence protects meanwhile, so the next renewal may try again.
        if (this.clock.now() < this.#lease.expiresAt) continue;
        this.onLost(new CutoverError('lease-lost', `the lease ${name} could not be renewed`, { cause }));
        return;
      }
    }
  }

  /** Stops renewing and gives the lease back. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#renewals;
    await this.store.releaseLease(this.#lease);
  }
}
