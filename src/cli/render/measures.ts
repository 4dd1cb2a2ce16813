import type { Judged } from '../../core/analysis/state.ts';
import type { Paint } from '../terminal/paint.ts';
import { columnsOf, harmless, padded } from '../terminal/text.ts';

const marks = { good: '✓', bad: '✗', waiting: '…', none: '–' } as const;

/** A line for each measure: its mark, its name, what was found. */
export function measureLines(measures: readonly Judged[], paint: Paint): string[] {
  const width = Math.max(0, ...measures.map(({ name }) => columnsOf(name)));
  const tones = { good: paint.green, bad: paint.red, waiting: paint.yellow, none: paint.dim };
  return measures.map(
    ({ name, judgement, says }) =>
      `${tones[judgement](marks[judgement])} ${padded(harmless(name), width)}  ${harmless(says)}`,
  );
}
