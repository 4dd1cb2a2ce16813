import { fitted } from './text.ts';
import type { Surface } from './region.ts';

/** The alternate screen of a terminal: what was there before comes back when it is left. */
export class Screen {
  #open = false;

  constructor(private readonly surface: Surface) {}

  /** Shows the lines from the top; those that do not fit are cut. */
  draw(lines: readonly string[]): void {
    const { surface } = this;
    const shown = lines.slice(0, Math.max(1, surface.rows())).map((line) => fitted(line, surface.columns()));
    const enter = this.#open ? '' : '\x1b[?1049h\x1b[?25l';
    this.#open = true;
    // Each line is cleared to its end, then all below: nothing flickers, nothing is left from before.
    surface.write(`${enter}\x1b[H${shown.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  /** Idempotent. */
  leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.surface.write('\x1b[?25h\x1b[?1049l');
  }
}
