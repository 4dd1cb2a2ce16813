import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import type { Keeping } from '../core/caching.ts';
import type { Step, StepContext } from './step.ts';

export const shorten: Step<'shorten'> = {
  describe: ({ keptMs, forMs }) =>
    `have clients keep where they are sent for ${formatDuration(forMs)}, and no longer for ${formatDuration(keptMs)}`,
  describeUndo: ({ keptMs }) => `have them keep it for ${formatDuration(keptMs)} again`,

  async run({ forMs }, context) {
    const { changed } = await keepFor(context, 'short');
    return { says: `they keep it for ${formatDuration(forMs)}${changed ? '' : ', as before'}` };
  },

  async undo({ keptMs }, context) {
    await keepFor(context, 'usual');
    return { says: `they keep it for ${formatDuration(keptMs)} again` };
  },
};

/** Tells the router how long clients keep what they are told, under the epoch in force. */
export function keepFor(context: StepContext, keeping: Keeping): Promise<{ readonly changed: boolean }> {
  const { router, service } = context;
  if (!router.keepFor)
    throw new CutoverError('internal', 'the router has no clients that keep what they are told');
  return context.inTurn(async () => {
    const { name, epoch } = service();
    return (await router.keepFor?.(name, keeping, Math.max(1, epoch))) ?? { changed: false };
  });
}
