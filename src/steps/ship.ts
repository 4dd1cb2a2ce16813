import { nothingToUndo, type Step } from './step.ts';

export const ship: Step<'ship'> = {
  describe: ({ colour, release }) => `bring release ${release} to ${colour}, check it and seal it`,
  // A sealed release harms nobody; it is pruned by the same rule as the others.
  describeUndo: () => null,

  async run({ colour, release }, context) {
    const shipped = await context.platform.ship(
      context.service().name,
      context.release(release),
      context.signal,
      colour,
    );
    return {
      says: `${shipped.files} files, ${formatBytes(shipped.bytes)}, sha256 ${shipped.digest.slice(0, 12)}`,
      events: [{ type: 'release-shipped', release, digest: shipped.digest }],
    };
  },

  undo: nothingToUndo,
};

const formatBytes = (bytes: number): string =>
  bytes < 1024
    ? `${bytes} B`
    : bytes < 1_048_576
      ? `${(bytes / 1024).toFixed(1)} KB`
      : `${(bytes / 1_048_576).toFixed(1)} MB`;
