import { formatDuration } from '../core/duration.ts';
import type { Colour } from '../core/colour.ts';
import { CutoverError, errorRecord } from '../core/errors.ts';
import { untilAllHealthy } from './health.ts';
import type { Step, StepContext } from './step.ts';

export const finish: Step<'finish'> = {
  describe: ({ colour, release }) =>
    `tell release ${release} on ${colour} to finish what is left, and start it anew for the way back`,
  describeUndo: ({ colour }) => `see that ${colour} runs`,

  async run({ colour, release }, context) {
    const { inFlight } = (await context.router.counters(context.service().name))[colour];
    const running = await context.platform.inspect(context.environment(colour));
    if (inFlight === 0 && running.every(({ state }) => state === 'running'))
      return { says: `nothing was left on ${colour}: it stays as it is` };
    const begun = context.clock.monotonic();
    context.report(`${inFlight} connections on ${colour} are to finish`);
    await context.platform.stop(context.environment(colour));
    const stopMs = context.clock.monotonic() - begun;
    const says = `${colour} finished ${inFlight} connections within ${formatDuration(stopMs)}`;
    try {
      await bringUp(context, colour, release);
    } catch (error) {
      context.signal.throwIfAborted();
      // Users have the new release, which is well: that the old one does not come up again is no reason to take that from them.
      return {
        says: `${says}; it did not come up again, so there is no way back: ${errorRecord(error).message}`,
      };
    }
    return { says: `${says}; release ${release} was started anew there` };
  },

  async undo({ colour, release }, context) {
    await bringUp(context, colour, release);
    return { says: `${colour} runs` };
  },
};

/** Starts what does not run, and waits until it is healthy. */
async function bringUp(context: StepContext, colour: Colour, number: number): Promise<void> {
  const { placement } = context.service().environments[colour];
  if (!placement) throw new CutoverError('internal', `${colour} has no addresses`);
  const release = context.release(number);
  await context.platform.start(context.environment(colour), release, placement);
  await untilAllHealthy(context, colour, release, placement.instances);
}
