import { CutoverError } from '../../core/errors.ts';
import type { SwitchedView } from '../../server/api.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { switchedLines } from '../render/switched.ts';
import { serviceName } from '../service-name.ts';
import { expectNoService, rollbackSet } from './set.ts';
import { goBackRequest, type GoBackOptions } from '../go-back.ts';

/** Sends the traffic to the named side, which must be ready. */
export async function switchTo(
  invocation: Invocation,
  colour: string,
  service: string | undefined,
  options: GoBackOptions,
): Promise<number> {
  if (colour !== 'blue' && colour !== 'green') {
    throw new CutoverError('usage', `expected blue or green, found ${colour}`);
  }
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const request = await goBackRequest(invocation, client, name, options, ({ live }) => live !== colour);
  return tell(invocation, name, await client.switchTo(name, colour, request));
}

/** Sends the traffic back to the release before, which is kept hot. */
export async function rollback(
  invocation: Invocation,
  service: string | undefined,
  options: GoBackOptions,
): Promise<number> {
  if (options.set !== undefined) {
    expectNoService(service, options.set);
    return rollbackSet(invocation, options.set, options);
  }
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const request = await goBackRequest(invocation, client, name, options);
  return tell(invocation, name, await client.rollback(name, request));
}

function tell(invocation: Invocation, service: string, view: SwitchedView): number {
  if (invocation.json) answerJson(invocation, view);
  else for (const line of switchedLines(service, view, invocation.paint)) invocation.output.line(line);
  return 0;
}
