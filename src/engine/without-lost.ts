import { colours } from '../core/colour.ts';
import { ready } from '../core/environment.ts';
import { republish } from '../steps/publish.ts';
import type { StepContext } from '../steps/step.ts';

/**
 * Takes what was on machines that are gone out of the environments, where their releases allow it, and out of the routing. True if anything was: then the step that
 * failed may go well with what is left.
 */
export async function withoutLost(context: StepContext): Promise<boolean> {
  const { platform } = context;
  if (!platform.exclude) return false;
  let isLess = false;
  for (const colour of colours) {
    const { release, placement } = context.service().environments[colour];
    if (release === null || placement === null) continue;
    const excluded = await platform.exclude(context.environment(colour), context.release(release), placement);
    if (excluded === null) continue;
    const lost = [...excluded.lost];
    await context.record({
      type: 'environment-reduced',
      colour,
      release,
      placement: excluded.placement,
      lost,
    });
    context.report(`${colour} goes on without ${lost.join(', ')}`);
    if (ready(context.service().environments[colour])) await republish(context);
    isLess = true;
  }
  return isLess;
}
