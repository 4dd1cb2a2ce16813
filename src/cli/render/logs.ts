import type { Colour } from '../../core/colour.ts';
import type { LogLine } from '../../ports/platform.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless, padded } from '../terminal/text.ts';

/** What instances wrote, each line with the instance it is from. */
export const logLines = (lines: readonly LogLine[], paint: Paint): string[] => logPrinter(paint)(lines);

/** The same for lines that come bit by bit; the column of the instances never gets narrower. With the environment, where there are two. */
export function logPrinter(paint: Paint): (lines: readonly LogLine[], environment?: Colour) => string[] {
  let width = 0;
  const tones = [paint.cyan, paint.yellow, paint.green, paint.blue];
  return (lines, environment) => {
    const names = lines.map(({ layer, index }) => `${layer}[${index}]`);
    width = Math.max(width, ...names.map((name) => name.length));
    const side =
      environment === undefined ? '' : `${paint[environment](padded(environment, 'green'.length))} `;
    return lines.map(({ index, text }, at) => {
      const tone = tones[index % tones.length] ?? paint.cyan;
      return `${side}${tone(padded(names[at] ?? '', width))} ${paint.dim('|')} ${harmless(text)}`;
    });
  };
}
