import { connect } from '../connect.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { noticeLines, noticeTestLines } from '../render/notices.ts';
import { serviceName } from '../service-name.ts';
import { whoAmI } from '../who.ts';
import type { ByOption } from './intervene.ts';

/** What `notify test` ends with if a target did not take its message. */
const untakenExit = 1;

/** Shows who is told what, or sends each target a test. */
export async function notify(
  invocation: Invocation,
  action: string | undefined,
  name: string | undefined,
  { by = whoAmI() }: ByOption,
): Promise<number> {
  const { json, output, paint } = invocation;
  const client = connect(invocation);
  const service = await serviceName(invocation, client, name);
  if (action !== 'test') {
    const view = await client.notices(service);
    if (json) answerJson(invocation, view);
    else for (const line of noticeLines(view, paint)) output.line(line);
    return 0;
  }
  const tests = await client.testNotices(service, by);
  if (json) answerJson(invocation, { service, tests });
  else for (const line of noticeTestLines(service, tests, paint)) output.line(line);
  return tests.every(({ ok }) => ok) ? 0 : untakenExit;
}
