import { columnsOf, fitted } from './text.ts';

/** Where a region is drawn: a terminal with its size as it is now. */
export interface Surface {
  readonly write: (text: string) => void;
  readonly columns: () => number;
  readonly rows: () => number;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';

/**
 * Lines at the end of what a terminal shows, drawn over again in place. No line is wider than the terminal, and no more of them than it
 * has rows are drawn (the last ones), so that what is drawn over is exactly what was drawn, also after the terminal was made narrower and
 * has wrapped it.
 */
export class Region {
  #drawn: readonly string[] = [];

  constructor(private readonly surface: Surface) {}

  /** Replaces what the region shows. */
  draw(lines: readonly string[]): void {
    const { surface } = this;
    const columns = surface.columns();
    const shown = lines.slice(-Math.max(1, surface.rows() - 1)).map((line) => fitted(line, columns - 1));
    surface.write(`${hideCursor}${this.#erase()}${shown.map((line) => `${line}\n`).join('')}`);
    this.#drawn = shown;
  }

  /** Shows these lines for good, whole, and gives the terminal back. What is written next comes below. */
  end(lines: readonly string[] = this.#drawn): void {
    this.surface.write(`${this.#erase()}${lines.map((line) => `${line}\n`).join('')}${showCursor}`);
    this.#drawn = [];
  }

  #erase(): string {
    if (this.#drawn.length === 0) return '';
    const columns = Math.max(1, this.surface.columns());
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(columnsOf(line) / columns)),
      0,
    );
    return `\x1b[${rows}A\r\x1b[J`;
  }
}
