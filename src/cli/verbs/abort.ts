import { connect } from '../connect.ts';
import { aftermathLines } from '../deployment-result.ts';
import { interruptedExit } from '../interrupt.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { serviceName } from '../service-name.ts';
import { watchDeployment } from '../watch-deployment.ts';
import { goBackRequest, type GoBackOptions } from '../go-back.ts';
import type { DeploymentView } from '../../server/api.ts';
import { errorTable } from '../../core/errors.ts';
import { errorLines } from '../render/error.ts';
import { abortSet, expectNoService } from './set.ts';
import { failureOf } from '../deployment-result.ts';

export interface AbortOptions extends GoBackOptions {
  readonly detach?: boolean;
}

/** Has the deployment that is under way taken back, and follows until that is done. Succeeds if it was taken back. */
export async function abort(
  invocation: Invocation,
  service: string | undefined,
  { detach = false, ...options }: AbortOptions,
): Promise<number> {
  const { json, output, notePaint, paint } = invocation;
  if (options.set !== undefined) {
    expectNoService(service, options.set);
    return abortSet(invocation, options.set, { ...options, detach });
  }
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const request = await goBackRequest(invocation, client, name, options, ({ deployment }) =>
    hasSwitched(deployment),
  );
  const begun = await client.abort(name, request);
  if (detach) {
    if (json) answerJson(invocation, begun);
    else output.line(`deployment ${begun.id} of ${name} is being taken back`);
    return 0;
  }
  const ended = await watchDeployment(invocation, client, begun);
  if (ended === 'interrupted') {
    if (json) answerJson(invocation, { detached: true, deployment: begun });
    return interruptedExit;
  }
  const failure = failureOf(ended);
  // Taken back, as was asked. Had it ended before the abort came, nothing was taken back: that is told as it is.
  const exit =
    ended.status === 'undone'
      ? 0
      : failure === null
        ? errorTable['nothing-running'].exit
        : errorTable[failure.code].exit;
  if (json) {
    answerJson(
      invocation,
      ended.status !== 'undone' && failure !== null ? { error: failure, deployment: ended } : ended,
    );
    return exit;
  }
  const now = await client.service(name);
  if (ended.status === 'undone') {
    output.line(`${paint.green('aborted:')} deployment ${ended.id} was taken back`);
    for (const line of aftermathLines(ended, now)) output.line(`  ${line}`);
  } else if (failure !== null) {
    for (const line of [...errorLines(failure, notePaint), ...aftermathLines(ended, now)]) output.note(line);
  } else {
    output.note(
      `${notePaint.red('cutover:')} deployment ${ended.id} had succeeded before it could be taken back`,
    );
    output.note(`  ${notePaint.bold('next:')} cutover rollback ${name} goes back`);
  }
  return exit;
}

/** Whether the deployment is under way and its traffic has moved, so that taking it back may lose something. */
const hasSwitched = (deployment: DeploymentView | null): boolean =>
  deployment !== null &&
  deployment.endedAt === null &&
  deployment.status !== 'turning-back' &&
  deployment.steps.some(({ kind, status }) => kind === 'switch' && status === 'done');
