import { formatDuration } from '../core/duration.ts';
import {
  pausedBy,
  pausedLeftMs,
  pausedMs,
  promotedBy,
  resumedBy,
  type Intervention,
} from '../core/interventions.ts';
import { AnalysisWatch } from './analysis-watch.ts';
import { nothingToUndo, type Step, type StepContext } from './step.ts';
import { deploymentNow, stepNow } from './under-way.ts';
import { watchSide } from './watch.ts';

/** After a restart it is watched for so long at least: what went wrong while nobody looked is seen before the next step. */
const leastWatchMs = 5000;

export const hold: Step<'hold'> = {
  describe: ({ colour, back, weight, forMs, analysis }) =>
    `watch ${colour} with ${weight} % of the traffic ${
      forMs === null
        ? 'until somebody says cutover resume or cutover promote'
        : `for ${formatDuration(forMs)}`
    }${analysis ? ` by ${analysis.measures.join(', ')}` : ''}${back === null ? '' : `, and go back to ${back} if it does badly`}`,
  describeUndo: () => null,

  async run({ colour, release, back, forMs, weight, analysis: planned }, context) {
    const { held, over, leftMs } = timeOf(forMs, context);
    const promoted = over();
    if (promoted?.kind === 'promote') return { says: `skipped: promoted by ${promoted.by}` };
    // Both sides take traffic, so they are compared in the same minutes.
    const analysis = AnalysisWatch.begin(context, planned, { colour, release, back, sameMinutes: true });
    await watchSide(context, {
      colour,
      release,
      forMs: forMs ?? Infinity,
      leftMs,
      waived: () => over() !== null,
      analysis,
      code: 'canary-failed',
      next: 'the log lines say more; all traffic goes back to the side that is live',
      progress: (left) =>
        left === Infinity
          ? `${colour} has ${weight} %; waits for cutover resume or cutover promote`
          : `${colour} has ${weight} %; ${formatDuration(left)} to go${pausedBy(deploymentNow(context)) === null ? '' : ' (paused)'}`,
    }).finally(() => analysis?.end());
    const person = over();
    const how =
      person && (person.kind === 'promote' ? `; promoted by ${person.by}` : `; resumed by ${person.by}`);
    const healthy = `healthy for ${formatDuration(held())}${how ?? ''}`;
    return { says: analysis === null ? healthy : `${healthy}; ${analysis.words}` };
  },

  undo: nothingToUndo,
};

/** The time of a hold by the log, so that it goes on where it stood when the controller was restarted. */
function timeOf(
  forMs: number | null,
  context: StepContext,
): { held: () => number; over: () => Intervention | null; leftMs: () => number } {
  const { clock } = context;
  const begun = clock.monotonic();
  const step = stepNow(context);
  const { startedAt, attempts = 1 } = deploymentNow(context).steps[step] ?? {};
  const since = startedAt ?? clock.now();
  const leastMs = attempts > 1 ? Math.min(forMs ?? 0, leastWatchMs) : 0;
  const held = (): number => {
    const now = clock.now();
    return Math.max(0, now - since - pausedMs(deploymentNow(context), since, now));
  };
  const over = (): Intervention | null => {
    const deployment = deploymentNow(context);
    return promotedBy(deployment, 'canary') ?? resumedBy(deployment, step);
  };
  const leftMs = (): number => {
    if (over() !== null) return 0;
    if (forMs === null) return Infinity;
    const left = Math.max(forMs - held(), leastMs - (clock.monotonic() - begun));
    return pausedBy(deploymentNow(context)) === null ? left : Math.max(left, pausedLeftMs);
  };
  return { held, over, leftMs };
}
