import { formatDuration } from '../core/duration.ts';
import { LateClients, leftAt } from './late-clients.ts';
import { nothingToUndo, type Step } from './step.ts';
import { deploymentNow } from './under-way.ts';
import { watchSide } from './watch.ts';

export const linger: Step<'linger'> = {
  describe: ({ colour, to, forMs, quietMs, atMostMs }) =>
    `let ${colour} serve those who come late, for ${formatDuration(forMs)} after the switch${quietMs === 0 ? '' : `, then until nobody has come for ${formatDuration(quietMs)}, at most ${formatDuration(atMostMs)} more`}; watch ${to} meanwhile`,
  describeUndo: () => null,

  async run({ colour, to, release, ...times }, context) {
    const since = leftAt(deploymentNow(context), colour) ?? context.clock.now();
    const late = new LateClients(context, colour, times, since);
    await watchSide(context, {
      colour: to,
      release,
      forMs: times.forMs,
      look: () => late.look(),
      leftMs: () => late.leftMs,
      progress: () => late.words,
      code: 'bake-failed',
      next: 'the log lines say more; the traffic is taken back, as far as clients hear of it',
    });
    return { says: late.result, events: [late.event] };
  },

  undo: nothingToUndo,
};
