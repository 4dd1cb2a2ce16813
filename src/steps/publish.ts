import type { Colour } from '../core/colour.ts';
import type { ServiceEvent } from '../core/event.ts';
import { routeOf } from '../core/route.ts';
import type { Applied } from '../core/traffic.ts';
import { divisionInForce, type Division } from '../core/service.ts';
import type { StepContext } from './step.ts';

/** What came of an order to the router. */
export interface Published {
  readonly applied: Applied;
  readonly tookMs: number;
}

/**
 * Puts in force what the log says, with `live` as the side that gets the traffic, under a new epoch. The epoch is recorded
 * before the router is told, so a controller that wakes up late carries an older one and is refused.
 *
 * @param outcome what is recorded before anyone else may give out an epoch
 * @param division how the traffic is divided between both sides and their instances; nothing: all to `live`
 */
export function publish(
  context: StepContext,
  live: Colour,
  outcome?: (published: Published) => readonly ServiceEvent[],
  division: Division = {},
): Promise<Published> {
  return context.inTurn(async () => {
    const epoch = context.service().epoch + 1;
    await context.record({
      type: 'route-ordered',
      deployment: context.deployment,
      epoch,
      live,
      ...division,
    });
    const begun = context.clock.monotonic();
    const applied = await context.router.apply(routeOf(context.service(), live, epoch), () =>
      context.record({ type: 'route-decided', epoch }),
    );
    const published = { applied, tookMs: context.clock.monotonic() - begun };
    if (outcome) await context.record(...outcome(published));
    return published;
  });
}

/** As `publish`, without moving the traffic or dividing it anew; nothing to do while nobody is live. */
export async function republish(context: StepContext): Promise<void> {
  const service = context.service();
  if (service.live !== null) await publish(context, service.live, undefined, divisionInForce(service));
}
