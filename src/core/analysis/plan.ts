import { z } from 'zod';

/** What a planned step that watches a side looks at. */
export const PlannedAnalysis = z.object({
  /** The names of the measures. */
  measures: z.array(z.string()),
  everyMs: z.number(),
  /** The false alarm rate of each comparison, so that all those of the deployment together keep to that of the spec. */
  alpha: z.number(),
  settleMs: z.number(),
});
export type PlannedAnalysis = z.infer<typeof PlannedAnalysis>;
