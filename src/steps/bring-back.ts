import type { Colour } from '../core/colour.ts';
import { ready } from '../core/environment.ts';
import { health } from './health.ts';
import { ship } from './ship.ts';
import { start } from './start.ts';
import type { StepContext, StepDone } from './step.ts';
import { vacate } from './vacate.ts';

/**
 * Has an environment hold again the release that served there before it was renewed, healthy, where it was. Run again after a crash it goes on where
 * the log ends.
 */
export async function bringBack(context: StepContext, colour: Colour, release: number): Promise<void> {
  const planned = { colour, release };
  const take = async (step: Promise<StepDone>): Promise<void> => {
    const { events = [] } = await step;
    if (events.length > 0) await context.record(...events);
  };
  const holds = (): boolean => context.service().environments[colour].release === release;
  if (holds() && ready(context.service().environments[colour])) {
    const instances = await context.platform.inspect(context.environment(colour));
    // It was never stopped.
    if (instances.length > 0 && instances.every(({ state }) => state === 'running')) return;
  }
  if (!holds()) {
    await vacate(context, colour);
    const { platform } = context;
    const environment = context.environment(colour);
    const { lastPlacement } = context.service().environments[colour];
    await take(ship.run({ kind: 'ship', ...planned }, context));
    const placement = await platform.place(environment, context.release(release), lastPlacement);
    await context.record({ type: 'environment-prepared', ...planned, placement });
  }
  await take(start.run({ kind: 'start', ...planned }, context));
  await take(health.run({ kind: 'health', ...planned }, context));
}
