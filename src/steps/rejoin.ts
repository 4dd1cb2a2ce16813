import { formatDuration } from '../core/duration.ts';
import { serves } from '../core/service.ts';
import { isInForce, shareIn, weighedEvent } from './division.ts';
import { expectRunning } from './expect-running.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { publish } from './publish.ts';
import type { Step } from './step.ts';

export const rejoin: Step<'rejoin'> = {
  describe: ({ colour, live, release, weights }) =>
    `put ${colour} into service with release ${release}, beside ${live}: ${shareIn(weights, colour)} % of the traffic`,
  describeUndo: ({ colour, live }) =>
    `take ${colour} out of service: ${live} serves alone; let ${colour} finish what it has begun`,

  async run({ colour, live, weights }, context) {
    const share = shareIn(weights, colour);
    const says = `${colour} serves with ${share} %, beside ${live}`;
    if (await isInForce(context, live, weights)) return { says };
    await expectRunning(context, colour);
    const { applied, tookMs } = await publish(
      context,
      live,
      (published) => [weighedEvent(context.deployment, colour, share, published)],
      { weights },
    );
    return {
      says: `${says}, after ${formatDuration(tookMs)} (requests held for ${formatDuration(applied.holdMs)}: ${applied.held})`,
    };
  },

  async undo({ colour, live, release }, context) {
    const service = context.service();
    // Also where the order was given and it is not known whether it came about.
    if (service.live === live && (serves(service, colour) || !(await isInForce(context, live, undefined))))
      await publish(context, live, (published) => [weighedEvent(context.deployment, colour, 0, published)]);
    const { drain } = context.release(release).spec.strategy;
    const left = (await untilNoneInFlight(context, colour, drain))?.left ?? 0;
    return {
      says: `${live} serves alone; ${left === 0 ? `${colour} has finished` : `${left} still in flight on ${colour}`}`,
    };
  },
};
