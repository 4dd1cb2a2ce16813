import { errorTable } from '../core/errors.ts';
import type { DeploymentView, SetView } from '../server/api.ts';
import type { Client } from './client.ts';
import { failureOf } from './deployment-result.ts';
import { follow, type Follower } from './follow.ts';
import { interruptedExit, interruptible } from './interrupt.ts';
import { answerJson, type Invocation } from './invocation.ts';
import { changeLines, deploymentTitle } from './render/deployment.ts';
import { errorLines } from './render/error.ts';
import { setSummary } from './render/set.ts';
import { plain } from './terminal/paint.ts';
import { harmless } from './terminal/text.ts';

/**
 * Follows a deployment of a set until it has ended in all of its services, a line for each beginning and end, and tells what came of it. Returns the
 * exit code: that of the service that did badly first.
 *
 * @param wanted the outcome that was asked for
 */
export async function watchSet(
  invocation: Invocation,
  client: Client,
  begun: SetView,
  wanted: 'succeeded' | 'undone' = 'succeeded',
): Promise<number> {
  const { output, json, notePaint, paint } = invocation;
  const say = json ? output.note : (text: string): void => output.line(text);
  const ended = await interruptible((signal) =>
    Promise.all(begun.services.map((view) => follow(client, view, follower(view, say), signal))),
  );
  if (ended === 'interrupted') {
    if (json) answerJson(invocation, { detached: true, set: begun });
    say(`${paint.yellow('detached:')} deployment ${begun.number} of set ${begun.name} goes on`);
    say(`  follow it:    cutover status --set ${begun.name}`);
    say(`  take it back: cutover abort --set ${begun.name}`);
    return interruptedExit;
  }
  const view = (await client.setDeployments(begun.name, 1000)).find(({ number }) => number === begun.number);
  const set = view ?? { ...begun, services: ended };
  const failures = ended.flatMap((each) =>
    each.status === wanted ? [] : [failureOf(each) ?? failedBy(each, wanted)],
  );
  // Whoever did badly says it in its own words; the others say whose they were.
  const failure = failures.find(({ message }) => !message.startsWith('with service ')) ?? failures[0] ?? null;
  if (json) answerJson(invocation, failure === null ? set : { error: failure, set });
  else {
    if (failure !== null) for (const line of errorLines(failure, notePaint)) output.note(line);
    const tell = failure === null ? (line: string): void => output.line(line) : output.note;
    for (const line of setSummary(set, failure === null ? paint : notePaint)) tell(line);
  }
  return failure === null ? 0 : errorTable[failure.code].exit;
}

const failedBy = ({ service, id, status }: DeploymentView, wanted: string) =>
  ({
    code: 'nothing-running',
    message: `service ${service}, deployment ${id}: expected that it ends ${wanted}, found it ${status}`,
  }) as const;

function follower(begun: DeploymentView, say: (text: string) => void): Follower {
  say(deploymentTitle(begun, plain));
  for (const note of begun.notes) say(`${begun.service}: note: ${harmless(note)}`);
  let view: DeploymentView | null = null;
  const changed = (next: DeploymentView): void => {
    for (const line of changeLines(view, next)) say(`${next.service}: ${line}`);
    view = next;
  };
  changed(begun);
  return { changed, progress: () => undefined, away: () => undefined };
}
