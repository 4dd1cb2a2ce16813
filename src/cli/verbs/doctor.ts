import { CutoverError } from '../../core/errors.ts';
import type { StatusView } from '../../server/api.ts';
import { connect } from '../connect.ts';
import { fail, findingLines, ok, warn, type Finding } from '../doctor/finding.ts';
import { colourAddresses, git, home, openFiles, room, runtime, socket } from '../doctor/machine.ts';
import { specFindings } from '../doctor/spec.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { version } from '../version.ts';

/** What `doctor` ends with if something must be mended. */
const unfitExit = 1;

/** Looks at all that Cutover needs, and says what to do about what is not there. Changes nothing. */
export async function doctor(invocation: Invocation): Promise<number> {
  const { homeDirectory, specFile, json, output, paint } = invocation;
  const { status, findings: processes } = await controllerFindings(invocation);
  const files = openFiles();
  const findings: Finding[] = [
    runtime(),
    home(homeDirectory),
    room(homeDirectory),
    socket(homeDirectory),
    ...(files === null ? [] : [files]),
    colourAddresses(),
    await git(),
    ...(await specFindings(specFile, status)),
    ...processes,
  ];
  const unfit = findings.some(({ result }) => result === 'fail');
  if (json) answerJson(invocation, { fit: !unfit, findings });
  else for (const line of findingLines(findings, paint)) output.line(line);
  return unfit ? unfitExit : 0;
}

/** Whether controller and proxy answer. That none was started is no fault. */
async function controllerFindings(
  invocation: Invocation,
): Promise<{ status: StatusView | null; findings: Finding[] }> {
  const client = connect(invocation);
  let status: StatusView;
  try {
    status = await client.status();
  } catch (error) {
    if (!(error instanceof CutoverError)) throw error;
    return { status: null, findings: [absence(error)] };
  }
  const { controller, proxy, services } = status;
  const findings = [
    controller.version === version
      ? ok('controller', `pid ${controller.pid}, version ${controller.version}`)
      : warn(
          'controller',
          `version ${controller.version}, and this is ${version}`,
          'cutover down --keep-running, then cutover up',
        ),
    proxy === null
      ? fail(
          'proxy',
          'does not answer',
          'the controller starts it again; see proxy.log in the home directory',
        )
      : ok('proxy', `pid ${proxy.pid}, ${proxy.workers} ${proxy.workers === 1 ? 'worker' : 'workers'}`),
  ];
  for (const warning of proxy?.warnings ?? [])
    findings.push(warn('proxy', warning, 'see the docs of the proxy'));
  for (const { name, halted, untold } of services) {
    if (untold?.givenUp)
      findings.push(
        warn(
          `service ${name}`,
          `a notification to ${untold.givenUp.name} was given up: ${untold.givenUp.detail}`,
          `mend the target, then cutover notify test ${name}`,
        ),
      );
    if (halted)
      findings.push(
        fail(`service ${name}`, `halted: ${halted.message}`, halted.next ?? 'cutover status shows more'),
      );
  }
  return { status, findings };
}

function absence(error: CutoverError): Finding {
  const { message, next = 'cutover down, then cutover up', detail } = error;
  switch (detail['reason']) {
    case 'ENOENT':
      return ok('controller', 'not started: cutover up');
    case 'ECONNREFUSED':
      return warn(
        'controller',
        `${message}: one ran here and did not end well`,
        'cutover up goes on where it was',
      );
    default:
      return fail('controller', message, next);
  }
}
