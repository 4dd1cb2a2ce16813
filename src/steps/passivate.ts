import type { Step } from './step.ts';
import { grant, release, toldWords } from './worker-lease.ts';

export const passivate: Step<'passivate'> = {
  describe: ({ colour }) => `have the workers on ${colour} stop`,
  describeUndo: ({ colour }) => `let the workers on ${colour} begin again`,

  async run({ colour }, context) {
    return { says: `${colour} does not work any more: ${toldWords(await release(context, colour))}` };
  },

  async undo({ colour }, context) {
    return { says: `${colour} works: ${toldWords(await grant(context, colour))}` };
  },
};
