import { describeVerdict, type Verdict } from '../core/verdict.ts';
import { CutoverError } from '../core/errors.ts';
import type { GoBackRequest, ServiceView } from '../server/api.ts';
import type { Client } from './client.ts';
import type { Invocation } from './invocation.ts';
import { harmless } from './terminal/text.ts';
import { whoAmI } from './who.ts';

/** The options of verbs that take traffic back. */
export interface GoBackOptions {
  readonly by?: string;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly acceptLoss?: boolean;
}

/**
 * The order to go back, after a person on a terminal was shown what it costs and agreed. Elsewhere nothing is asked: what is lossy goes on,
 * and what is unsafe is refused by the controller without `--accept-loss`.
 *
 * @param concerns whether the order takes traffic back, by the service as it stands
 * @throws CutoverError `aborted`: the person did not agree
 */
export async function goBackRequest(
  { output, json, paint }: Invocation,
  client: Client,
  name: string,
  { by, reason, yes = false, acceptLoss = false }: GoBackOptions,
  concerns: (service: ServiceView) => boolean = () => true,
): Promise<GoBackRequest> {
  const request: GoBackRequest = {
    by: by ?? whoAmI(),
    ...(reason !== undefined && { reason }),
    ...(acceptLoss && { acceptLoss }),
  };
  if (json || acceptLoss || output.ask === null) return request;
  const service = await client.service(name);
  const { verdict } = service;
  if (verdict === null || verdict.verdict === 'safe' || !concerns(service)) return request;
  output.line(`going back is ${paint.yellow(harmless(describeVerdict(verdict)))}`);
  if (yes && verdict.verdict === 'lossy') return request;
  if (!(await output.ask(question(verdict)))) throw declined();
  return verdict.verdict === 'unsafe' ? { ...request, acceptLoss: true } : request;
}

const question = ({ verdict }: Verdict): string =>
  verdict === 'unsafe' ? 'Go back although that is unsafe? [y/N] ' : 'Go back? [y/N] ';

const declined = (): CutoverError =>
  new CutoverError('aborted', 'expected a yes, found none: nothing was changed', {
    next: 'ask again, or give --yes (lossy) or --accept-loss (unsafe)',
  });
