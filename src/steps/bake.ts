import { formatDuration } from '../core/duration.ts';
import { pausedBy, pausedLeftMs, pausedMs, promotedBy } from '../core/interventions.ts';
import { AnalysisWatch } from './analysis-watch.ts';
import { nothingToUndo, type Step } from './step.ts';
import { deploymentNow } from './under-way.ts';
import { watchSide } from './watch.ts';

export const bake: Step<'bake'> = {
  describe: ({ colour, back, forMs, analysis }) =>
    forMs === 0
      ? `see that ${colour} runs; no longer watch, since strategy.bake is 0`
      : `watch ${colour} for ${formatDuration(forMs)}${analysis ? ` by ${analysis.measures.join(', ')}` : ''}${back === null ? '' : `, and go back to ${back} if it does badly`}`,
  describeUndo: () => null,

  async run({ colour, release, back, forMs, analysis: planned }, context) {
    const { clock } = context;
    const [since, begun] = [clock.now(), clock.monotonic()];
    const promotion = () => promotedBy(deploymentNow(context), 'bake');
    const leftMs = (): number => {
      const deployment = deploymentNow(context);
      if (promotion() !== null) return 0;
      // The time of a pause does not count.
      const left = forMs - (clock.monotonic() - begun) + pausedMs(deployment, since, clock.now());
      return pausedBy(deployment) === null ? left : Math.max(left, pausedLeftMs);
    };
    const analysis = AnalysisWatch.begin(context, planned, { colour, release, back, sameMinutes: false });
    try {
      const tookMs = await watchSide(context, {
        colour,
        release,
        forMs,
        leftMs,
        waived: () => promotion() !== null,
        analysis,
        code: 'bake-failed',
        next: 'the log lines say more; the traffic is taken back if there is a side to go back to',
      });
      const by = promotion()?.by;
      const healthy = `healthy for ${formatDuration(tookMs)}${by === undefined ? '' : `; promoted by ${by}`}`;
      if (forMs === 0) return { says: 'no time to watch in the spec' };
      return { says: analysis === null ? healthy : `${healthy}; ${analysis.words}` };
    } finally {
      analysis?.end();
    }
  },

  undo: nothingToUndo,
};
