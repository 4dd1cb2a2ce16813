import type { Colour } from '../core/colour.ts';
import { CutoverError } from '../core/errors.ts';
import type { LeaseOrder, LeaseTold } from '../core/worker-lease.ts';
import type { StepContext } from './step.ts';

type LeaseContext = Pick<StepContext, 'service' | 'record' | 'platform' | 'environment'> & {
  readonly deployment: number | null;
};

/** Lets the workers of an environment begin. It is on record before they are told: whoever reads the log later knows who may be at work. */
export async function grant(context: LeaseContext, colour: Colour): Promise<LeaseTold> {
  const { holder, epoch } = context.service().lease;
  const { deployment } = context;
  if (holder !== colour)
    await context.record({ type: 'lease-granted', deployment, colour, epoch: epoch + 1 });
  return tell(context, colour, { state: 'active', epoch: context.service().lease.epoch });
}

/** Has the workers of an environment stop. It is on record when none of them works any more, and not before. */
export async function release(context: LeaseContext, colour: Colour): Promise<LeaseTold> {
  const { holder, epoch } = context.service().lease;
  // A number of its own: an order to begin that is still on its way is refused then.
  const told = await tell(context, colour, {
    state: 'passive',
    epoch: holder === colour ? epoch + 1 : epoch,
  });
  const { deployment } = context;
  if (holder === colour)
    await context.record({ type: 'lease-released', deployment, colour, epoch: epoch + 1 });
  return told;
}

async function tell({ platform, environment }: LeaseContext, colour: Colour, order: LeaseOrder) {
  if (!platform.lease)
    throw new CutoverError(
      'hand-over-failed',
      `${colour}: expected a platform that can tell workers whether they may work, found one that cannot`,
      { next: 'take active out of the layers, or use the platform process' },
    );
  return platform.lease(environment(colour), order);
}

/** `2 workers`, and how many had to be ended. */
export const toldWords = ({ told, ended }: LeaseTold): string =>
  `${told} ${told === 1 ? 'worker' : 'workers'}${ended === 0 ? '' : `, ${ended} of them ended, since they did not answer in time`}`;
