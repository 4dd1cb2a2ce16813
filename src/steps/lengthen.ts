import { formatDuration } from '../core/duration.ts';
import { keepFor } from './shorten.ts';
import { nothingToUndo, type Step } from './step.ts';

export const lengthen: Step<'lengthen'> = {
  describe: ({ forMs }) => `have clients keep where they are sent for ${formatDuration(forMs)} again`,
  // It comes when nothing is left that could fail; a way back says the short time with its switch.
  describeUndo: () => null,

  async run({ forMs }, context) {
    const { changed } = await keepFor(context, 'usual');
    return { says: `they keep it for ${formatDuration(forMs)}${changed ? ' again' : ', as before'}` };
  },

  undo: nothingToUndo,
};
