import type { AnalysisRules } from '../spec/analysis.ts';
import type { AnalysisState, MeasureState } from './state.ts';

/** What is to be done with the side: leave it as it is, watch it on, or take it back because of a measure. */
export type Outcome =
  | { readonly act: 'go-on' }
  | { readonly act: 'wait'; readonly for: readonly MeasureState[] }
  | { readonly act: 'roll-back'; readonly measure: MeasureState; readonly waitedMs: number };

/**
 * What follows from the measures.
 *
 * @param leftMs how much of the time of the watch is left; negative: how long it is over
 */
export function outcomeOf(
  { measures }: AnalysisState,
  { inconclusive, waitAtMost }: AnalysisRules,
  leftMs: number,
): Outcome {
  const bad = measures.find(({ judgement }) => judgement === 'bad');
  if (bad) return { act: 'roll-back', measure: bad, waitedMs: 0 };
  const waiting = measures.filter(({ judgement }) => judgement === 'waiting');
  if (leftMs > 0) return { act: 'wait', for: waiting };
  // A source that does not answer is never taken for a good one; too few requests may be, if the spec says so.
  const blocking = waiting.filter(({ awaySince }) => awaySince !== null || inconclusive !== 'go-on');
  const first = blocking[0];
  if (first === undefined) return { act: 'go-on' };
  const waits = first.awaySince !== null || inconclusive === 'wait';
  if (waits && -leftMs < waitAtMost) return { act: 'wait', for: blocking };
  return { act: 'roll-back', measure: first, waitedMs: Math.max(0, -leftMs) };
}
