import type { Address } from '../core/address.ts';
import type { Checker, Probe } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { type Observed, observe, type Patience, unobserved } from './instance-condition.ts';

export interface WatchOptions extends Patience {
  readonly address: Address;
  readonly probe: Probe;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Checks one instance over and over, until it is closed. */
export class InstanceWatch {
  #observed: Observed = unobserved;
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;

  constructor(
    private readonly checker: Checker,
    private readonly clock: Clock,
    private readonly options: WatchOptions,
    /** Hears of each change of the condition. */
    private readonly onChange: (now: Observed) => void,
  ) {
    this.#watching = this.#watch();
  }

  /** What is known now. */
  get observed(): Observed {
    return this.#observed;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the watch is closed'));
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { probe, address, timeoutMs, intervalMs } = this.options;
    const { signal } = this.#closing;
    const target = { address, variables: {}, directory: '/' };
    while (!signal.aborted) {
      const { ok, detail } = await this.checker.run(probe, target, timeoutMs, signal);
      if (signal.aborted) return;
      const before = this.#observed.condition;
      this.#observed = observe(this.#observed, ok, detail, this.options);
      if (this.#observed.condition !== before) this.onChange(this.#observed);
      await this.clock.sleep(intervalMs, signal).catch(() => undefined); // cut short only by closing
    }
  }
}
