import type { Policy } from './policies.ts';

/** Copies live traffic to the new side once it is verified, before a request of a user gets there. */
export const withMirror: Policy = (plan, { live }, { mirror }) => {
  if (mirror === undefined || live === null || plan.kind !== 'deploy') return plan;
  const verified = plan.steps.findIndex(({ kind }) => kind === 'verify');
  const step = plan.steps[verified];
  if (step?.kind !== 'verify') return plan;
  const { colour, release } = step;
  const { share, for: forMs, leastRequests, limit } = mirror;
  return {
    ...plan,
    steps: plan.steps.toSpliced(verified + 1, 0, {
      ...{ kind: 'mirror', from: live, colour, release, share, forMs, leastRequests },
      limit: limit.differences,
    }),
    ...(mirror.unsafe
      ? {
          notes: [
            ...plan.notes,
            'what changes something is mirrored too (mirror.unsafe): it is done a second time',
          ],
        }
      : {}),
  };
};
