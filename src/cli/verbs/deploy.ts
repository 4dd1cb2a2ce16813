import { CutoverError } from '../../core/errors.ts';
import { connect, noteOtherVersion, statusIfUp } from '../connect.ts';
import { tellResult } from '../deployment-result.ts';
import { controllerSocket } from '../home.ts';
import { interruptedExit } from '../interrupt.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { releaseOrder, type ReleaseOptions } from '../release-order.ts';
import { startController } from '../start-controller.ts';
import { watchDeployment } from '../watch-deployment.ts';
import { deploySet } from './set.ts';

export interface DeployOptions extends ReleaseOptions {
  readonly up?: boolean;
  readonly detach?: boolean;
  readonly alone?: boolean;
}

/** Takes a release live, and follows until it is, or is taken back. */
export async function deploy(
  invocation: Invocation,
  source: string | undefined,
  options: DeployOptions,
): Promise<number> {
  if (options.set !== undefined) return deploySet(invocation, options.set, source, options);
  const client = connect(invocation);
  if (options.up && options.release !== undefined) await startController(invocation, []);
  const { service, request } = await releaseOrder(invocation, client, source, options);
  if (options.up) await startController(invocation, []);
  const status = await statusIfUp(client);
  if (status === null) {
    throw new CutoverError(
      'controller-absent',
      `expected the controller to answer at ${controllerSocket(invocation.homeDirectory)}, found none`,
      { next: 'cutover up starts it; cutover deploy --up does both' },
    );
  }
  noteOtherVersion(invocation, status);
  const begun = await client.deploy(service, { ...request, ...(options.alone && { alone: true }) });
  if (options.detach) {
    if (invocation.json) answerJson(invocation, begun);
    else {
      invocation.output.line(`deployment ${begun.id} of ${service} is under way`);
      invocation.output.line(`  follow it:    cutover show ${begun.id} --follow --service ${service}`);
      invocation.output.line(`  take it back: cutover abort ${service}`);
    }
    return 0;
  }
  const ended = await watchDeployment(invocation, client, begun);
  if (ended === 'interrupted') {
    if (invocation.json) answerJson(invocation, { detached: true, deployment: begun });
    return interruptedExit;
  }
  return tellResult(invocation, client, ended);
}
