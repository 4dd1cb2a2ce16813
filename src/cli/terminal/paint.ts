/** Colours for a terminal: each wraps a text, or leaves it as it is where no colours are wanted. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly blue: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    text === '' ? '' : `\x1b[${on}m${text}\x1b[${off}m`;
const asIs = (text: string): string => text;

export const colourful: Paint = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  blue: sgr(34, 39),
  cyan: sgr(36, 39),
};

export const plain: Paint = {
  bold: asIs,
  dim: asIs,
  red: asIs,
  green: asIs,
  yellow: asIs,
  blue: asIs,
  cyan: asIs,
};

/**
 * Whether colours are wanted: `--no-color` decides, then `NO_COLOR` (any text but the empty one: no-color.org), then `FORCE_COLOR`
 * (`0` and `false`: no; anything else: yes), then whether a terminal is there that is not dumb.
 */
export function colourWanted(
  env: Readonly<Record<string, string | undefined>>,
  { noColor, terminal }: { readonly noColor: boolean; readonly terminal: boolean },
): boolean {
  if (noColor || (env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return terminal && env['TERM'] !== 'dumb';
}
