import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import type { Colour } from '../core/colour.ts';
import type { ServiceEvent } from '../core/event.ts';
import { expectCapacity } from './expect-capacity.ts';
import type { InService } from '../core/in-service.ts';
import { divisionOf } from '../core/service.ts';
import { expectRunning } from './expect-running.ts';
import { untilNoneInFlight } from './in-flight.ts';
import { publish, type Published } from './publish.ts';
import type { Step, StepContext, StepDone } from './step.ts';
import { saysOfSwitch, switchTogether, type Move } from './switch-together.ts';

export const switchTraffic: Step<'switch'> = {
  describe: ({ from, to, set }) =>
    `${from === null ? `send the traffic to ${to}` : `switch the traffic from ${from} to ${to}`}${set === undefined ? '' : `, at one moment with all of set ${set}`}`,
  describeUndo: ({ from, to, set, instances }) => {
    if (from === null) return null;
    const shared = instances && instances.before[to] > 0;
    const beside = shared
      ? `, with ${instances.before[from]} of its instances beside ${instances.before[to]} of ${to}`
      : '';
    return `switch the traffic back to ${from}${beside}${set === undefined ? '' : `, at one moment with all of set ${set}`}`;
  },

  async run(planned, context) {
    const { from, to, set, instances } = planned;
    const { live, deployments } = context.service();
    // Recorded before a crash, but not yet that the step is done.
    if (live === to && deployments[context.deployment - 1]?.switches.at(-1)?.to === to)
      return { says: `${to} is live` };
    if (set !== undefined) {
      await context.set.together('switch', async (all) => {
        await Promise.all(all.map((each) => expectRunning(each, switchOf(each).to)));
        await switchTogether(all, all.map(switchOf));
      });
      return { says: saysOfSwitch(context, set) };
    }
    if (from !== null) expectCapacity(context, to);
    await expectRunning(context, to);
    return { says: await move(context, from, to, instances?.after) };
  },

  async undo({ from, to, release, set, instances }, context) {
    if (set !== undefined) return undoTogether({ from, to, release, set }, context);
    const { name } = context.service();
    if (from !== null) {
      await expectRunning(context, from);
      // Always under a new epoch, also if the switch seems never to have come about: an order that is still on its way is refused then.
      const says = await move(context, to, from, instances?.before);
      // What serves beside it goes on.
      if (instances === undefined || instances.before[to] === 0)
        await untilNoneInFlight(context, to, context.release(release).spec.strategy.drain);
      return { says };
    }
    if ((await context.router.read(name))?.live !== to) return { says: neverSent };
    if (context.service().live === null) {
      // The router was told, and the log could not be: it has to know who is live, or the next deployment would stop that side.
      await move(context, null, to);
    }
    throw noWayBack(name, to);
  },
};

/** The switch of a deployment that has one. */
function switchOf({ service, deployment }: StepContext): Move {
  const planned = service().deployments[deployment - 1]?.steps.map((step) => step.planned);
  const found = planned?.find((step) => step.kind === 'switch');
  if (found?.kind !== 'switch') throw new Error(`deployment ${deployment} has no switch`);
  return { from: found.from, to: found.to };
}

/** All services of a set go back at one moment, or none does. */
async function undoTogether(
  { from, to, release, set }: Move & { readonly release: number; readonly set: string },
  context: StepContext,
): Promise<StepDone> {
  const { deployments, name } = context.service();
  const mine = deployments[context.deployment - 1];
  // The order is one for all: where it was not given here, it was given nowhere.
  if (mine?.moveOrdered !== true) return { says: neverSent };
  if (from === null) {
    await context.set.together('switch back', undoFirst);
    if (context.service().live === null) return { says: neverSent, recorded: true };
    throw noWayBack(name, to);
  }
  if (mine.switches.at(-1)?.to !== from)
    await context.set.together('switch back', async (all) => {
      const back = all.map((each): Move => {
        const move = switchOf(each);
        if (move.from === null) throw noWayBack(each.service().name, move.to);
        return { from: move.to, to: move.from };
      });
      await Promise.all(all.map((each, index) => expectRunning(each, back[index]?.to ?? to)));
      await switchTogether(all, back);
    });
  const says = saysOfSwitch(context, set);
  await untilNoneInFlight(context, to, context.release(release).spec.strategy.drain);
  return { says };
}

/** Of services that have nothing to go back to: it is recorded of all that nothing was sent, or where the traffic is. */
async function undoFirst(all: readonly StepContext[]): Promise<void> {
  const sent = await Promise.all(
    all.map(async (each) => (await each.router.read(each.service().name))?.live === switchOf(each).to),
  );
  if (!sent.includes(true)) {
    await all[0]?.set.record(
      (services) =>
        services.map(({ deployments }, index): ServiceEvent[] => {
          const deployment = all[index]?.deployment ?? 0;
          const step = deployments[deployment - 1]?.steps.findIndex(({ status }) => status === 'undoing');
          return [{ type: 'undo-done', deployment, step: step ?? 0, says: neverSent }];
        }),
      { evenIfAborted: true },
    );
    return;
  }
  // The router was told, and the log could not be: it has to know who is live, or the next deployment would stop that side.
  if (all.some((each) => each.service().live === null)) await switchTogether(all, all.map(switchOf));
}

const neverSent = 'the traffic was never sent';

const noWayBack = (name: string, to: Colour): CutoverError =>
  new CutoverError(
    'undo-failed',
    `service ${name}: there is no side to go back to, so ${to} keeps the traffic`,
    { next: 'mend the release and deploy again; it goes to the other side' },
  );

/** Moves the traffic, and records that and what was counted until then. Returns what there is to say. */
async function move(
  context: StepContext,
  from: Colour | null,
  to: Colour,
  inService?: InService,
): Promise<string> {
  const { deployment } = context;
  const outcome = ({ applied, tookMs }: Published): ServiceEvent[] => {
    const { epoch, holdMs, held, counters } = applied;
    return [
      // What a router does not count is no measurement.
      ...(context.router.capabilities.counters
        ? [{ type: 'traffic-measured', deployment, moment: 'switch', counters } as const]
        : []),
      { type: 'traffic-switched', deployment, epoch, from, to, switchMs: tookMs, holdMs, held },
    ];
  };
  const division = inService && divisionOf(context.service(), inService);
  const { applied, tookMs } = await publish(context, to, outcome, division);
  return `${to} is live after ${formatDuration(tookMs)} (requests held for ${formatDuration(applied.holdMs)}: ${applied.held})`;
}
