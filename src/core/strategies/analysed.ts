import type { PlannedStep } from '../plan.ts';
import { toleranceOf } from '../analysis/frame.ts';
import { nameOf } from '../spec/analysis.ts';
import type { Policy } from './policies.ts';

/** How long a step watches a side that takes traffic; null: it does not, Infinity: until somebody says so. */
function watchedMs(step: PlannedStep): number | null {
  if (step.kind === 'hold') return step.forMs ?? Infinity;
  return step.kind === 'bake' && step.forMs > 0 ? step.forMs : null;
}

/**
 * Has the steps that watch a side look at the measures of the spec. The false alarm rate is divided among all comparisons of the
 * deployment, so that together they keep to it.
 */
export const analysed: Policy = (plan, _service, { analysis }) => {
  if (analysis === undefined) return plan;
  const watches = plan.steps.filter((step) => watchedMs(step) !== null).length;
  if (watches === 0) {
    const note =
      'nothing is analysed, since no step watches the new side: strategy.bake is 0 and there is no hold';
    return plan.kind === 'deploy' ? { ...plan, notes: [...plan.notes, note] } : plan;
  }
  const comparisons = analysis.measures.filter((measure) => toleranceOf(measure) !== null).length;
  const planned = {
    measures: analysis.measures.map(nameOf),
    everyMs: analysis.every,
    alpha: analysis.alpha / Math.max(1, watches * comparisons),
  };
  const steps = plan.steps.map((step): PlannedStep => {
    const forMs = watchedMs(step);
    if ((step.kind !== 'bake' && step.kind !== 'hold') || forMs === null) return step;
    return { ...step, analysis: { ...planned, settleMs: Math.min(analysis.settle, forMs / 4) } };
  });
  return { ...plan, steps };
};
