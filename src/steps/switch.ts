import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import type { Colour } from '../core/colour.ts';
import { expectRunning } from './expect-running.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { publish } from './publish.ts';
import type { Step, StepContext } from './step.ts';

export const switchTraffic: Step<'switch'> = {
  describe: ({ from, to }) =>
    from === null ? `send the traffic to ${to}` : `switch the traffic from ${from} to ${to}`,
  describeUndo: ({ from }) => (from === null ? null : `switch the traffic back to ${from}`),

  async run({ from, to }, context) {
    const { live, deployments } = context.service();
    // Recorded before a crash, but not yet that the step is done.
    if (live === to && deployments[context.deployment - 1]?.switches.at(-1)?.to === to)
      return { says: `${to} is live` };
    await expectRunning(context, to);
    return { says: await move(context, from, to) };
  },

  async undo({ from, to, release }, context) {
    const { name } = context.service();
    if (from !== null) {
      await expectRunning(context, from);
      // Always under a new epoch, also if the switch seems never to have come about: an order that is still on its way is refused then.
      const says = await move(context, to, from);
      await untilNoneInFlight(context, to, context.release(release).spec.strategy.drain);
      return { says };
    }
    if ((await context.router.read(name))?.live !== to) return { says: 'the traffic was never sent' };
    if (context.service().live === null) {
      // The router was told, and the log could not be: it has to know who is live, or the next deployment would stop that side.
      await move(context, null, to);
    }
    throw new CutoverError(
      'undo-failed',
      `service ${name}: there is no side to go back to, so ${to} keeps the traffic`,
      {
        next: 'mend the release and deploy again; it goes to the other side',
      },
    );
  },
};

/** Moves the traffic, and records that and what was counted until then. Returns what there is to say. */
async function move(context: StepContext, from: Colour | null, to: Colour): Promise<string> {
  const { deployment } = context;
  const { applied, tookMs } = await publish(context, to, ({ applied, tookMs }) => {
    const { epoch, holdMs, held, counters } = applied;
    return [
      // What a router does not count is no measurement.
      ...(context.router.capabilities.counters
        ? [{ type: 'traffic-measured', deployment, moment: 'switch', counters } as const]
        : []),
      { type: 'traffic-switched', deployment, epoch, from, to, switchMs: tookMs, holdMs, held },
    ];
  });
  return `${to} is live after ${formatDuration(tookMs)} (requests held for ${formatDuration(applied.holdMs)}: ${applied.held})`;
}
