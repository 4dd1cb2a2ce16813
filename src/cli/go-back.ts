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
  /** Also of a service that changes with a set. */
  readonly alone?: boolean;
  /** All services of this set, as one. */
  readonly set?: string;
}

/**
 * The order to go back, after a person on a terminal was shown what it costs and agreed. Elsewhere nothing is asked: what is lossy goes on,
 * and what is unsafe is refused by the controller without `--accept-loss`.
 *
 * @param concerns whether the order takes traffic back, by the service as it stands
 * @throws CutoverError `aborted`: the person did not agree
 */
export async function goBackRequest(
  invocation: Invocation,
  client: Client,
  name: string,
  options: GoBackOptions,
  concerns: (service: ServiceView) => boolean = () => true,
): Promise<GoBackRequest> {
  return agreed(invocation, options, async () => {
    const service = await client.service(name);
    return concerns(service) ? service.verdict : null;
  });
}

/**
 * As `goBackRequest`, with what going back costs by `verdictOf`; null: nothing.
 *
 * @throws CutoverError `aborted`: the person did not agree
 */
export async function agreed(
  { output, json, paint }: Invocation,
  { by, reason, yes = false, acceptLoss = false, alone = false }: GoBackOptions,
  verdictOf: () => Promise<Verdict | null>,
): Promise<GoBackRequest> {
  const request: GoBackRequest = {
    by: by ?? whoAmI(),
    ...(reason !== undefined && { reason }),
    ...(acceptLoss && { acceptLoss }),
    ...(alone && { alone }),
  };
  if (json || acceptLoss || output.ask === null) return request;
  const verdict = await verdictOf();
  if (verdict === null || verdict.verdict === 'safe') return request;
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
