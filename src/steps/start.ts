import { CutoverError } from '../core/errors.ts';
import type { Step } from './step.ts';
import { vacate } from './vacate.ts';

export const start: Step<'start'> = {
  describe: ({ colour, release }) => `start release ${release} on ${colour}`,
  describeUndo: ({ colour }) => `stop what runs on ${colour}`,

  async run({ colour, release: number }, context) {
    const { placement } = context.service().environments[colour];
    if (!placement) throw new CutoverError('internal', `${colour} has no addresses`);
    const release = context.release(number);
    await context.platform.start(context.environment(colour), release, placement);
    const layers = Object.entries(release.spec.environments.layers).map(
      ([name, { instances }]) => `${name} × ${instances}`,
    );
    return { says: layers.join(', '), events: [{ type: 'environment-started', colour, release: number }] };
  },

  async undo({ colour }, context) {
    await vacate(context, colour);
    return { says: `${colour} is stopped` };
  },
};
