import type { Step } from './step.ts';
import { grant, release, toldWords } from './worker-lease.ts';

export const activate: Step<'activate'> = {
  describe: ({ colour }) => `let the workers on ${colour} begin`,
  describeUndo: ({ colour, back }) => (back === null ? null : `have the workers on ${colour} stop`),

  async run({ colour }, context) {
    return { says: `${colour} works: ${toldWords(await grant(context, colour))}` };
  },

  async undo({ colour, back }, context) {
    // Nobody else could take the work up.
    if (back === null && context.service().live === colour) return { says: 'nothing to take back' };
    return { says: `${colour} does not work: ${toldWords(await release(context, colour))}` };
  },
};
