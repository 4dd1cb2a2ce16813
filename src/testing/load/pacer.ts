/** Lets requests begin at a rate, in the order in which they asked; without a rate, at once. */
export class Pacer {
  readonly #rate: number | null;
  readonly #waiting: (() => void)[] = [];
  readonly #timer: ReturnType<typeof setInterval> | null = null;
  #due = 0;
  #lastAt = performance.now();

  /** `rate` is in requests a second, null for no limit. */
  constructor(rate: number | null) {
    this.#rate = rate;
    if (rate !== null) this.#timer = setInterval(() => this.#release(rate), 5);
  }

  /** Calls `begin` when it may. */
  take(begin: () => void): void {
    if (this.#rate === null) begin();
    else this.#waiting.push(begin);
  }

  /** Whoever waits begins now, and is expected to look whether it still should. */
  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    for (const begin of this.#waiting.splice(0)) begin();
  }

  #release(rate: number): void {
    const now = performance.now();
    // What a stalled machine missed is not made up for in one burst.
    this.#due = Math.min(this.#due + ((now - this.#lastAt) / 1000) * rate, Math.max(1, rate / 10));
    this.#lastAt = now;
    for (; this.#due >= 1 && this.#waiting.length > 0; this.#due--) this.#waiting.shift()?.();
  }
}
