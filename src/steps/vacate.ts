import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import { endInFlight, untilNoneInFlight } from './in-flight.ts';
import { republish } from './publish.ts';
import type { StepContext } from './step.ts';

/**
 * Empties an environment: the log first (from here on it is no way back), then the router, then what is in flight there
 * (preview), then the instances. Never the one that is live.
 */
export async function vacate(context: StepContext, colour: Colour): Promise<void> {
  const service = context.service();
  const route = await context.router.read(service.name);
  if (service.live === colour || (service.live === null && route?.live === colour)) {
    throw new CutoverError(
      'undo-failed',
      `service ${service.name}: ${colour} has the traffic and is not stopped`,
      {
        next: 'cutover status shows what is live; cutover switch moves the traffic first',
      },
    );
  }
  if (service.environments[colour].release !== null)
    await context.record({ type: 'environment-retired', colour });
  if (route && route[colour].instances.length > 0) await republish(context);
  const newest = service.releases.at(-1);
  // Also if it was retired in the log before a crash: what testers have in flight there is still to be finished.
  if (newest) {
    const { drain, closeOver } = newest.spec.strategy;
    const drained = await untilNoneInFlight(context, colour, drain);
    // No instance is stopped under somebody who could be told before.
    if (drained !== null && drained.left > 0) await endInFlight(context, colour, closeOver);
  }
  await context.platform.stop(context.environment(colour));
}
