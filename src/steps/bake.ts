import { formatDuration } from '../core/duration.ts';
import { nothingToUndo, type Step } from './step.ts';
import { watchSide } from './watch.ts';

export const bake: Step<'bake'> = {
  describe: ({ colour, back, forMs }) =>
    forMs === 0
      ? `see that ${colour} runs; no longer watch, since strategy.bake is 0`
      : `watch ${colour} for ${formatDuration(forMs)}${back === null ? '' : `, and go back to ${back} if it does badly`}`,
  describeUndo: () => null,

  async run({ colour, release, forMs }, context) {
    const tookMs = await watchSide(context, {
      colour,
      release,
      forMs,
      code: 'bake-failed',
      next: 'the log lines say more; the traffic is taken back if there is a side to go back to',
    });
    return { says: forMs === 0 ? 'no time to watch in the spec' : `healthy for ${formatDuration(tookMs)}` };
  },

  undo: nothingToUndo,
};
