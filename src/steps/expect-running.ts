import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import { instanceName } from './probe.ts';
import type { StepContext } from './step.ts';

/** What was healthy may have died since; traffic is sent to no side with an instance missing. */
export async function expectRunning(context: StepContext, colour: Colour): Promise<void> {
  const instances = await context.platform.inspect(context.environment(colour));
  const down = instances.find(({ state }) => state !== 'running');
  if (instances.length > 0 && !down) return;
  const found = down
    ? `${instanceName(down)} ${down.state} (${down.lastExit ?? 'unknown how it ended'})`
    : 'nothing running';
  throw new CutoverError(
    'not-ready',
    `service ${context.service().name}: expected every instance on ${colour} to be running, found ${found}`,
    {
      next: 'cutover status and cutover logs show more',
    },
  );
}
