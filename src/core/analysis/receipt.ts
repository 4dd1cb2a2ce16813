import { z } from 'zod';
import { Colour } from '../colour-schema.ts';
import type { StepState } from '../deployment.ts';
import { Judged, judgedOf } from './state.ts';

/** What was looked at while a step watched a side, and what it was at the end. */
export const AnalysisReceipt = z.object({
  step: z.string(),
  colour: Colour,
  looks: z.number(),
  /** The false alarm rate of each comparison. */
  alpha: z.number(),
  measures: z.array(Judged),
});
export type AnalysisReceipt = z.infer<typeof AnalysisReceipt>;

/** What the steps of a deployment looked at, in their order. */
export const analysisOf = (steps: readonly StepState[]): AnalysisReceipt[] =>
  steps.flatMap(({ planned, analysis }) =>
    analysis === undefined || !('analysis' in planned) || planned.analysis === undefined
      ? []
      : [
          {
            step: planned.kind,
            colour: planned.colour,
            looks: analysis.looks,
            alpha: planned.analysis.alpha,
            measures: judgedOf(analysis),
          },
        ],
  );
