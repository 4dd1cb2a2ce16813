import { CutoverError, errorTable, type ErrorRecord } from '../core/errors.ts';
import { describeVerdict } from '../core/verdict.ts';
import type { DeploymentView, ServiceView } from '../server/api.ts';
import type { Client } from './client.ts';
import { answerJson, type Invocation } from './invocation.ts';
import { errorLines } from './render/error.ts';
import { receiptSummary } from './render/receipt.ts';
import { harmless } from './terminal/text.ts';
import { duration, link, releaseOn } from './render/words.ts';

/** What a deployment that was followed to its end comes to, as an exit code, told in a few lines or as one JSON document. */
export async function tellResult(
  invocation: Invocation,
  client: Client,
  ended: DeploymentView,
): Promise<number> {
  const { json, output, notePaint } = invocation;
  const failure = failureOf(ended);
  if (json) {
    answerJson(invocation, failure === null ? ended : { error: failure, deployment: ended });
    return failure === null ? 0 : errorTable[failure.code].exit;
  }
  const service = await serviceNow(client, ended.service);
  if (failure === null) {
    for (const line of successLines(ended, service, invocation)) output.line(line);
    return 0;
  }
  for (const line of errorLines(failure, notePaint)) output.note(line);
  for (const line of aftermathLines(ended, service)) output.note(line);
  return errorTable[failure.code].exit;
}

/** Why it did not succeed: what it was turned back for, or, if it could not be taken back, what stood in the way of that. */
export function failureOf({
  id,
  service,
  status,
  endedAt,
  failure,
  verdict,
  steps,
}: DeploymentView): ErrorRecord | null {
  if (status === 'succeeded') return null;
  if (status === 'frozen' && endedAt === null) {
    const { message = 'unknown why', detail } = failure ?? {};
    return {
      code: 'rollback-unsafe',
      message: `service ${service}, deployment ${id}: ${message}; the traffic stays, since going back is ${verdict === null ? 'unsafe' : describeVerdict(verdict)}`,
      next: 'cutover rollback --accept-loss goes back all the same; cutover keep goes on with the new side',
      ...(detail === undefined ? {} : { detail }),
    };
  }
  if (status === 'frozen') {
    const stuck = steps.find((step) => step.status === 'stuck');
    const why = failure === null ? '' : `; it was turned back because of ${failure.code}: ${failure.message}`;
    return {
      code: 'undo-failed',
      message: `service ${service}, deployment ${id}: ${stuck?.kind ?? 'a step'} could not be taken back: ${stuck?.error?.message ?? 'unknown why'}${why}`,
      next: stuck?.error?.next ?? 'cutover status shows what stands; mend the release and deploy again',
      ...(failure?.detail === undefined ? {} : { detail: failure.detail }),
    };
  }
  return (
    failure ?? {
      code: 'internal',
      message: `service ${service}, deployment ${id} ended as ${status} without a reason`,
    }
  );
}

async function serviceNow(client: Client, name: string): Promise<ServiceView | null> {
  try {
    return await client.service(name);
  } catch (error) {
    // It was only asked what is live now; the result of the deployment is known without that.
    if (error instanceof CutoverError) return null;
    throw error;
  }
}

function successLines(ended: DeploymentView, service: ServiceView | null, { paint }: Invocation): string[] {
  const { release, version, receipt, id, kind } = ended;
  const to = receipt?.switch?.to ?? service?.live ?? null;
  const at = service === null || service.listen === null ? '' : `: ${link(service.listen)}`;
  const lines =
    kind === 'retire' || to === null
      ? [`${paint.green('done:')} ${kind} of release ${release}`]
      : [`${paint.green('live:')} ${releaseOn(release, version, to)}${at}`];
  if (ended.decision?.decision === 'keep') {
    const { by, reason } = ended.decision;
    const why = `${ended.failure?.code ?? 'it failed'}, and ${by} kept the new side${reason === null ? '' : `: ${reason}`}`;
    lines.push(`  ${paint.yellow('note:')} ${harmless(why)}`);
  }
  if (receipt) lines.push(...receiptSummary(receipt, paint));
  const kept = service && Object.values(service.environments).find(({ role }) => role === 'standby');
  if (kept && kept.release !== null) {
    const until = kept.keptUntil === null ? '' : ` for ${duration(kept.keptUntil - Date.now())}`;
    lines.push(
      `  release ${kept.release} stays hot on ${kept.colour}${until}: cutover rollback goes back at once`,
    );
  }
  if (receipt) lines.push(paint.dim(`  all that was measured: cutover receipt ${id}`));
  return lines;
}

/** After a deployment that did not succeed: what is live, and whether it was ever touched. */
export function aftermathLines(ended: DeploymentView, service: ServiceView | null): string[] {
  if (!service) return [];
  const { live, environments, name } = service;
  if (live === null) return [`${name}: nothing is live, as before`];
  const { release, version } = environments[live];
  const words = `${releaseOn(release ?? 0, version ?? '', live)} is live`;
  const touched = ended.receipt
    ? ended.receipt.switch !== null
    : ended.steps.some(({ kind, status }) => kind === 'switch' && status !== 'pending');
  if (!touched) return [`${name}: ${words}, untouched`];
  const back = ended.receipt?.switchBack;
  if (ended.status === 'undone') {
    return [
      `${name}: ${words} again${back ? `; the traffic was switched back in ${duration(back.switchMs)}` : ''}`,
    ];
  }
  return [`${name}: ${words}; the deployment stands where it is, and a person decides: cutover status`];
}
