import { neededReleases } from '../core/service.ts';
import { nothingToUndo, type Step } from './step.ts';
import { vacate } from './vacate.ts';

export const retire: Step<'retire'> = {
  describe: ({ colour, release }) => `stop release ${release} on ${colour}; the way back ends here`,
  describeUndo: () => null,

  async run({ colour, release }, context) {
    await vacate(context, colour);
    const { keepReleases } = context.release(release).spec;
    const pruned = await context.platform.prune(
      context.service().name,
      neededReleases(context.service(), keepReleases),
    );
    return {
      says: `${colour} is idle${pruned.length > 0 ? `; removed from disk: release ${pruned.join(', ')}` : ''}`,
    };
  },

  undo: nothingToUndo,
};
