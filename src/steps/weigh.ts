import type { Colour } from '../core/colour.ts';
import { formatDuration } from '../core/duration.ts';
import type { ServiceEvent } from '../core/event.ts';
import { promotedBy } from '../core/interventions.ts';
import { failures, type SideCounters } from '../core/traffic.ts';
import { sameWeights, type Weights } from '../core/weights.ts';
import { expectRunning } from './expect-running.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { publish, type Published } from './publish.ts';
import type { Step, StepContext } from './step.ts';
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
      weights,
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

/** Whether the router divides the traffic so, by the newest order that the log knows: an older one that is still on its way is refused then. */
async function isInForce(context: StepContext, live: Colour, weights: Weights | undefined): Promise<boolean> {
  const { name, epoch, ...service } = context.service();
  if (service.routed !== live || !sameWeights(service.weights ?? undefined, weights)) return false;
  const route = await context.router.read(name);
  return (
    route !== null && route.epoch === epoch && route.live === live && sameWeights(route.weights, weights)
  );
}

function weighedEvent(
  deployment: number,
  to: Colour,
  weight: number,
  { applied: { epoch, holdMs, held, counters } }: Published,
): ServiceEvent {
  const count = (side: SideCounters) => ({
    requests: side.requests,
    failed: failures(side),
    writes: side.writes,
  });
  return {
    type: 'traffic-weighed',
    ...{ deployment, epoch, to, weight, holdMs, held, bootId: counters.bootId },
    blue: count(counters.blue),
    green: count(counters.green),
  };
}
