/** What a program wrote, made safe to show: no escape sequences that could move the cursor or forge a line of ours. */
export const harmless = (text: string): string =>
  Bun.stripANSI(text).replaceAll(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/g, '');

/** The text, colours and all, cut to so many columns, with `…` where something is missing. */
export const fitted = (text: string, columns: number): string =>
  Bun.sliceAnsi(text, 0, Math.max(1, columns), { ellipsis: '…' });

/** How many columns the text takes on a terminal, colours not counted. */
export const columnsOf = (text: string): number => Bun.stringWidth(text);

/** The text with blanks up to so many columns; longer ones stay as they are. */
export const padded = (text: string, columns: number, side: 'left' | 'right' = 'left'): string => {
  const blanks = ' '.repeat(Math.max(0, columns - columnsOf(text)));
  return side === 'left' ? text + blanks : blanks + text;
};
