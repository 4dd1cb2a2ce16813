import { formatDuration } from '../core/duration.ts';
import type { PlannedStep } from '../core/plan.ts';
import { untilInstancesFree } from './in-flight.ts';
import { between, bringUp, cutDown, divide, rangeWords, servingWords, size, type Crew } from './instances.ts';
import { republish } from './publish.ts';
import type { Step } from './step.ts';

type Planned = Extract<PlannedStep, { kind: 'leave' }>;

export const leave: Step<'leave'> = {
  describe(planned) {
    const { from, to, layer, before, after, forMs } = planned;
    const one = before[from] - after[from] === 1;
    const taken = hasSwitched(planned)
      ? ''
      : `take ${rangeWords(layer, after[from], before[from])} on ${from} out of service, so that ${servingWords(after, to, from)} serve, `;
    const who = hasSwitched(planned)
      ? `${rangeWords(layer, after[from], before[from])} on ${from}`
      : one
        ? 'it'
        : 'them';
    return `${taken}let ${who} finish what ${one ? 'it has' : 'they have'} begun, for at most ${formatDuration(forMs)}, and stop ${one ? 'it' : 'them'}`;
  },
  describeUndo(planned) {
    const { from, to, layer, before, after } = planned;
    const who = `${rangeWords(layer, after[from], before[from])} on ${from}`;
    return hasSwitched(planned)
      ? `start ${who} again`
      : `start ${who} again, and put ${before[from] - after[from] === 1 ? 'it' : 'them'} back in service, so that ${servingWords(before, to, from)} serve`;
  },

  async run(planned, context) {
    const { from, to, layer, before, after, forMs } = planned;
    const crew = crewOf(planned);
    const { part } = context.service().environments[from];
    if (!hasSwitched(planned)) await divide(context, from, to, after);
    else if (part?.healthy !== after[from]) {
      // Nobody sees it any more, testers neither.
      await size(context, crew, part?.started ?? before[from], after[from]);
      await republish(context);
    }
    const leaving = between(context, crew, after[from], before[from]);
    const { left, tookMs } = await untilInstancesFree(context, from, leaving, forMs);
    await cutDown(context, crew, after[from]);
    const who = rangeWords(layer, after[from], before[from]);
    const finished = left === 0 ? `free after ${formatDuration(tookMs)}` : `stopped with ${left} in flight`;
    return { says: `${who} ${finished}; ${servingWords(after, to, from)} serve` };
  },

  async undo(planned, context) {
    const { from, to, before } = planned;
    await bringUp(context, crewOf(planned), before[from]);
    if (!hasSwitched(planned)) await divide(context, from, to, before);
    return { says: `${servingWords(before, to, from)} ${hasSwitched(planned) ? 'run' : 'serve'}` };
  },
};

const crewOf = ({ from, release, layer }: Planned): Crew => ({ colour: from, release, layer });

/** The last ones leave when the traffic has: they are out of service already. */
const hasSwitched = ({ from, after }: Planned): boolean => after[from] === 0;
