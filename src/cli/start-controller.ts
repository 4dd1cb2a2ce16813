import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { CutoverError } from '../core/errors.ts';
import type { StatusView } from '../server/api.ts';
import { connect, statusIfUp } from './connect.ts';
import { controllerLog } from './home.ts';
import type { Invocation } from './invocation.ts';
import { selfCommand } from './self.ts';

/** From the start of the controller until its proxy answers: opening the store, adopting what runs, going on with a deployment. */
const startTimeoutMs = 30_000;
const lookMs = 15;
const logTailLines = 15;

export interface Started {
  readonly status: StatusView;
  /** False if a controller was there already. */
  readonly started: boolean;
}

/**
 * Sees to it that the controller of this home answers, with its proxy: starts it in the background, in a session of its own, if none does.
 * Idempotent. Throws `controller-failed` with the end of its log if it ends or does not come up, `proxy-absent` if only the proxy is missing.
 *
 * @param more arguments for the controller, passed on if it is started
 */
export async function startController(
  invocation: Pick<Invocation, 'homeDirectory'>,
  more: readonly string[],
): Promise<Started> {
  const client = connect(invocation);
  const found = await statusIfUp(client);
  if (found?.proxy) return { status: found, started: false };
  const child = found === null ? spawn(invocation.homeDirectory, more) : null;

  const deadline = performance.now() + startTimeoutMs;
  let status = found;
  while (performance.now() < deadline) {
    // Asked before the answer: if it had ended by then, no later answer is its own.
    const exit = child?.exit() ?? null;
    status = await statusIfUp(client);
    if (status?.proxy) return { status, started: exit === null && child !== null };
    // It may have lost to another one that was started at the same time; that one is waited for as long as it answers.
    if (exit !== null && status === null)
      throw failed(`that it ended with ${exit}`, invocation.homeDirectory, child?.logFrom);
    await Bun.sleep(lookMs);
  }
  if (status === null)
    throw failed(`no answer within ${startTimeoutMs / 1000} s`, invocation.homeDirectory, child?.logFrom);
  throw new CutoverError(
    'proxy-absent',
    `the controller in ${invocation.homeDirectory} answers, but its proxy does not`,
    {
      next: 'see the log of the proxy; cutover doctor looks closer',
      detail: { log: logTail(controllerLog(invocation.homeDirectory), child?.logFrom ?? 0) },
    },
  );
}

interface Child {
  /** How it ended, or null while it runs. */
  readonly exit: () => string | null;
  /** How long the log was before it began. */
  readonly logFrom: number;
}

function spawn(home: string, more: readonly string[]): Child {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const log = openSync(controllerLog(home), 'a', 0o600);
  try {
    const logFrom = fstatSync(log).size;
    let exit: string | null = null;
    const child = Bun.spawn([...selfCommand(), 'controller', '--home', home, ...more], {
      // A session of its own: neither our end nor our terminal's reaches it.
      detached: true,
      cwd: home,
      stdio: ['ignore', log, log],
      onExit: (_process, code, signal) => {
        exit = signal === null ? `exit code ${code}` : `signal ${signal}`;
      },
    });
    child.unref();
    return { exit: () => exit, logFrom };
  } finally {
    closeSync(log);
  }
}

const failed = (found: string, home: string, logFrom = 0): CutoverError =>
  new CutoverError('controller-failed', `expected the controller in ${home} to come up, found ${found}`, {
    next: `see the lines below, from ${controllerLog(home)}; cutover doctor looks for the cause`,
    detail: { log: logTail(controllerLog(home), logFrom) },
  });

/** The last lines that were written to the log from an offset on. */
function logTail(path: string, from: number): string[] {
  const lines = readFileSync(path).subarray(from).toString().trimEnd().split('\n');
  return lines.filter((line) => line !== '').slice(-logTailLines);
}
