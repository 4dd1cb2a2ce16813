import type { LogLine } from '../../ports/platform.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless, padded } from '../terminal/text.ts';

/** What instances wrote, each line with the instance it is from. */
export function logLines(lines: readonly LogLine[], paint: Paint): string[] {
  const names = lines.map(({ layer, index }) => `${layer}[${index}]`);
  const width = Math.max(0, ...names.map((name) => name.length));
  const tones = [paint.cyan, paint.yellow, paint.green, paint.blue];
  return lines.map(({ index, text }, at) => {
    const tone = tones[index % tones.length] ?? paint.cyan;
    return `${tone(padded(names[at] ?? '', width))} ${paint.dim('|')} ${harmless(text)}`;
  });
}
