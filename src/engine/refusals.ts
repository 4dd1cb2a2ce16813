import { awaitsDecision, type Deployment } from '../core/deployment.ts';
import { CutoverError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import { boundBy } from '../core/set-work.ts';
import { describeVerdict, type Verdict } from '../core/verdict.ts';

/** How a person orders that the traffic goes back. */
export interface GoBack {
  /** Why, for the record. */
  readonly reason?: string | undefined;
  /** Also if it is unsafe. */
  readonly acceptLoss?: boolean | undefined;
  /** Also if it changes with a set, which it leaves then. */
  readonly alone?: boolean | undefined;
}

/** Throws `rollback-unsafe` unless going back is safe enough, or the person accepts what is lost. */
export function expectAccepted(service: string, verdict: Verdict | null, { acceptLoss }: GoBack): void {
  if (verdict?.verdict !== 'unsafe' || acceptLoss === true) return;
  throw new CutoverError(
    'rollback-unsafe',
    `service ${service}: expected that going back is safe or lossy, found it ${describeVerdict(verdict)}`,
    {
      next: 'cutover rollback --accept-loss goes back all the same; otherwise mend the new release and deploy it',
      detail: { verdict },
    },
  );
}

export function serviceUnknown(name: string, known: readonly string[]): CutoverError {
  return new CutoverError(
    'service-unknown',
    `expected a service that was deployed before, found ${name}, which never was`,
    {
      next: known.length > 0 ? `known services: ${known.join(', ')}` : 'cutover deploy makes the first one',
    },
  );
}

export function setUnknown(name: string, known: readonly string[]): CutoverError {
  return new CutoverError(
    'set-unknown',
    `expected a set that was deployed before, found ${name}, which never was`,
    {
      next:
        known.length > 0
          ? `known sets: ${known.join(', ')}`
          : 'cutover deploy --set FILE makes the first one',
    },
  );
}

/** Throws `set-member` for a service that stands where a set has brought it, unless it is meant to go its own way. */
export function expectByItself(service: Service, alone: boolean, what: string, instead: string): void {
  const bound = boundBy(service);
  if (bound === null || alone) return;
  const names = bound.services.map((each) => each.service).join(', ');
  throw new CutoverError(
    'set-member',
    `service ${service.name}: expected a service that changes by itself, found it where set ${bound.name} (${names}) has brought it: ${what} of it alone would part them`,
    { next: `${instead}; with --alone it goes its own way from here on, and the set cannot be rolled back` },
  );
}

export function nothingRunning(name: string): CutoverError {
  return new CutoverError('nothing-running', `service ${name}: expected a deployment under way, found none`, {
    next: 'cutover rollback goes back to the release before; cutover history shows what has ended',
  });
}

export function notFrozen({ name, deployments }: Service): CutoverError {
  const last = deployments.at(-1);
  return new CutoverError(
    'not-frozen',
    `service ${name}: expected a deployment that is frozen and waits for a person, found ${last ? `deployment ${last.id} ${last.status}` : 'none'}`,
    { next: 'cutover status shows what stands' },
  );
}

export function deploymentRunning({ name }: Service, deployment: Deployment): CutoverError {
  const { id, by, plan, steps } = deployment;
  if (awaitsDecision(deployment)) {
    return new CutoverError(
      'deployment-running',
      `service ${name}: expected no deployment under way, found deployment ${id} (${plan.kind} of release ${plan.release} by ${by}) frozen: it waits for a person`,
      {
        next: 'cutover keep goes on with the new side; cutover rollback --accept-loss goes back',
        detail: { deployment: id, by },
      },
    );
  }
  const step = steps.find(({ status }) => status === 'running' || status === 'undoing')?.planned.kind;
  return new CutoverError(
    'deployment-running',
    `service ${name}: expected no deployment under way, found deployment ${id} (${plan.kind} of release ${plan.release} by ${by}${step ? `, in ${step}` : ''})`,
    {
      next: `follow it with cutover show ${id} --follow, or take it back with cutover abort`,
      detail: { deployment: id, by },
    },
  );
}
