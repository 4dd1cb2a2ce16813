import { CutoverError } from '../core/errors.ts';
import { routedLayer } from '../core/spec.ts';
import type { Step } from './step.ts';
import { vacate } from './vacate.ts';

export const start: Step<'start'> = {
  describe: ({ colour, release, only }) =>
    `start ${only === undefined ? '' : `the first ${only === 1 ? 'instance' : `${only} instances`} of `}release ${release} on ${colour}`,
  describeUndo: ({ colour }) => `stop what runs on ${colour}`,

  async run({ colour, release: number, only }, context) {
    const { placement } = context.service().environments[colour];
    if (!placement) throw new CutoverError('internal', `${colour} has no addresses`);
    const release = context.release(number);
    const routed = routedLayer(release.spec);
    const counts = only === undefined ? undefined : { [routed]: only };
    await context.platform.start(context.environment(colour), release, placement, counts);
    const layers = Object.entries(release.spec.environments.layers).map(
      ([name, { instances }]) => `${name} × ${counts?.[name] ?? instances}`,
    );
    const started = { type: 'environment-started', colour, release: number } as const;
    return { says: layers.join(', '), events: [{ ...started, ...(only !== undefined && { only }) }] };
  },

  async undo({ colour }, context) {
    await vacate(context, colour);
    return { says: `${colour} is stopped` };
  },
};
