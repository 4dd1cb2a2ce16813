/** Something that is told to those who watch, and not kept. */
export interface Progress {
  readonly service: string;
  readonly deployment: number;
  readonly text: string;
}

/** Tells those who watch what goes on. */
export class ProgressBoard {
  readonly #watchers = new Set<(progress: Progress) => void>();

  report(progress: Progress): void {
    for (const watcher of [...this.#watchers]) watcher(progress);
  }

  /** Calls back with what is reported from now on. Returns how to end it. */
  watch(watcher: (progress: Progress) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
