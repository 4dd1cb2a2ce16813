import type { Colour } from '../core/colour.ts';
import type { ServiceEvent } from '../core/event.ts';
import { failures, type SideCounters } from '../core/traffic.ts';
import { percentOf, sameWeights, type Weights } from '../core/weights.ts';
import type { Published } from './publish.ts';
import type { StepContext } from './step.ts';

/** Whether the router divides the traffic so, by the newest order that the log knows: an older one that is still on its way is refused then. */
export async function isInForce(
  context: StepContext,
  live: Colour,
  weights: Weights | undefined,
): Promise<boolean> {
  const { name, epoch, ...service } = context.service();
  if (service.routed !== live || !sameWeights(service.weights ?? undefined, weights)) return false;
  const route = await context.router.read(name);
  return (
    route !== null && route.epoch === epoch && route.live === live && sameWeights(route.weights, weights)
  );
}

/** That `to` gets this part of the traffic, in per cent, from here on. */
export function weighedEvent(
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

/** The part of one side, in whole per cent. */
export const shareIn = (weights: Weights, colour: Colour): number => Math.round(percentOf(weights)[colour]);
