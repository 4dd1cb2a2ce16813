import { html, type Html } from './html.ts';

/** One cell: a text, or one with the style of what it says. */
export type Cell = string | { readonly text: string; readonly style: string };

/** The name of a column; `n`: it holds numbers. */
export type Column = string | { readonly n: string };

const nameOf = (column: Column): string => (typeof column === 'string' ? column : column.n);
const isNumber = (column: Column | undefined): boolean => typeof column === 'object';

export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Html {
  const cell = (value: Cell, index: number): Html => {
    const { text, style } = typeof value === 'string' ? { text: value, style: '' } : value;
    return html`<td class="${isNumber(columns[index]) ? `n ${style}` : style}">${text}</td>`;
  };
  return html`<table>
    <tr>
      ${columns.map((column) => html`<th class="${isNumber(column) ? 'n' : ''}">${nameOf(column)}</th>`)}
    </tr>
    ${rows.map(
      (row) =>
        html`<tr>
          ${row.map(cell)}
        </tr>`,
    )}
  </table>`;
}
