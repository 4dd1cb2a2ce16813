import { addressesOf } from '../core/placement.ts';
import { formatAddress } from '../core/address.ts';
import type { Deployment } from '../core/deployment.ts';
import { neededReleases } from '../core/service.ts';
import { routedLayer } from '../core/spec.ts';
import { bringBack } from './bring-back.ts';
import type { Step } from './step.ts';
import { deploymentNow } from './under-way.ts';
import { vacate } from './vacate.ts';

export const prepare: Step<'prepare'> = {
  describe: ({ colour, retires }) =>
    retires === null
      ? `choose addresses on ${colour}`
      : `stop release ${retires} on ${colour} and choose addresses there`,
  describeUndo: ({ colour, restores }) =>
    restores === undefined ? `leave ${colour} empty` : `bring release ${restores} back on ${colour}`,

  async run({ colour, release: number }, context) {
    await vacate(context, colour);
    const release = context.release(number);
    const previous = context.service().environments[colour].lastPlacement;
    const placement = await context.platform.place(context.environment(colour), release, previous);
    await context.platform.prune(context.service().name, [
      ...neededReleases(context.service(), release.spec.keepReleases),
      number,
      ...restorable(deploymentNow(context)),
    ]);
    const addresses = addressesOf(placement, routedLayer(release.spec)).map(formatAddress);
    return {
      says: `${colour} at ${addresses.join(', ')}`,
      events: [{ type: 'environment-prepared', colour, release: number, placement }],
    };
  },

  async undo({ colour, restores }, context) {
    if (restores !== undefined) {
      await bringBack(context, colour, restores);
      return { says: `${colour} holds release ${restores} again` };
    }
    await vacate(context, colour);
    return { says: `${colour} is empty` };
  },
};

/** The releases that are brought back if the deployment is taken back. */
const restorable = ({ plan }: Deployment): number[] =>
  plan.steps.flatMap((step) => (step.kind === 'prepare' ? (step.restores ?? []) : []));
