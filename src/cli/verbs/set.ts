import { CutoverError } from '../../core/errors.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { SetView } from '../../server/api.ts';
import type { Client } from '../client.ts';
import { connect, noteOtherVersion, statusIfUp } from '../connect.ts';
import { agreed, type GoBackOptions } from '../go-back.ts';
import { controllerSocket } from '../home.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import type { ReleaseOptions } from '../release-order.ts';
import { planLines } from '../render/plan.ts';
import { receiptLines } from '../render/receipt.ts';
import { setHistoryLines, setLines, setSummary, setSwitchedLines } from '../render/set.ts';
import { setOrder } from '../set-order.ts';
import { startController } from '../start-controller.ts';
import { watchSet } from '../watch-set.ts';
import { whoAmI } from '../who.ts';

/** What `--set` does with each verb: the same as with one service, of all services of a set at one moment. */

/** Refuses a service where a set is named. */
export function expectNoService(service: string | undefined, set: string): void {
  if (service === undefined) return;
  throw new CutoverError('usage', `--set ${set}: expected no service beside it, found ${service}`, {
    next: 'name the set or the service',
  });
}

export async function planSet(
  invocation: Invocation,
  file: string,
  source: string | undefined,
  options: ReleaseOptions,
): Promise<number> {
  const client = connect(invocation);
  const { set, request } = await setOrder(file, source, options);
  const views = await client.planSet(set, request);
  if (invocation.json) answerJson(invocation, { set, plans: views });
  else
    for (const view of views)
      for (const line of planLines(view, invocation.paint)) invocation.output.line(line);
  return 0;
}

export async function deploySet(
  invocation: Invocation,
  file: string,
  source: string | undefined,
  { up = false, detach = false, ...options }: ReleaseOptions & { up?: boolean; detach?: boolean },
): Promise<number> {
  const client = connect(invocation);
  const { set, request } = await setOrder(file, source, options);
  if (up) await startController(invocation, []);
  const status = await statusIfUp(client);
  if (status === null) {
    throw new CutoverError(
      'controller-absent',
      `expected the controller to answer at ${controllerSocket(invocation.homeDirectory)}, found none`,
      { next: 'cutover up starts it; cutover deploy --up does both' },
    );
  }
  noteOtherVersion(invocation, status);
  const begun = await client.deploySet(set, request);
  if (!detach) return watchSet(invocation, client, begun);
  return detached(invocation, begun, 'is under way');
}

export async function rollbackSet(
  invocation: Invocation,
  set: string,
  options: GoBackOptions,
): Promise<number> {
  const client = connect(invocation);
  const request = await agreed(invocation, options, async () => (await client.set(set)).verdict);
  const view = await client.rollbackSet(set, request);
  if (invocation.json) answerJson(invocation, view);
  else for (const line of setSwitchedLines(view, invocation.paint)) invocation.output.line(line);
  return 0;
}

export async function abortSet(
  invocation: Invocation,
  set: string,
  { detach = false, ...options }: GoBackOptions & { detach?: boolean },
): Promise<number> {
  const client = connect(invocation);
  const request = await agreed(invocation, options, async () => {
    const { services, verdict, endedAt } = await client.set(set);
    const moved = services.some(({ steps }) =>
      steps.some(({ kind, status }) => kind === 'switch' && status === 'done'),
    );
    return moved && endedAt === null ? verdict : null;
  });
  const begun = await client.abortSet(set, request);
  return detach
    ? detached(invocation, begun, 'is being taken back')
    : watchSet(invocation, client, begun, 'undone');
}

export async function keepSet(
  invocation: Invocation,
  set: string,
  { by, reason, detach = false }: { by?: string; reason?: string; detach?: boolean },
): Promise<number> {
  const client = connect(invocation);
  const begun = await client.keepSet(set, { by: by ?? whoAmI(), ...(reason !== undefined && { reason }) });
  return detach
    ? detached(invocation, begun, 'goes on with the new sides')
    : watchSet(invocation, client, begun);
}

export async function statusSet(invocation: Invocation, set: string): Promise<number> {
  const view = await connect(invocation).set(set);
  if (invocation.json) answerJson(invocation, view);
  else for (const line of setLines(view, Date.now(), invocation.paint)) invocation.output.line(line);
  return 0;
}

export async function historySet(invocation: Invocation, set: string, limit: number): Promise<number> {
  const views = await connect(invocation).setDeployments(set, limit);
  if (invocation.json) answerJson(invocation, views);
  else for (const line of setHistoryLines(views, Date.now(), invocation.paint)) invocation.output.line(line);
  return 0;
}

/** The receipts of all services for one deployment of the set, each with its place in the chain of its service. */
export async function receiptSet(
  invocation: Invocation,
  set: string,
  number: number | undefined,
): Promise<number> {
  const client = connect(invocation);
  const view = await theDeployment(client, set, number);
  const receipts = view.services.flatMap(({ receipt }): Receipt[] => (receipt ? [receipt] : []));
  if (receipts.length < view.services.length)
    throw new CutoverError(
      'deployment-running',
      `set ${set}, deployment ${view.number}: expected it to have ended, found it ${view.status}; receipts are made at its end`,
      { next: `cutover status --set ${set}` },
    );
  if (invocation.json) {
    answerJson(invocation, { set, number: view.number, outcome: view.status, receipts });
    return 0;
  }
  const { output, paint } = invocation;
  for (const line of setSummary(view, paint).slice(0, -1)) output.line(line);
  for (const receipt of receipts) {
    output.line('');
    for (const line of receiptLines(receipt, paint)) output.line(line);
  }
  return 0;
}

async function theDeployment(client: Client, set: string, number: number | undefined): Promise<SetView> {
  if (number === undefined) return client.set(set);
  const all = await client.setDeployments(set, 1000);
  const found = all.find((each) => each.number === number);
  if (found) return found;
  throw new CutoverError(
    'deployment-unknown',
    `set ${set}: expected a deployment from 1 to ${all[0]?.number ?? 0}, found ${number}`,
    { next: `cutover history --set ${set} shows them` },
  );
}

function detached(invocation: Invocation, begun: SetView, what: string): number {
  if (invocation.json) answerJson(invocation, begun);
  else {
    const { name, number } = begun;
    invocation.output.line(`deployment ${number} of set ${name} ${what}`);
    invocation.output.line(`  see how it stands: cutover status --set ${name}`);
  }
  return 0;
}
