import { CutoverError } from '../core/errors.ts';
import type { SetPart } from '../core/set.ts';
import type { SetContext, StepContext } from '../steps/step.ts';
import { Journal } from './journal.ts';
import type { Meetings } from './meetings.ts';
import type { Part } from './turn-back.ts';
import { deploymentOf } from './walk.ts';

/** What the steps of a deployment that is by itself have: nothing of a set is among them. */
export const noSet: SetContext = {
  together: () => Promise.reject(new Error('this deployment is by itself')),
  record: () => Promise.reject(new Error('this deployment is by itself')),
};

/**
 * What the steps of one service of a set work with.
 *
 * @param parts all of the set, in its order
 * @param self the context of this one
 */
export function setContext(
  set: SetPart,
  parts: readonly Part[],
  meetings: Meetings,
  self: () => StepContext,
): SetContext {
  const together: SetContext['together'] = async (at, act) => {
    const context = self();
    const service = context.service().name;
    const alone = new AbortController();
    const look = (): void => {
      const lost = parts.find((part) => part.open.name !== service && cannotCome(part));
      if (lost) alone.abort(stuck(set.name, lost.open.name));
    };
    const ends = parts.map(({ open }) => open.journal.watch(look));
    look();
    const signal = AbortSignal.any([context.signal, alone.signal]);
    try {
      await meetings.meet(set, at, { service, context, signal }, act);
    } finally {
      for (const end of ends) end();
    }
  };
  const record: SetContext['record'] = async (decide, { evenIfAborted = false } = {}) => {
    await Journal.together(
      parts.map(({ open }) => open.journal),
      (services) => {
        for (const [index, service] of services.entries()) {
          const { id, status, abortedBy } = deploymentOf(service, parts[index]?.deployment ?? 0);
          if (!evenIfAborted && status === 'running' && abortedBy !== null)
            throw new CutoverError(
              'aborted',
              `deployment ${id} of ${service.name} was aborted by ${abortedBy}`,
            );
        }
        return decide(services);
      },
    );
  };
  return { together, record };
}

/** It ended, or stays where it is, before the others were there. */
function cannotCome({ open, deployment }: Part): boolean {
  const { endedAt, steps } = deploymentOf(open.service, deployment);
  return endedAt !== null || steps.some(({ status }) => status === 'stuck');
}

const stuck = (set: string, service: string): CutoverError =>
  new CutoverError(
    'undo-failed',
    `set ${set}: expected that all of its services go back, found that ${service} cannot, so none does`,
    { next: `cutover show --service ${service} tells why; mend that, and deploy the set again` },
  );
