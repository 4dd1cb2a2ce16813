import { formatDuration } from '../core/duration.ts';
import { LateClients, leftAt } from './late-clients.ts';
import { keepFor } from './shorten.ts';
import type { Step } from './step.ts';
import { deploymentNow } from './under-way.ts';

const reportMs = 1000;

export const expire: Step<'expire'> = {
  describe: ({ forMs }) =>
    forMs === 0
      ? 'clients keep where they are sent for a short time anyway: nothing to wait for'
      : `wait until no client keeps what it was told before, ${formatDuration(forMs)} from then on`,
  describeUndo: ({ colour, back }) =>
    `let ${colour} serve those who come late, for ${formatDuration(back.forMs)} after the traffic went back`,

  async run({ forMs }, context) {
    if (forMs === 0) return { says: 'nothing to wait for' };
    const { clock, signal } = context;
    // Verified by then on every server; recorded, so that a crash does not make it longer.
    const told = deploymentNow(context).steps.find(({ planned }) => planned.kind === 'shorten')?.endedAt;
    const since = told ?? clock.now();
    for (;;) {
      const left = Math.min(forMs, since + forMs - clock.now());
      if (left <= 0) break;
      context.report(`${formatDuration(left)} to go`);
      await clock.sleep(Math.min(left, reportMs), signal);
    }
    // Every server still says so: none of them may be away when the traffic is moved.
    await keepFor(context, 'short');
    return { says: `nobody keeps what was told ${formatDuration(Math.max(0, clock.now() - since))} ago` };
  },

  async undo({ colour, back }, context) {
    const at = leftAt(deploymentNow(context), colour);
    if (at === null) return { says: `nobody was sent to ${colour}` };
    const late = new LateClients(context, colour, back, at);
    const says = await late.gone();
    return { says, events: [late.event] };
  },
};
