import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { historyLines } from '../render/history.ts';
import { serviceName } from '../service-name.ts';

export interface HistoryOptions {
  readonly limit?: number;
}

/** The deployments of a service, newest first. */
export async function history(
  invocation: Invocation,
  service: string | undefined,
  { limit = 20 }: HistoryOptions,
): Promise<number> {
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
