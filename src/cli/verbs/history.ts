import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { historyLines } from '../render/history.ts';
import { serviceName } from '../service-name.ts';
import { expectNoService, historySet } from './set.ts';

export interface HistoryOptions {
  readonly limit?: number;
  readonly set?: string;
}

/** The deployments of a service, newest first. */
export async function history(
  invocation: Invocation,
  service: string | undefined,
  { limit = 20, set }: HistoryOptions,
): Promise<number> {
  if (set !== undefined) {
    expectNoService(service, set);
    return historySet(invocation, set, limit);
  }
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const deployments = await client.deployments(name, limit);
  if (invocation.json) answerJson(invocation, deployments);
  else {
    const modes = await client.modes(name);
    for (const line of historyLines(deployments, modes, Date.now(), invocation.paint))
      invocation.output.line(line);
  }
  return 0;
}
