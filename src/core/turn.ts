/** Lets acts on one thing happen one at a time, in the order in which they were asked for. A failed act does not stop the next. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(act, act);
    this.#last = mine.then(
      () => undefined,
      () => undefined, // the caller of `take` has the error; the next in line starts all the same
    );
    return mine;
  }

  /** Resolves when all that was asked for so far has ended, well or badly. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
