import { CutoverError } from '../../core/errors.ts';
import type { DeploymentView } from '../../server/api.ts';
import type { Client } from '../client.ts';
import { connect } from '../connect.ts';
import { failureOf, tellResult } from '../deployment-result.ts';
import { interruptedExit } from '../interrupt.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { goesOn } from '../progress.ts';
import { deploymentTitle, outcomeLine, pausedLines, stepLines } from '../render/deployment.ts';
import { errorLines } from '../render/error.ts';
import { receiptSummary } from '../render/receipt.ts';
import { serviceName } from '../service-name.ts';
import { harmless } from '../terminal/text.ts';
import { watchDeployment } from '../watch-deployment.ts';

export interface ShowOptions {
  readonly service?: string;
  readonly follow?: boolean;
}

/** One deployment, step by step; with `--follow`, until it has ended. */
export async function show(
  invocation: Invocation,
  id: number | undefined,
  { service, follow = false }: ShowOptions,
): Promise<number> {
  const client = connect(invocation);
  const view = await theDeployment(invocation, client, id, service);
  if (follow && goesOn(view)) {
    const ended = await watchDeployment(invocation, client, view);
    if (ended !== 'interrupted') return tellResult(invocation, client, ended);
    if (invocation.json) answerJson(invocation, { detached: true, deployment: view });
    return interruptedExit;
  }
  if (invocation.json) {
    answerJson(invocation, view);
    return 0;
  }
  for (const line of showLines(view, invocation)) invocation.output.line(line);
  return 0;
}

/** The deployment with this number, else the last one. Throws `deployment-unknown`. */
export async function theDeployment(
  invocation: Invocation,
  client: Client,
  id: number | undefined,
  service: string | undefined,
): Promise<DeploymentView> {
  const name = await serviceName(invocation, client, service);
  if (id !== undefined) return client.deployment(name, id);
  const [last] = await client.deployments(name, 1);
  if (last) return last;
  throw new CutoverError('deployment-unknown', `service ${name}: expected a deployment, found none yet`, {
    next: 'cutover deploy makes the first one',
  });
}

function showLines(view: DeploymentView, { paint }: Invocation): string[] {
  const drawing = { paint, now: Date.now() };
  const lines = [deploymentTitle(view, paint), `  ${outcomeLine(view, drawing)}`];
  for (const note of view.notes) lines.push(`  ${paint.yellow('!')} ${harmless(note)}`);
  if (view.abortedBy !== null) lines.push(`  ${paint.yellow('!')} aborted by ${harmless(view.abortedBy)}`);
  lines.push(...stepLines(view, drawing), ...pausedLines(view, drawing));
  const failure = goesOn(view) ? view.failure : failureOf(view);
  if (failure) lines.push(...errorLines(failure, paint));
  if (view.receipt) lines.push(...receiptSummary(view.receipt, paint));
  return lines;
}
