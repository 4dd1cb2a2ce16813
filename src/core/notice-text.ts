import { approvalAsked } from './approval-words.ts';
import { formatDuration } from './duration-text.ts';
import type { Notice } from './notice.ts';
import type { NoticeFacts, NoticeKind } from './notice-kinds.ts';
import type { Deployment } from './deployment.ts';
import { pausedBy } from './interventions.ts';
import { modeInForce, releaseOf, type Service } from './service.ts';

/** What is said of each kind, unless the spec says it otherwise. */
export const defaultTemplates: Readonly<Record<NoticeKind | 'test', string>> = {
  started: '{{service}}: {{kind}} of release {{release}} ({{version}}) has begun, by {{by}}',
  waiting: '{{service}}: {{kind}} of release {{release}} ({{version}}) waits for a person: {{reason}}',
  switched: '{{service}}: the traffic is on {{to}}, release {{release}} ({{version}})',
  succeeded:
    '{{service}}: {{kind}} of release {{release}} ({{version}}) succeeded in {{took}}, {{requests}} requests, {{failed}} failed',
  'rolled-back': '{{service}}: the traffic went back, and is on {{live}}, release {{liveRelease}}. {{error}}',
  failed: '{{service}}: {{kind}} of release {{release}} ({{version}}) failed and was taken back. {{error}}',
  frozen:
    '{{service}}: {{kind}} of release {{release}} ({{version}}) could not be taken back whole; a person decides. {{error}}',
  retired: '{{service}}: release {{release}} ({{version}}) was retired; the way back to it ends here',
  'mode-changed': '{{service}} is {{mode}} now, by {{by}}. {{reason}}',
  test: '{{service}}: a test of notifications, by {{by}}',
};

/** What is said of a notice where the spec does not say it otherwise; of a deployment of a set, whose it is. */
export function defaultTemplate({ deployments }: Service, on: NoticeKind, deployment: number | null): string {
  const set = deployment === null ? undefined : deployments[deployment - 1]?.set;
  if (!set) return defaultTemplates[on];
  return `set ${set.name} (${set.services.map(({ service }) => service).join(', ')}), ${defaultTemplates[on]}`;
}

/** What a notice can say, as text; what does not apply is empty. */
export function factsOf(
  service: Service,
  notice: Pick<Notice, 'id' | 'on' | 'deployment'>,
  at: number,
): NoticeFacts {
  const deployment = notice.deployment === null ? undefined : service.deployments[notice.deployment - 1];
  const receipt = deployment?.receipt ?? undefined;
  const switched = deployment?.switches[0];
  const set = service.modes.at(-1);
  const liveRelease = service.live === null ? null : service.environments[service.live].release;
  const count = (value: number | undefined): string => (value === undefined ? '' : String(value));
  const time = (ms: number | null | undefined): string =>
    ms === null || ms === undefined ? '' : formatDuration(ms);
  const number = deployment?.plan.release ?? liveRelease ?? service.releases.length;
  return {
    service: service.name,
    event: notice.on,
    deployment: count(deployment?.id),
    kind: deployment?.plan.kind ?? '',
    release: number === 0 ? '' : String(number),
    version: releaseOf(service, number)?.version ?? '',
    by: notice.on === 'mode-changed' ? (set?.by ?? '') : (deployment?.by ?? ''),
    outcome: deployment?.status ?? '',
    live: service.live ?? '',
    liveRelease: count(liveRelease ?? undefined),
    from: switched?.from ?? '',
    to: switched?.to ?? '',
    requests: count(receipt?.requests),
    failed: count(receipt?.failed),
    held: count(receipt?.held),
    retried: count(receipt?.retried),
    took: receipt ? time(receipt.endedAt - receipt.startedAt) : '',
    switchTime: time(receipt?.switch?.switchMs),
    p99Before: time(receipt?.latency?.before.p99Ms),
    p99After: time(receipt?.latency?.after.p99Ms),
    error: deployment?.failure?.message ?? '',
    code: deployment?.failure?.code ?? '',
    next: deployment?.failure?.next ?? '',
    mode: modeInForce(service)?.mode ?? 'open',
    reason:
      notice.on === 'mode-changed' ? (set?.reason ?? '') : deployment ? waitsFor(service, deployment) : '',
    receipt: receipt?.hash ?? '',
    time: new Date(at).toISOString(),
    id: notice.id,
  };
}

/** What a deployment waits for, and what ends that; empty if it waits for nobody. */
function waitsFor(service: Service, deployment: Deployment): string {
  const paused = pausedBy(deployment);
  if (paused !== null)
    return `paused by ${paused.by}${paused.reason === null ? '' : ` (${paused.reason})`}; cutover resume lets it go on`;
  const index = deployment.steps.findIndex(({ status }) => status === 'running');
  const step = deployment.steps[index]?.planned;
  if (step?.kind === 'gate') {
    const asked = approvalAsked(service, deployment, index);
    if (asked === null) return '';
    const why = step.reason === null ? '' : ` (${step.reason})`;
    return `${step.name}, before ${step.before}${why}, asks for ${asked}`;
  }
  return step?.kind === 'hold' && step.forMs === null
    ? `a hold with ${step.weight} % of the traffic on ${step.colour}; cutover resume or cutover promote ends it`
    : '';
}
