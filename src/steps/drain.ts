import { describeCut, noneCut } from '../core/cut.ts';
import { formatDuration } from '../core/duration.ts';
import type { ServiceEvent } from '../core/event.ts';
import { lostTrafficAt } from '../core/deployment.ts';
import { endInFlight, untilNoneInFlight } from './in-flight.ts';
import { nothingToUndo, type Step } from './step.ts';
import { deploymentNow } from './under-way.ts';

/** How long after the switch its effect on latency is looked at. */
const settleMs = 200;

export const drain: Step<'drain'> = {
  describe: ({ colour, forMs, closeOverMs }) =>
    `let ${colour} finish what it has begun, for at most ${formatDuration(forMs)}${closeOverMs === null ? '' : `; then end what is left, over ${formatDuration(closeOverMs)}`}`,
  describeUndo: () => null,

  async run({ colour, forMs, closeOverMs }, context) {
    const { clock, deployment, signal } = context;
    const { measured } = context.service().deployments[deployment - 1] ?? {};
    const switchedAt = lostTrafficAt(deploymentNow(context), colour) ?? clock.now();
    // Run again after a crash, it does not begin anew.
    const forMore = Math.max(0, Math.min(forMs, forMs - (clock.now() - switchedAt)));
    let { left, tookMs } = (await untilNoneInFlight(context, colour, forMore)) ?? { left: 0, tookMs: 0 };
    let cut = noneCut();
    if (left > 0 && closeOverMs !== null) {
      const ended = await endInFlight(context, colour, closeOverMs, measured?.switch);
      ({ left, cut } = ended);
      tookMs += ended.tookMs;
    }
    const wait = Math.min(settleMs, settleMs - (clock.now() - switchedAt));
    if (wait > 0) await clock.sleep(wait, signal);
    const { capabilities } = context.router;
    const settled: ServiceEvent[] = capabilities.counters
      ? [
          {
            type: 'traffic-measured',
            deployment,
            moment: 'settled',
            counters: await context.router.counters(context.service().name),
          },
        ]
      : [];
    const ends = describeCut(cut);
    const says = !capabilities.inFlight
      ? `${colour} had ${formatDuration(forMs)} to finish: the router does not tell what is in flight`
      : left === 0
        ? `${colour} finished within ${formatDuration(tookMs)}${ends === '' ? '' : `; ended: ${ends}`}`
        : `${left} still in flight on ${colour} after ${formatDuration(tookMs)}; they go on while it is kept`;
    return {
      says,
      events: [{ type: 'traffic-drained', deployment, colour, drainMs: tookMs, left }, ...settled],
    };
  },

  undo: nothingToUndo,
};
