import { CutoverError } from '../../core/errors.ts';
import { emptyTable, type ProxyTable } from '../../proxy/table/table.ts';
import { parseTable, renderTable } from '../../proxy/table/table-file.ts';

/** A configuration that is partly ours: all between the two marks, which each stand on a line of their own. */
export interface MarkedText {
  readonly before: string;
  /** The lines between the marks; null: there are no marks yet. */
  readonly block: readonly string[] | null;
  readonly after: string;
}

const begin = '# >>> cutover: from here to the mark below, changes are lost';
const end = '# <<< cutover';
const tablePrefix = '# cutover-table ';
/** Programs bound the length of a line, HAProxy at 2,048 bytes. */
const chunkLength = 1000;

const damaged = (path: string, what: string): CutoverError =>
  new CutoverError('state-damaged', `${path}: ${what}`, {
    next: `nothing was changed; mend the part between "${begin}" and "${end}" from a backup, or take it out with its marks: the next deployment writes it anew`,
  });

/** Finds the marks. @throws CutoverError `state-damaged` if they are not a pair */
export function markedText(text: string, path: string): MarkedText {
  const lines = text.split('\n');
  const at = (mark: string): number[] => lines.flatMap((line, n) => (line.trim() === mark ? [n] : []));
  const [first, second] = [at(begin), at(end)];
  if (first.length === 0 && second.length === 0) return { before: text, block: null, after: '' };
  const [from = -1, ...moreFrom] = first;
  const [to = -1, ...moreTo] = second;
  if (from < 0 || to < from || moreFrom.length > 0 || moreTo.length > 0)
    throw damaged(
      path,
      `expected one pair of marks, found ${first.length} at the beginning and ${second.length} at the end`,
    );
  return {
    before: from === 0 ? '' : `${lines.slice(0, from).join('\n')}\n`,
    block: lines.slice(from + 1, to),
    after: lines.slice(to + 1).join('\n'),
  };
}

/** The same text with these lines between its marks; without marks, they are put at the end. */
export function withBlock({ before, block, after }: MarkedText, lines: readonly string[]): string {
  const gap = block === null && before !== '' && !before.endsWith('\n') ? '\n' : '';
  return `${before}${gap}${[begin, ...lines, end].join('\n')}\n${after}`;
}

/** The table as comments, so that the very file that has an effect says under which epochs. */
export function tableLines(table: ProxyTable): string[] {
  // Only ASCII, so that a line of so many characters has as many bytes.
  const text = renderTable(table)
    .trimEnd()
    .replaceAll(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const chunks: string[] = [];
  for (let from = 0; from < text.length; from += chunkLength)
    chunks.push(`${tablePrefix}${text.slice(from, from + chunkLength)}`);
  return chunks;
}

/** The table in a block. @throws CutoverError `state-damaged` if it is not whole: its epochs would not be known */
export function tableIn({ block }: MarkedText, path: string): ProxyTable {
  if (block === null) return emptyTable;
  const text = block
    .filter((line) => line.startsWith(tablePrefix))
    .map((line) => line.slice(tablePrefix.length))
    .join('');
  const table = parseTable(text);
  if ('damage' in table) throw damaged(path, `the table of routes in it is not whole: ${table.damage}`);
  return table;
}
