import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { releaseOrder, type ReleaseOptions } from '../release-order.ts';
import { planLines } from '../render/plan.ts';
import { planSet } from './set.ts';

/** Prints the steps that `deploy` would walk. Changes nothing. */
export async function plan(
  invocation: Invocation,
  source: string | undefined,
  options: ReleaseOptions,
): Promise<number> {
  if (options.set !== undefined) return planSet(invocation, options.set, source, options);
  const client = connect(invocation);
  const { service, request } = await releaseOrder(invocation, client, source, options);
  const view = await client.plan(service, request);
  if (invocation.json) answerJson(invocation, view);
  else for (const line of planLines(view, invocation.paint)) invocation.output.line(line);
  return 0;
}
