import { pausedBy, promotedBy, saidTo } from './interventions.ts';
import type { Deployment, StepState } from './deployment.ts';
import { CutoverError } from './errors.ts';
import type { ServiceEvent } from './event.ts';
import { current, releaseOf, type Service } from './service.ts';

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
  const opens = force && left.some(({ planned: { kind } }) => kind === 'gate');
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

/** What is said to a gate that waits for people. */
export interface Approval {
  readonly by: string;
  /** Its number in the spec; null: the one that is waited at. */
  readonly gate: number | null;
  /** False: it is rejected, and the deployment taken back. */
  readonly approved: boolean;
  readonly reason: string | null;
}

/**
 * A person approves, or rejects. A gate that is named may be one that is still to come. The same person again records nothing.
 *
 * @throws CutoverError `nothing-running`, `not-waiting`, `approval-refused`
 */
export function approve(service: Service, { by, gate, approved, reason }: Approval): readonly ServiceEvent[] {
  const deployment = going(service);
  const { id, steps } = deployment;
  const waitsFor = ({ planned }: StepState): boolean =>
    planned.kind === 'gate' && planned.waitsFor === 'approval';
  const step = steps.findIndex(
    (each) =>
      each.planned.kind === 'gate' &&
      (gate === null ? each.status === 'running' && waitsFor(each) : each.planned.gate === gate),
  );
  const found = steps[step];
  const open = steps.filter((each) => waitsFor(each) && each.status === 'pending');
  const ahead = open.flatMap(({ planned }) => (planned.kind === 'gate' ? planned.gate : []));
  if (!found || found.planned.kind !== 'gate' || !waitsFor(found) || found.status === 'done')
    throw notWaiting(
      service,
      deployment,
      gate === null ? 'that it waits for approval' : `that gate ${gate} waits for approval`,
      ahead.length === 0
        ? 'cutover status shows what it is at'
        : `--gate ${ahead.join(' or ')} approves a gate that is still to come`,
    );
  const rule = releaseOf(service, found.planned.release)?.spec.gates[found.planned.gate - 1]?.approval;
  const refused = (expected: string): CutoverError =>
    new CutoverError(
      'approval-refused',
      `service ${service.name}, deployment ${id}, ${found.planned.kind === 'gate' ? found.planned.name : 'gate'}: expected ${expected}, found ${by}`,
      { next: 'somebody who may has to say it: --by NAME' },
    );
  if (rule?.by && !rule.by.includes(by)) throw refused(`one of ${rule.by.join(', ')}`);
  if (rule?.fourEyes && by === deployment.by)
    throw refused('somebody else than whoever ordered the deployment');
  const said = saidTo(deployment, step);
  const already = approved ? said.approvals.some((each) => each.by === by) : said.rejected !== null;
  return already ? [] : [{ type: 'approval-given', deployment: id, by, step, approved, reason }];
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
