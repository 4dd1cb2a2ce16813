import type { Deployment } from './deployment.ts';
import { forcedBy, saidTo } from './interventions.ts';
import { releaseOf, type Service } from './service.ts';
import type { Gate } from './spec/gate.ts';

type Approval = NonNullable<Gate['approval']>;

/** What has to be approved at this step; null if it is no gate that people open. */
function ruleOf(service: Service, deployment: Deployment, step: number): Approval | null {
  const planned = deployment.steps[step]?.planned;
  if (planned?.kind !== 'gate' || planned.waitsFor !== 'approval') return null;
  return releaseOf(service, planned.release)?.spec.gates[planned.gate - 1]?.approval ?? null;
}

/** Whether this step is a gate at which people still have to say something: one that was decided ahead asks nobody. */
export function asksPeople(service: Service, deployment: Deployment, step: number): boolean {
  const rule = ruleOf(service, deployment, step);
  if (rule === null || forcedBy(deployment) !== null) return false;
  const { approvals, rejected } = saidTo(deployment, step);
  return rejected === null && approvals.length < rule.count;
}

/** What is still to be approved at a gate that people open, and how they do; null for any other step. */
export function approvalAsked(service: Service, deployment: Deployment, step: number): string | null {
  const planned = deployment.steps[step]?.planned;
  const rule = ruleOf(service, deployment, step);
  if (rule === null || planned?.kind !== 'gate') return null;
  const approvals = saidTo(deployment, step).approvals.map(({ by }) => by);
  const sofar =
    rule.count === 1
      ? ''
      : ` (${approvals.length} of ${rule.count}${approvals.length === 0 ? '' : `: ${approvals.join(', ')}`})`;
  const name = rule.by?.find((each) => !approvals.includes(each)) ?? 'NAME';
  return `approval${sofar}: cutover approve ${service.name} --gate ${planned.gate} --by ${name}`;
}

/** The same as what is going on. */
export function approvalWords(service: Service, deployment: Deployment, step: number): string | null {
  const asked = approvalAsked(service, deployment, step);
  return asked === null ? null : `waiting for ${asked}`;
}
