import { formatDuration } from '../core/duration.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { nothingToUndo, type Step } from './step.ts';

/** How long after the switch its effect on latency is looked at. */
const settleMs = 200;

export const drain: Step<'drain'> = {
  describe: ({ colour, forMs }) =>
    `let ${colour} finish what it has begun, for at most ${formatDuration(forMs)}`,
  describeUndo: () => null,

  async run({ colour, forMs }, context) {
    const { clock, deployment, signal } = context;
    const drained = await untilNoneInFlight(context, colour, forMs);
    const switchedAt = context.service().deployments[deployment - 1]?.switches.at(-1)?.at ?? clock.now();
    const wait = Math.min(settleMs, settleMs - (clock.now() - switchedAt));
    if (wait > 0) await clock.sleep(wait, signal);
    const counters = await context.router.counters(context.service().name);
    const { left, tookMs } = drained ?? { left: 0, tookMs: 0 };
    const says =
      left === 0
        ? `${colour} finished within ${formatDuration(tookMs)}`
        : `${left} still in flight on ${colour} after ${formatDuration(tookMs)}; they go on while it is kept`;
    return {
      says,
      events: [
        { type: 'traffic-drained', deployment, colour, drainMs: tookMs, left },
        { type: 'traffic-measured', deployment, moment: 'settled', counters },
      ],
    };
  },

  undo: nothingToUndo,
};
