import { CutoverError } from '../core/errors.ts';
import { formatDuration } from '../core/duration.ts';
import { ready } from '../core/environment.ts';
import { isInForce, shareIn, weighedEvent } from './division.ts';
import { expectCapacity } from './expect-capacity.ts';
import { expectRunning } from './expect-running.ts';
import { publish } from './publish.ts';
import type { Step } from './step.ts';

export const withdraw: Step<'withdraw'> = {
  describe: ({ colour, live }) => `take ${colour} out of service: ${live} serves alone, ${colour} is standby`,
  describeUndo: ({ colour, live }) => `put ${colour} back into service beside ${live}`,

  async run({ colour, live }, context) {
    const says = `${colour} is out of service, ${live} serves alone`;
    if (await isInForce(context, live, undefined)) return { says };
    // What stays has to be all there: it bears the load of both.
    expectCapacity(context, live);
    await expectRunning(context, live);
    const { tookMs } = await publish(context, live, (published) => [
      weighedEvent(context.deployment, colour, 0, published),
    ]);
    return { says: `${says}, after ${formatDuration(tookMs)}` };
  },

  async undo({ colour, live, weights }, context) {
    if (await isInForce(context, live, weights)) return { says: `${colour} serves beside ${live}` };
    const instances = await context.platform.inspect(context.environment(colour));
    const runs = instances.some(({ state }) => state === 'running');
    if (!runs || !ready(context.service().environments[colour]))
      throw new CutoverError(
        'undo-failed',
        `service ${context.service().name}: expected what served on ${colour} to be there again, found ${runs ? 'it not healthy' : 'nothing running'}; ${live} serves alone`,
        { next: `cutover status shows more; the next deployment renews ${colour} first` },
      );
    await publish(
      context,
      live,
      (published) => [weighedEvent(context.deployment, colour, shareIn(weights, colour), published)],
      { weights },
    );
    return { says: `${colour} serves again beside ${live}` };
  },
};
