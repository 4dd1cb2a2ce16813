import type { EventRecord } from '../core/event.ts';
import type { DeploymentView, StepView } from '../server/api.ts';

/** Whether the deployment has not ended. */
export const goesOn = ({ status }: DeploymentView): boolean =>
  status === 'running' || status === 'turning-back';

/**
 * The view of a deployment after one more record of its service's log. Records that it has seen already, and those of other deployments,
 * change nothing else.
 */
export function advanced(view: DeploymentView, { version, at, event }: EventRecord): DeploymentView {
  if (version <= view.logVersion) return view;
  const next = (change: Partial<DeploymentView>): DeploymentView => ({
    ...view,
    ...change,
    logVersion: version,
  });
  if (!('deployment' in event) || event.deployment !== view.id) return next({});
  const step = (index: number, change: (step: StepView) => Partial<StepView>): DeploymentView =>
    next({ steps: view.steps.map((each, at) => (at === index ? { ...each, ...change(each) } : each)) });
  switch (event.type) {
    case 'step-started':
      return step(event.step, ({ startedAt, attempts }) => ({
        status: 'running',
        startedAt: startedAt ?? at,
        attempts: attempts + 1,
      }));
    case 'step-done':
      return step(event.step, () => ({ status: 'done', endedAt: at, says: event.says }));
    case 'step-failed':
      return step(event.step, () => ({ status: 'failed', endedAt: at, error: asRecord(event.error) }));
    case 'abort-requested':
      return next({ abortedBy: view.abortedBy ?? event.by });
    case 'pause-requested':
      return next({ paused: view.paused ?? { by: event.by, at, reason: event.reason } });
    case 'resume-requested':
      return event.step === null ? next({ paused: null }) : next({});
    case 'turned-back':
      return next({ paused: null, status: 'turning-back', failure: asRecord(event.error) });
    case 'deployment-frozen':
      return next({
        status: 'frozen',
        failure: asRecord(event.error),
        frozenAt: at,
        verdict: event.verdict,
      });
    case 'decision-taken': {
      const { decision, by, reason } = event;
      return next({
        status: decision === 'back' ? 'turning-back' : 'running',
        decision: { decision, by, reason, at },
        steps: view.steps.map((each) =>
          decision === 'keep' && each.status === 'failed' ? { ...each, status: 'done' } : each,
        ),
      });
    }
    case 'undo-started':
      return step(event.step, () => ({ status: 'undoing' }));
    case 'undo-done':
      return step(event.step, () => ({ status: 'undone', says: event.says }));
    case 'undo-failed':
      return step(event.step, () => ({ status: 'stuck', error: asRecord(event.error) }));
    case 'deployment-ended':
      return next({ status: event.outcome, endedAt: at });
    case 'receipt-recorded':
      return next({ receipt: event.receipt });
    default:
      return next({});
  }
}

/** Without the keys that are there and hold nothing. */
function asRecord({
  code,
  message,
  next,
  detail,
}: NonNullable<Extract<EventRecord['event'], { type: 'step-failed' }>['error']>): NonNullable<
  StepView['error']
> {
  return {
    code,
    message,
    ...(next === undefined ? {} : { next }),
    ...(detail === undefined ? {} : { detail }),
  };
}
