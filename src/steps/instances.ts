import type { Colour } from '../core/colour.ts';
import { shareOf, type InService } from '../core/in-service.ts';
import type { Instance } from '../core/placement.ts';
import { divisionOf, instancesOf, onlyOf } from '../core/service.ts';
import { sameWeights } from '../core/weights.ts';
import { untilAllHealthy } from './health.ts';
import { publish } from './publish.ts';
import type { StepContext } from './step.ts';
import { weighedEvent } from './division.ts';

/** Which instances of which side a step is about. */
export interface Crew {
  readonly colour: Colour;
  readonly release: number;
  /** The layer that gets traffic. */
  readonly layer: string;
}

/** Those of the layer from number `from` on, up to but without number `to`. */
export function between(context: StepContext, { colour, layer }: Crew, from: number, to: number): Instance[] {
  const { instances = [] } = context.service().environments[colour].placement ?? {};
  return instances.filter((each) => each.layer === layer && each.index >= from && each.index < to);
}

/** Has the first so many run, and waits until those that did not are healthy. Does nothing for those that have been. */
export async function bringUp(context: StepContext, crew: Crew, count: number): Promise<void> {
  const { colour, release } = crew;
  const { part } = context.service().environments[colour];
  const all = instancesOf(context.service(), colour);
  const { started, healthy } = part ?? { started: all, healthy: all };
  if (healthy >= count) return;
  if (started < count) await size(context, crew, count, healthy);
  await run(context, crew);
  await untilAllHealthy(context, colour, context.release(release), between(context, crew, healthy, count));
  await size(context, crew, count, count);
}

/** Has only the first so many run; the others, which nobody sends anything to any more, are stopped. */
export async function cutDown(context: StepContext, crew: Crew, count: number): Promise<void> {
  const { part } = context.service().environments[crew.colour];
  if (part?.started !== count || part.healthy !== count) await size(context, crew, count, count);
  await run(context, crew);
}

/** Says in the log how many there are to be, and how many of them have been healthy. */
export const size = (
  context: StepContext,
  { colour, release }: Crew,
  started: number,
  healthy: number,
): Promise<void> => context.record({ type: 'environment-sized', colour, release, started, healthy });

/** Brings the platform to what the log says. */
async function run(context: StepContext, { colour, release }: Crew): Promise<void> {
  const { placement } = context.service().environments[colour];
  if (!placement) throw new Error(`${colour} has no addresses`);
  const only = onlyOf(context.service(), colour);
  await context.platform.start(context.environment(colour), context.release(release), placement, only);
}

/**
 * Divides the traffic by so many instances of each side in service. Where it is divided so by the newest order, nothing is done: an order
 * that is still on its way would be older, and is refused then.
 */
export async function divide(
  context: StepContext,
  live: Colour,
  to: Colour,
  inService: InService,
): Promise<void> {
  const service = context.service();
  const division = divisionOf(service, inService);
  const same =
    service.routed === live &&
    sameWeights(service.weights ?? undefined, division.weights) &&
    service.inService?.blue === division.inService?.blue &&
    service.inService?.green === division.inService?.green;
  if (same && (await context.router.read(service.name))?.epoch === service.epoch) return;
  const share = shareOf(inService, to);
  await publish(
    context,
    live,
    // Behind the switch all of the traffic is on one side, whatever joins there.
    (published) => (live === to ? [] : [weighedEvent(context.deployment, to, share, published)]),
    division,
  );
}

/** `2 of green and 1 of blue`. */
export function servingWords(inService: InService, to: Colour, from: Colour): string {
  const each = [to, from].filter((colour) => inService[colour] > 0);
  return each.map((colour) => `${inService[colour]} of ${colour}`).join(' and ');
}

/** `web[1]`, `web[1] and web[2]`, `web[1] to web[3]`. */
export function rangeWords(layer: string, from: number, to: number): string {
  const last = `${layer}[${to - 1}]`;
  if (to - from === 1) return last;
  return `${layer}[${from}] ${to - from === 2 ? 'and' : 'to'} ${last}`;
}
