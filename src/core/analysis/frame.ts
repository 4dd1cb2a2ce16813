import type { Colour } from '../colour.ts';
import type { AnalysisRules, Measure } from '../spec/analysis.ts';
import { unitOf } from '../spec/analysis.ts';
import type { SideCounters } from '../traffic.ts';

/** What a side is compared with: the other one in the same minutes, or what the other one did before it lost the traffic. */
export type Against =
  | { readonly colour: Colour; readonly when: 'same-minutes' }
  | { readonly colour: Colour; readonly when: 'before'; readonly figures: SideCounters };

/** What does not change from look to look. */
export interface Frame {
  readonly rules: AnalysisRules;
  readonly colour: Colour;
  /** Null: there is no other side. */
  readonly against: Against | null;
  /** The false alarm rate of each comparison. */
  readonly alpha: number;
  readonly settleMs: number;
  /** How many requests all instances of the side take at a time; null: any number. */
  readonly slots: number | null;
}

/** What a source outside says: of the side, and of the other one where both are compared. */
export type Figure =
  | { readonly kind: 'number'; readonly fresh: number; readonly against: number | null }
  | { readonly kind: 'verdict'; readonly ok: boolean; readonly detail: string }
  | { readonly kind: 'away'; readonly why: string };

/** By how much a side may be worse: `ratio` times the other's, and `margin` in the unit of the measure. */
export interface Tolerance {
  readonly ratio: number;
  readonly margin: number;
}

const tolerances = {
  share: { ratio: 1.2, margin: 0.001 },
  ms: { ratio: 1.5, margin: 5 },
  number: { ratio: 1.2, margin: 0 },
} as const;

/** What a measure tolerates where it compares; null where it does not. */
export function toleranceOf(measure: Measure): Tolerance | null {
  const { compare, limit, of } = measure;
  // A measure of requests that says nothing is a comparison; a command or an answer over HTTP that says nothing, a verdict.
  if (compare === undefined && (limit !== undefined || of === undefined)) return null;
  const usual = tolerances[unitOf(measure)];
  return {
    ratio: compare?.worseBy === undefined ? usual.ratio : 1 + compare.worseBy,
    margin: compare?.margin?.value ?? usual.margin,
  };
}

export const leastOf = (measure: Measure, rules: AnalysisRules): number =>
  measure.leastRequests ?? rules.leastRequests;
