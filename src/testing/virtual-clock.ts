import type { Clock } from '../ports/clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** Lets all that can go on without time passing go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Time that passes only when a test lets it, at once and in order, so that hours cost nothing and a run can be repeated exactly. */
export class VirtualClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #sleepers = new Set<Sleeper>();

  now = (): number => this.#now;
  monotonic = (): number => this.#now;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason instanceof Error ? signal.reason : new Error('the wait was cut short'));
      };
      const sleeper: Sleeper = {
        due: this.#now + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', fail);
          resolve();
        },
      };
      if (signal?.aborted) {
        fail();
        return;
      }
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', fail, { once: true });
    });
  }

  /** Lets time pass, from one sleeper to the next, until `done` says so. Throws if nobody sleeps any more, or after `limitMs`. */
  async run(done: () => boolean, limitMs = 86_400_000): Promise<void> {
    const end = this.#now + limitMs;
    for (;;) {
      // Work that takes several turns of the event loop without sleeping is not passed over.
      for (let turn = 0; turn < 3; turn++) await settle();
      if (done()) return;
      const [next] = [...this.#sleepers].sort((a, b) => a.due - b.due);
      if (!next) throw new Error('nothing is left that could happen, and it is not done');
      if (next.due > end) throw new Error(`not done after ${limitMs} ms of virtual time`);
      this.#sleepers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.wake();
    }
  }
}
