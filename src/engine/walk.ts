import { nextMove, type Deployment } from '../core/deployment.ts';
import { errorRecord, type ErrorRecord } from '../core/errors.ts';
import type { ServiceEvent } from '../core/event.ts';
import { sealed } from '../core/receipt-chain.ts';
import { receiptOf } from '../core/receipt-of.ts';
import { fold, type Service } from '../core/service.ts';
import { withLook, type Looks } from '../core/timeline.ts';
import type { Counters } from '../core/traffic.ts';
import type { Clock } from '../ports/clock.ts';
import { stepOf } from '../steps/index.ts';
import type { StepContext, StepDone } from '../steps/step.ts';
import { LogUnwritable, type Journal } from './journal.ts';
import { sha256 } from './sha256.ts';
import { withoutLost } from './without-lost.ts';

/** Thrown through a step when the controller stops: the deployment stays as it is, and the next controller goes on. */
export class Stopping extends Error {
  override readonly name = 'Stopping';
}

/**
 * Walks a deployment to its end: asks the core for the next move, records that it begins, acts, records what came of it. Called
 * again after a crash it goes on where the log ends. Rejects only where nothing can be recorded any more (the store fails, the
 * lease is lost), the controller stops, or a person has to decide. `looks`: what was seen of the traffic so far, for the receipt; `turnBack`:
 * records that the deployment is turned back, or frozen.
 */
export async function walk(
  journal: Journal,
  id: number,
  makeContext: (deployment: Deployment) => StepContext,
  looks: () => Looks,
  turnBack: (error: ErrorRecord) => Promise<void>,
): Promise<void> {
  for (;;) {
    const deployment = deploymentOf(journal.service, id);
    const move = nextMove(deployment);
    switch (move.act) {
      case 'none':
        return;
      case 'wait':
        await journal.until(
          (service) => nextMove(deploymentOf(service, id)).act !== 'wait' || undefined,
          makeContext(deployment).signal,
        );
        break;
      case 'turn-back':
        await turnBack(move.error);
        break;
      case 'end': {
        const context = makeContext(deployment);
        const counters = await measured(context);
        await journal.append((service) =>
          ending(service, id, move.outcome, context.clock, counters, looks()),
        );
        return;
      }
      case 'run':
      case 'undo':
        await perform(journal, deployment, move, makeContext(deployment));
        break;
    }
  }
}

async function perform(
  journal: Journal,
  { id, steps }: Deployment,
  { act, step }: { act: 'run' | 'undo'; step: number },
  context: StepContext,
): Promise<void> {
  const state = steps[step];
  if (!state) throw new Error(`deployment ${id} has no step ${step}`);
  const begun: ServiceEvent =
    act === 'run'
      ? { type: 'step-started', deployment: id, step }
      : { type: 'undo-started', deployment: id, step };
  await journal.append(() => [begun]);
  try {
    const { says, events = [], recorded } = await attempt(() => stepOf(state.planned)[act](context), context);
    if (recorded) return;
    const done: ServiceEvent =
      act === 'run'
        ? { type: 'step-done', deployment: id, step, says }
        : { type: 'undo-done', deployment: id, step, says };
    await journal.append(() => [...events, done]);
  } catch (thrown) {
    if (thrown instanceof Stopping || thrown instanceof LogUnwritable) throw thrown;
    const now = deploymentOf(journal.service, id);
    // Cut short by an abort that is in the log already: the next move turns back. Or by what another service of its set did.
    if (act === 'run' && context.signal.aborted && (now.abortedBy !== null || now.status !== 'running'))
      return;
    const error = errorRecord(thrown);
    await journal.append(() => [
      act === 'run'
        ? { type: 'step-failed', deployment: id, step, error }
        : { type: 'undo-failed', deployment: id, step, error },
    ]);
  }
}

/** Does it, and again as long as it fails for machines that are gone and that can be done without. */
async function attempt(act: () => Promise<StepDone>, context: StepContext): Promise<StepDone> {
  for (;;) {
    try {
      return await act();
    } catch (thrown) {
      if (thrown instanceof Stopping || thrown instanceof LogUnwritable || context.signal.aborted)
        throw thrown;
      if (!(await withoutLost(context))) throw thrown;
    }
  }
}

/** The end, and the receipt that follows from it, in one append: there is no ended deployment without its receipt. */
function ending(
  service: Service,
  id: number,
  outcome: 'succeeded' | 'undone' | 'frozen',
  clock: Clock,
  counters: Counters | null,
  looks: Looks,
): ServiceEvent[] {
  const events: ServiceEvent[] = [{ type: 'deployment-ended', deployment: id, outcome }];
  if (counters) events.push({ type: 'traffic-measured', deployment: id, moment: 'end', counters });
  const at = clock.now();
  const after = events.reduce(
    (state, event) => fold(state, { version: state.version + 1, at, event }),
    service,
  );
  // The last point is the count that the receipt is made from.
  const seen = counters ? withLook(looks, counters) : looks;
  const draft = receiptOf(after, deploymentOf(after, id), seen);
  return [
    ...events,
    { type: 'receipt-recorded', deployment: id, receipt: sealed(draft, after.lastReceipt, sha256) },
  ];
}

/** The router's counters, or null where it has none: the receipt says so then, and the deployment ends all the same. */
export async function measured({
  router,
  service,
  report,
}: Pick<StepContext, 'router' | 'service' | 'report'>): Promise<Counters | null> {
  if (!router.capabilities.counters) return null;
  try {
    if ((await router.read(service().name)) === null) return null;
    return await router.counters(service().name);
  } catch (error) {
    report(`the router was not measured: ${errorRecord(error).message}`);
    return null;
  }
}

export function deploymentOf(service: Service, id: number): Deployment {
  const deployment = service.deployments[id - 1];
  if (!deployment) throw new Error(`service ${service.name} has no deployment ${id}`);
  return deployment;
}
