import type { Colour } from '../core/colour.ts';
import { formatDuration } from '../core/duration.ts';
import { promotedBy } from '../core/interventions.ts';
import type { Weights } from '../core/weights.ts';
import { isInForce, weighedEvent } from './division.ts';
import { expectRunning } from './expect-running.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { publish } from './publish.ts';
import type { Step } from './step.ts';
import { deploymentNow } from './under-way.ts';

export const weigh: Step<'weigh'> = {
  describe: ({ from, to, weight }) => `send ${weight} % of the traffic to ${to}, the rest to ${from}`,
  describeUndo: ({ from, to }) => `send all traffic back to ${from}, and let ${to} finish what it has begun`,

  async run({ from, to, weight }, context) {
    const deployment = deploymentNow(context);
    const promotion = promotedBy(deployment, 'canary');
    if (promotion) return { says: `skipped: promoted by ${promotion.by}` };
    const weights = weightsOf(to, weight);
    const last = deployment.weighed.at(-1);
    if (last?.to === to && last.weight === weight && (await isInForce(context, from, weights)))
      return { says: `${to} has ${weight} %` };
    await expectRunning(context, to);
    const { applied, tookMs } = await publish(
      context,
      from,
      (published) => [weighedEvent(context.deployment, to, weight, published)],
      { weights },
    );
    return {
      says: `${to} has ${weight} % after ${formatDuration(tookMs)} (requests held for ${formatDuration(applied.holdMs)}: ${applied.held})`,
    };
  },

  async undo({ from, to, release }, context) {
    if (!(await isInForce(context, from, undefined)))
      // Also where the new side does badly and the old one too: what is live has had the traffic all the time.
      await publish(context, from, (published) => [weighedEvent(context.deployment, to, 0, published)]);
    const { drain } = context.release(release).spec.strategy;
    const drained = await untilNoneInFlight(context, to, drain);
    const left = drained?.left ?? 0;
    return {
      says: `all traffic is on ${from}; ${left === 0 ? `${to} has finished` : `${left} still in flight on ${to}`}`,
    };
  },
};

const weightsOf = (to: Colour, weight: number): Weights =>
  to === 'blue' ? { blue: weight, green: 100 - weight } : { blue: 100 - weight, green: weight };
