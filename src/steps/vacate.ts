import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { republish } from './publish.ts';
import type { StepContext } from './step.ts';

/**
 * Empties an environment: the log first (from here on it is no way back), then the router, then what is in flight there
 * (preview), then the instances. Never the one that is live.
 */
export async function vacate(context: StepContext, colour: Colour): Promise<void> {
  const service = context.service();
  if (service.live === colour) {
    throw new CutoverError('undo-failed', `service ${service.name}: ${colour} is live and is not stopped`, {
      next: 'cutover status shows what is live; cutover switch moves the traffic first',
    });
  }
  const { release } = service.environments[colour];
  if (release !== null) await context.record({ type: 'environment-retired', colour });
  const route = await context.router.read(service.name);
  if (route && route[colour].instances.length > 0) await republish(context);
  if (release !== null)
    await untilNoneInFlight(context, colour, context.release(release).spec.strategy.drain);
  await context.platform.stop(context.environment(colour));
}
