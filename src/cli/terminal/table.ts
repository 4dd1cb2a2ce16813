import { columnsOf, padded } from './text.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** The rows in columns as wide as their widest cell, two blanks between, nothing after the last. Columns without a word are left out. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  title: (text: string) => string = (text) => text,
): string[] {
  const used = columns.flatMap((column, index) =>
    rows.some((row) => (row[index] ?? '') !== '') ? [{ ...column, index }] : [],
  );
  const widths = used.map(({ title: name, index }) =>
    Math.max(columnsOf(name), ...rows.map((row) => columnsOf(row[index] ?? ''))),
  );
  const line = (cell: (index: number, at: number) => string): string =>
    used
      .map(({ align = 'left', index }, at) => padded(cell(index, at), widths[at] ?? 0, align))
      .join('  ')
      .trimEnd();
  return [
    line((_, at) => title(used[at]?.title ?? '')),
    ...rows.map((row) => line((index) => row[index] ?? '')),
  ];
}
