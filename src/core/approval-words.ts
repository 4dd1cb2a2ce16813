import type { Deployment } from './deployment.ts';
import { saidTo } from './interventions.ts';
import { releaseOf, type Service } from './service.ts';

/** What is still waited for at a gate that people open, and how they do; null for any other step. */
export function approvalWords(service: Service, deployment: Deployment, step: number): string | null {
  const planned = deployment.steps[step]?.planned;
  if (planned?.kind !== 'gate' || planned.waitsFor !== 'approval') return null;
  const rule = releaseOf(service, planned.release)?.spec.gates[planned.gate - 1]?.approval;
  if (!rule) return null;
  const approvals = saidTo(deployment, step).approvals.map(({ by }) => by);
  const sofar =
    rule.count === 1
      ? ''
      : ` (${approvals.length} of ${rule.count}${approvals.length === 0 ? '' : `: ${approvals.join(', ')}`})`;
  const name = rule.by?.find((each) => !approvals.includes(each)) ?? 'NAME';
  return `waiting for approval${sofar}: cutover approve ${service.name} --gate ${planned.gate} --by ${name}`;
}
