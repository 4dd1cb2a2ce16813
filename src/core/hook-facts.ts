import type { Deployment } from './deployment.ts';
import type { PlannedStep } from './plan.ts';
import { releaseOf, type Service } from './service.ts';

type PlannedHook = Extract<PlannedStep, { kind: 'hook' }>;

/** What a hook is told. All of it is text, so that it says the same in an environment and in a document. */
export interface HookFacts {
  readonly id: string;
  readonly hook: string;
  readonly when: 'before' | 'after';
  readonly stage: string;
  readonly service: string;
  readonly deployment: string;
  readonly kind: string;
  readonly by: string;
  readonly release: string;
  readonly version: string;
  readonly colour: string;
  /** The side that had the traffic; empty if none had it. */
  readonly from: string;
  /** `running` while it goes as planned, `turning-back` while it is taken back. */
  readonly outcome: string;
  /** The code of the error that it is taken back for; empty if it is not. */
  readonly failure: string;
}

/** Names one run of a hook, whatever happens in between: after a crash it is run again under the same id. */
const hookId = (service: string, { id, startedAt }: Deployment, { hook, when, stage }: PlannedHook): string =>
  `hook-${service}-${id}-${startedAt.toString(36)}-${when}-${stage}-${hook + 1}`;

export function hookFacts(service: Service, deployment: Deployment, planned: PlannedHook): HookFacts {
  const { when, stage, name, release, colour, from } = planned;
  return {
    id: hookId(service.name, deployment, planned),
    hook: name,
    when,
    stage,
    service: service.name,
    deployment: String(deployment.id),
    kind: deployment.plan.kind,
    by: deployment.by,
    release: String(release),
    version: releaseOf(service, release)?.version ?? '',
    colour,
    from: from ?? '',
    outcome: deployment.status,
    failure: deployment.failure?.code ?? '',
  };
}

/** The facts as variables of an environment: `CUTOVER_STAGE` and so on. */
export function hookVariables({ id, ...facts }: HookFacts): Record<string, string> {
  const named = Object.entries(facts).map(([key, value]) => [`CUTOVER_${key.toUpperCase()}`, value] as const);
  return { ...Object.fromEntries(named), CUTOVER_HOOK_ID: id };
}

/** The facts as the document that a webhook is sent: of the form that Standard Webhooks recommend. */
export const hookDocument = (
  { id, ...facts }: HookFacts,
  more: { readonly at: number; readonly url: string | null },
): string =>
  JSON.stringify({
    type: `hook.${facts.when}-${facts.stage}`,
    timestamp: new Date(more.at).toISOString(),
    data: {
      id,
      ...facts,
      deployment: Number(facts.deployment),
      release: Number(facts.release),
      url: more.url,
    },
  });
