import { html, type Html } from './html.ts';
import { round, scale, ticks, type Scale } from './scale.ts';

export const width = 960;
export const left = 64;
const right = 12;
const top = 10;
const bottom = 20;

/** A moment that all charts show as a line from top to bottom. */
export interface Mark {
  readonly at: number;
  readonly text: string;
  readonly style: string;
}

/** One line, band or row of bars. `values[n]` is about the span that ends at `until[n]`; null: nothing to show there. */
export interface Series {
  readonly name: string;
  /** Its class in the style sheet. */
  readonly style: string;
  readonly values: readonly (number | null)[];
}

export interface Chart {
  readonly title: string;
  readonly kind: 'bands' | 'lines' | 'bars';
  readonly height: number;
  readonly from: number;
  readonly until: readonly number[];
  readonly series: readonly Series[];
  readonly marks: readonly Mark[];
  /** What a value is called on the axis and to a pointer. */
  readonly label: (value: number) => string;
}

/** Where moments stand; the same for all charts of a page. */
export const timeScale = (from: number, to: number): Scale => scale(from, to, left, width - right);

const points = (places: readonly (readonly [number, number])[]): string =>
  places.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');

/** The pieces of a line between the places where there is nothing to show. */
function runs(values: readonly (number | null)[]): (readonly [index: number, value: number])[][] {
  const found: (readonly [number, number])[][] = [[]];
  for (const [index, value] of values.entries()) {
    if (value === null) found.push([]);
    else found.at(-1)?.push([index, value]);
  }
  return found.filter(({ length }) => length > 0);
}

/** A chart over time as SVG: no script, and each span says its numbers to a pointer. */
export function chart({ title, kind, height, from, until, series, marks, label }: Chart): Html {
  const end = until.at(-1) ?? from;
  const x = timeScale(from, end);
  const begins = (index: number): number => until[index - 1] ?? from;
  const total = (index: number): number => series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0);
  const highest =
    kind === 'lines'
      ? Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)))
      : Math.max(0, ...until.map((_, index) => total(index)));
  const steps = ticks(highest, 3);
  const y = scale(0, steps.at(-1) ?? 1, height - bottom, top);

  const drawn: Html[] = [];
  const below = until.map(() => 0);
  for (const { values, style, name } of series) {
    if (kind === 'lines') {
      for (const run of runs(values)) {
        const places = run.flatMap(([index, value]): [number, number][] => [
          [x(begins(index)), y(value)],
          [x(until[index] ?? end), y(value)],
        ]);
        drawn.push(
          html`<polyline class="line ${style}" points="${points(places)}"><title>${name}</title></polyline>`,
        );
      }
      continue;
    }
    const tops = values.map((value, index) => (below[index] ?? 0) + (value ?? 0));
    if (kind === 'bands') {
      const over = tops.flatMap((value, index): [number, number][] => [
        [x(begins(index)), y(value)],
        [x(until[index] ?? end), y(value)],
      ]);
      const under = below
        .flatMap((value, index): [number, number][] => [
          [x(begins(index)), y(value)],
          [x(until[index] ?? end), y(value)],
        ])
        .reverse();
      drawn.push(html`<polygon class="band ${style}" points="${points([...over, ...under])}"></polygon>`);
    } else {
      for (const [index, value] of values.entries()) {
        if (!value) continue;
        const [a, b] = [x(begins(index)), x(until[index] ?? end)];
        const [high, low] = [y(tops[index] ?? 0), y(below[index] ?? 0)];
        drawn.push(
          html`<rect
            class="bar ${style}"
            x="${a}"
            y="${high}"
            width="${round(Math.max(1.5, b - a - 0.5))}"
            height="${round(low - high)}"
          ></rect>`,
        );
      }
    }
    for (const [index, value] of tops.entries()) below[index] = value;
  }

  const grid = steps.map(
    (value) =>
      html`<line class="grid" x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}"></line
        ><text class="axis" x="${left - 8}" y="${round(y(value) + 3.5)}" text-anchor="end"
          >${label(value)}</text
        >`,
  );
  const moments = marks.map(
    ({ at, text, style }) =>
      html`<line class="mark ${style}" x1="${x(at)}" x2="${x(at)}" y1="${top}" y2="${height - bottom}"
        ><title>${text}</title></line
      >`,
  );
  const spans = until.map((ends, index) => {
    const said = series.map(({ name, values }) => {
      const value = values[index] ?? null;
      return `${name}: ${value === null ? '–' : label(value)}`;
    });
    const a = x(begins(index));
    return html`<rect
      class="span"
      x="${a}"
      y="${top}"
      width="${round(Math.max(0.5, x(ends) - a))}"
      height="${height - top - bottom}"
      ><title>${said.join('\n')}</title></rect
    >`;
  });
  const legend = series.map(
    ({ name, style }) => html`<span class="key"><i class="${style}"></i>${name}</span>`,
  );
  return html`<figure>
    <figcaption><b>${title}</b>${legend}</figcaption>
    <svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title} over time">
      ${grid}${drawn}${moments}${spans}
    </svg>
  </figure>`;
}
