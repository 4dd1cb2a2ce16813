import type { PlannedStep } from '../core/plan.ts';
import { expectRunning } from './expect-running.ts';
import { untilInstancesFree } from './in-flight.ts';
import { between, bringUp, cutDown, divide, rangeWords, servingWords, type Crew } from './instances.ts';
import type { Step } from './step.ts';

type Planned = Extract<PlannedStep, { kind: 'join' }>;

export const join: Step<'join'> = {
  describe: ({ from, to, release, layer, before, after }) =>
    `have ${rangeWords(layer, before[to], after[to])} of release ${release} on ${to} healthy and in service, so that ${servingWords(after, to, from)} serve`,
  describeUndo: ({ from, to, layer, before, after }) =>
    `take ${rangeWords(layer, before[to], after[to])} on ${to} out of service, so that ${servingWords(before, to, from)} serve, and stop ${after[to] - before[to] === 1 ? 'it' : 'them'}`,

  async run(planned, context) {
    const { from, to, after } = planned;
    await bringUp(context, crewOf(planned), after[to]);
    await expectRunning(context, to);
    await divide(context, liveOf(planned), to, after);
    return { says: `${servingWords(after, to, from)} serve` };
  },

  async undo(planned, context) {
    const { from, to, release, before, after } = planned;
    const crew = crewOf(planned);
    const { drain } = context.release(release).spec.strategy;
    await divide(context, liveOf(planned), to, before);
    const leaving = between(context, crew, before[to], after[to]);
    const { left } = await untilInstancesFree(context, to, leaving, drain);
    await cutDown(context, crew, before[to]);
    return {
      says: `${servingWords(before, to, from)} serve${left === 0 ? '' : `; ${left} were still in flight`}`,
    };
  },
};

const crewOf = ({ to, release, layer }: Planned): Crew => ({ colour: to, release, layer });

/** Once the old side has lost the traffic, the new one is live. */
const liveOf = ({ from, to, before }: Planned): Planned['from'] => (before[from] > 0 ? from : to);
