import { formatDuration } from '../core/duration.ts';
import { nothingToUndo, type Step } from './step.ts';

export const keep: Step<'keep'> = {
  describe: ({ colour, release, forMs }) =>
    forMs === 0
      ? `keep release ${release} on ${colour} no longer: it is stopped next`
      : `keep release ${release} hot on ${colour} for ${formatDuration(forMs)}, for the way back`,
  describeUndo: () => null,

  run({ colour, release, forMs }, { clock }) {
    return Promise.resolve({
      says:
        forMs === 0
          ? `release ${release} on ${colour} is stopped next`
          : `release ${release} stays hot on ${colour} for ${formatDuration(forMs)}`,
      events: [{ type: 'environment-kept' as const, colour, release, until: clock.now() + forMs }],
    });
  },

  undo: nothingToUndo,
};
