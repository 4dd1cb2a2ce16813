import { nothingToUndo, type Step } from './step.ts';

const listed = (others: readonly string[]): string => others.join(', ');

export const muster: Step<'muster'> = {
  describe: ({ set, when, others }) =>
    when === 'switch'
      ? `wait until ${listed(others)} of set ${set} are ready to switch, too`
      : `wait until ${listed(others)} of set ${set} have done well, too`,
  describeUndo: () => null,

  async run({ when, others }, context) {
    const { set } = context;
    const says =
      when === 'switch' ? `${listed(others)} are ready, too` : `${listed(others)} have done well, too`;
    // Done for all in one append: none of them goes on without the others, wherever a controller dies.
    await set.together(`muster ${when}`, async (all) => {
      await set.record((services) =>
        services.map((service, index) => {
          const deployment = all[index]?.deployment ?? 0;
          const step = service.deployments[deployment - 1]?.steps.findIndex(
            ({ status }) => status === 'running',
          );
          return [{ type: 'step-done', deployment, step: step ?? 0, says }];
        }),
      );
    });
    return { says, recorded: true };
  },

  undo: nothingToUndo,
};
