import { CutoverError } from '../../core/errors.ts';
import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { logLines } from '../render/logs.ts';
import { serviceName } from '../service-name.ts';

export interface LogsOptions {
  readonly layer?: string;
  readonly environment?: string;
  readonly lines?: number;
}

/** The last lines that the instances of an environment wrote. */
export async function logs(
  invocation: Invocation,
  service: string | undefined,
  { layer, environment, lines }: LogsOptions,
): Promise<number> {
  if (environment !== undefined && environment !== 'blue' && environment !== 'green') {
    throw new CutoverError('usage', `--environment: expected blue or green, found ${environment}`);
  }
  const { output, json, paint, notePaint } = invocation;
  const client = connect(invocation);
  const name = await serviceName(invocation, client, service);
  const view = await client.logs(name, { layer, environment, lines });
  if (json) {
    answerJson(invocation, view);
    return 0;
  }
  if (view.lines.length === 0) output.note(notePaint.dim(`${name}: ${view.environment} has written nothing`));
  for (const line of logLines(view.lines, paint)) output.line(line);
  return 0;
}
