import type { IntervenedView } from '../../server/api.ts';
import type { Client } from '../client.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { stepUnderWay } from '../render/status.ts';
import { harmless } from '../terminal/text.ts';
import { serviceName } from '../service-name.ts';
import { whoAmI } from '../who.ts';

/** Who says it; default: the user and the host. */
export interface ByOption {
  readonly by?: string;
}

export interface ApproveOptions extends ByOption {
  readonly gate?: number;
  readonly reject?: boolean;
  readonly reason?: string;
}

export interface PauseOptions extends ByOption {
  readonly reason?: string;
}

export interface PromoteOptions extends ByOption {
  readonly force?: boolean;
}

/** Opens the gate that is waited at, as far as one person can; or rejects the deployment. */
export const approve = (
  invocation: Invocation,
  service: string | undefined,
  { by = whoAmI(), gate, reject = false, reason }: ApproveOptions,
): Promise<number> =>
  said(
    invocation,
    service,
    (client, name) =>
      client.approve(name, {
        ...{ by, reject },
        ...(gate !== undefined && { gate }),
        ...(reason !== undefined && { reason }),
      }),
    reject ? 'rejected' : 'approved',
    `was ${reject ? 'rejected' : 'approved'} by ${by} before`,
  );

/** Lets what has begun end, and begins nothing until it is resumed. */
export const pause = (
  invocation: Invocation,
  service: string | undefined,
  { by = whoAmI(), reason }: PauseOptions,
): Promise<number> =>
  said(invocation, service, (client, name) => client.pause(name, by, reason), 'paused', 'was paused before');

/** Goes on after a pause, or after the hold that is under way. */
export const resume = (
  invocation: Invocation,
  service: string | undefined,
  { by = whoAmI() }: ByOption,
): Promise<number> =>
  said(invocation, service, (client, name) => client.resume(name, by), 'resumed', 'was resumed before');

/** Skips what is left of a canary, or of a bake. */
export const promote = (
  invocation: Invocation,
  service: string | undefined,
  { by = whoAmI(), force = false }: PromoteOptions,
): Promise<number> =>
  said(
    invocation,
    service,
    (client, name) => client.promote(name, by, force),
    'promoted',
    'was promoted before',
  );

/** Says something to the deployment that is under way, and tells how it stands then. */
async function said(
  invocation: Invocation,
  service: string | undefined,
  say: (client: Client, name: string) => Promise<IntervenedView>,
  word: string,
  before: string,
): Promise<number> {
  const { json, output, paint } = invocation;
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const view = await say(client, name);
  if (json) {
    answerJson(invocation, view);
    return 0;
  }
  const { changed, deployment } = view;
  const { id, paused = null } = deployment;
  output.line(
    changed
      ? `${paint.green(`${word}:`)} deployment ${id} of ${name}`
      : `deployment ${id} of ${name} ${harmless(before)}; nothing was changed`,
  );
  const step = stepUnderWay(deployment, Date.now());
  const at = step === null ? '' : ` at ${step}`;
  output.line(
    paused === null
      ? `  follow it${at}: cutover show ${id} --follow`
      : `  what has begun ends${at}, and nothing more begins until cutover resume ${name}`,
  );
  return 0;
}
