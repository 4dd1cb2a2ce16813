const maxPages = 1000;

/**
 * Remembers pages by who sent them, so that each later copy is compared to the byte with the first. Instances of one
 * environment send the same page, and so does each of their workers.
 */
export class PageMemory {
  readonly #pages = new Map<string, Buffer>();

  /** Whether `page` is like the one remembered under `key`; undefined if there is none yet. */
  same(key: string, page: Buffer): boolean | undefined {
    return this.#pages.get(key)?.equals(page);
  }

  remember(key: string, page: Buffer): void {
    if (this.#pages.size >= maxPages) this.#pages.clear();
    this.#pages.set(key, Buffer.from(page));
  }
}
