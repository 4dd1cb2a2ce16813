import { connect } from '../connect.ts';
import { tellResult } from '../deployment-result.ts';
import { interruptedExit } from '../interrupt.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { serviceName } from '../service-name.ts';
import { watchDeployment } from '../watch-deployment.ts';
import { whoAmI } from '../who.ts';
import { expectNoService, keepSet } from './set.ts';

export interface KeepOptions {
  readonly by?: string;
  readonly reason?: string;
  readonly detach?: boolean;
  readonly set?: string;
}

/** Goes on with the new side of a deployment that is frozen, and follows until it has ended. */
export async function keep(
  invocation: Invocation,
  service: string | undefined,
  { by, reason, detach = false, set }: KeepOptions,
): Promise<number> {
  if (set !== undefined) {
    expectNoService(service, set);
    return keepSet(invocation, set, {
      detach,
      ...(by !== undefined && { by }),
      ...(reason !== undefined && { reason }),
    });
  }
  const { json, output } = invocation;
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const begun = await client.keep(name, { by: by ?? whoAmI(), ...(reason !== undefined && { reason }) });
  if (detach) {
    if (json) answerJson(invocation, begun);
    else output.line(`deployment ${begun.id} of ${name} goes on with the new side`);
    return 0;
  }
  const ended = await watchDeployment(invocation, client, begun);
  if (ended !== 'interrupted') return tellResult(invocation, client, ended);
  if (json) answerJson(invocation, { detached: true, deployment: begun });
  return interruptedExit;
}
