import { formatDuration } from '../core/duration.ts';
import { AnalysisWatch } from './analysis-watch.ts';
import { nothingToUndo, type Step } from './step.ts';
import { watchSide } from './watch.ts';

export const bake: Step<'bake'> = {
  describe: ({ colour, back, forMs, analysis }) =>
    forMs === 0
      ? `see that ${colour} runs; no longer watch, since strategy.bake is 0`
      : `watch ${colour} for ${formatDuration(forMs)}${analysis ? ` by ${analysis.measures.join(', ')}` : ''}${back === null ? '' : `, and go back to ${back} if it does badly`}`,
  describeUndo: () => null,

  async run({ colour, release, back, forMs, analysis: planned }, context) {
    const analysis = AnalysisWatch.begin(context, planned, { colour, release, back, sameMinutes: false });
    try {
      const tookMs = await watchSide(context, {
        colour,
        release,
        forMs,
        analysis,
        code: 'bake-failed',
        next: 'the log lines say more; the traffic is taken back if there is a side to go back to',
      });
      const healthy = `healthy for ${formatDuration(tookMs)}`;
      if (forMs === 0) return { says: 'no time to watch in the spec' };
      return { says: analysis === null ? healthy : `${healthy}; ${analysis.words}` };
    } finally {
      analysis?.end();
    }
  },

  undo: nothingToUndo,
};
