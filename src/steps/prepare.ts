import { addressesOf } from '../core/placement.ts';
import { formatAddress } from '../core/address.ts';
import { neededReleases } from '../core/service.ts';
import { routedLayer } from '../core/spec.ts';
import type { Step } from './step.ts';
import { vacate } from './vacate.ts';

export const prepare: Step<'prepare'> = {
  describe: ({ colour, retires }) =>
    retires === null
      ? `choose addresses on ${colour}`
      : `stop release ${retires} on ${colour} and choose addresses there`,
  describeUndo: ({ colour }) => `leave ${colour} empty`,

  async run({ colour, release: number }, context) {
    await vacate(context, colour);
    const release = context.release(number);
    const previous = context.service().environments[colour].lastPlacement;
    const placement = await context.platform.place(context.environment(colour), release, previous);
    await context.platform.prune(context.service().name, [
      ...neededReleases(context.service(), release.spec.keepReleases),
      number,
    ]);
    const addresses = addressesOf(placement, routedLayer(release.spec)).map(formatAddress);
    return {
      says: `${colour} at ${addresses.join(', ')}`,
      events: [{ type: 'environment-prepared', colour, release: number, placement }],
    };
  },

  async undo({ colour }, context) {
    await vacate(context, colour);
    return { says: `${colour} is empty` };
  },
};
