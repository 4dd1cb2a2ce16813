import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CutoverError } from '../../core/errors.ts';
import { socketPath } from '../../config/home.ts';
import { removeSealed } from '../../platforms/process/sealed-tree.ts';
import { connect, statusIfUp } from '../connect.ts';
import { controllerSocket } from '../home.ts';
import { answerJson, type Invocation } from '../invocation.ts';
import { duration } from '../render/words.ts';
import { whoAmI } from '../who.ts';

export interface DownOptions {
  readonly keepRunning?: boolean;
  readonly purge?: boolean;
  readonly by?: string;
}

/** Requests in flight are finished and instances get their grace; whoever needs longer than this is in trouble. */
const stopTimeoutMs = 180_000;
const lookMs = 15;

/**
 * Stops controller, proxy and instances, or the controller alone, and waits until they are gone; then removes the home directory if
 * that is wanted. Idempotent.
 */
export async function down(
  invocation: Invocation,
  { keepRunning = false, purge = false, by }: DownOptions,
): Promise<number> {
  if (purge && keepRunning) {
    throw new CutoverError(
      'usage',
      'expected either --purge or --keep-running, found both: what runs needs its home directory',
    );
  }
  await stop(invocation, keepRunning, by);
  if (!purge) return 0;
  const { homeDirectory, json, output } = invocation;
  const removed = await purgeHome(homeDirectory);
  if (!json)
    output.line(
      removed ? `removed ${homeDirectory}: log, releases, everything` : `${homeDirectory} is gone already`,
    );
  return 0;
}

/** Removes a home directory, sealed releases and all. Throws `usage` for a directory that is none. */
async function purgeHome(home: string): Promise<boolean> {
  if (!existsSync(home)) return false;
  if (!existsSync(join(home, 'log.db'))) {
    throw new CutoverError(
      'usage',
      `expected ${home} to be a home directory of Cutover, found no log.db in it; it was left as it is`,
    );
  }
  await removeSealed(home);
  return true;
}

async function stop(invocation: Invocation, keepRunning: boolean, by: string | undefined): Promise<void> {
  const { homeDirectory, json, output, paint } = invocation;
  const client = connect(invocation);
  const status = await statusIfUp(client);
  if (status === null) {
    if (!keepRunning && (await listens(socketPath(homeDirectory, 'proxy/admin.sock')))) {
      throw new CutoverError(
        'controller-absent',
        `the controller at ${controllerSocket(homeDirectory)} does not run, but its proxy does, and only the controller knows what else runs`,
        { next: 'cutover up, then cutover down' },
      );
    }
    if (json) answerJson(invocation, { stopped: false });
    else output.line(`down already: no controller runs in ${homeDirectory}`);
    return;
  }
  const { pid } = status.controller;
  const begun = performance.now();
  await client.stop(by ?? whoAmI(), { instances: !keepRunning, proxy: !keepRunning });
  while (runs(pid)) {
    if (performance.now() - begun > stopTimeoutMs) {
      throw new CutoverError(
        'controller-running',
        `the controller (pid ${pid}): expected it to end within ${duration(stopTimeoutMs)}, found it running`,
        { next: `see ${homeDirectory}/controller.log for what it waits for` },
      );
    }
    await Bun.sleep(lookMs);
  }
  const tookMs = Math.round(performance.now() - begun);
  if (json) answerJson(invocation, { stopped: true, keptRunning: keepRunning, tookMs });
  else {
    const what = keepRunning
      ? 'the controller is gone; proxy and instances go on'
      : 'controller, proxy and instances are gone';
    output.line(`${paint.green('down:')} ${what} (${duration(tookMs)})`);
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') return true;
    throw error;
  }
}

/** Whether somebody accepts connections on a unix socket. */
async function listens(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    return false; // Absent, left over, or not ours: nobody that we could ask to stop.
  }
}
