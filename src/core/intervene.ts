import { promotedBy, pausedBy } from './interventions.ts';
import type { Deployment } from './deployment.ts';
import { CutoverError } from './errors.ts';
import type { ServiceEvent } from './event.ts';
import { current, type Service } from './service.ts';

// What a person's word to a deployment that is under way comes to: the events to record; none where it is so already. Each decides from the
// service as it is when they are recorded, so of two people who say the same at once, one is heard.

/**
 * No further step begins, until it is resumed.
 *
 * @throws CutoverError `nothing-running`, `not-waiting`
 */
export function pause(service: Service, by: string, reason: string | null): readonly ServiceEvent[] {
  const deployment = going(service);
  if (pausedBy(deployment) !== null) return [];
  return [{ type: 'pause-requested', deployment: deployment.id, by, reason }];
}

/**
 * It goes on: after a pause, or else after the hold that is under way.
 *
 * @throws CutoverError `nothing-running`, `not-waiting`
 */
export function resume(service: Service, by: string): readonly ServiceEvent[] {
  const deployment = going(service);
  const { id, steps } = deployment;
  if (pausedBy(deployment) !== null) return [{ type: 'resume-requested', deployment: id, by, step: null }];
  const step = steps.findIndex(({ status, planned }) => status === 'running' && planned.kind === 'hold');
  if (step === -1)
    throw notWaiting(
      service,
      deployment,
      'that it is paused, or held at a weight',
      'cutover status shows what it is at',
    );
  if (deployment.interventions.some((said) => said.kind === 'resume' && said.step === step)) return [];
  return [{ type: 'resume-requested', deployment: id, by, step }];
}

/**
 * What is left of the canary is skipped, or after the switch what is left of the bake; a pause ends with it. Never a check.
 *
 * @param force gates are passed too
 * @throws CutoverError `nothing-running`, `not-waiting`
 */
export function promote(service: Service, by: string, force: boolean): readonly ServiceEvent[] {
  const deployment = going(service);
  const { id, steps, switches, interventions } = deployment;
  const part = switches.length === 0 ? 'canary' : 'bake';
  const before = promotedBy(deployment, part);
  const forced = interventions.some((said) => said.kind === 'promote' && said.force);
  const left = steps.filter(({ status }) => status === 'pending' || status === 'running');
  const skips = left.some(({ planned }) =>
    part === 'canary'
      ? planned.kind === 'hold' || planned.kind === 'weigh'
      : planned.kind === 'bake' && planned.forMs > 0,
  );
  const opens = force && left.some(({ planned: { kind } }) => (kind as string) === 'gate');
  if (!skips && !opens)
    throw notWaiting(
      service,
      deployment,
      part === 'canary' ? 'a canary to skip' : 'a bake to skip',
      force ? 'cutover status shows what it is at' : 'cutover promote --force passes gates too',
    );
  const events: ServiceEvent[] = [];
  if ((skips && before === null) || (opens && !forced))
    events.push({ type: 'promotion-requested', deployment: id, by, force });
  if (pausedBy(deployment) !== null)
    events.push({ type: 'resume-requested', deployment: id, by, step: null });
  return events;
}

/** The deployment that goes forward. */
function going(service: Service): Deployment {
  const deployment = current(service);
  if (deployment?.status === 'running') return deployment;
  if (!deployment)
    throw new CutoverError(
      'nothing-running',
      `service ${service.name}: expected a deployment under way, found none`,
      { next: 'cutover history shows what has ended' },
    );
  throw notWaiting(
    service,
    deployment,
    'that it goes forward',
    `cutover show ${deployment.id} --follow follows it`,
  );
}

function notWaiting({ name }: Service, deployment: Deployment, expected: string, next: string): CutoverError {
  const { id, status, steps } = deployment;
  const step = steps.find((each) => each.status === 'running')?.planned.kind;
  const found =
    status === 'turning-back'
      ? 'that it is being taken back'
      : step
        ? `it in ${step}`
        : 'it between two steps';
  return new CutoverError(
    'not-waiting',
    `service ${name}, deployment ${id}: expected ${expected}, found ${found}`,
    {
      next,
    },
  );
}
