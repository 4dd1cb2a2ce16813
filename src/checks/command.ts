import { existsSync } from 'node:fs';
import { formatDuration } from '../core/duration.ts';
import { errorRecord } from '../core/errors.ts';
import type { CheckResult } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandPlace } from '../ports/command.ts';
import { withDeadline, type Stop } from './deadline.ts';
import { OutputTail } from './output-tail.ts';

/** From asking a command to end until it is killed, taken off its time: a tenth of that at most, so that the check ends within it. */
const graceMs = 200;

/** Once the group is gone only a process that left it can hold the outputs open; its words are not waited for longer than this. */
const outputMs = 100;

/** What a command gets of the controller's own environment; no secret of the controller is among it. */
const passedOn = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const;

function environmentOf({ variables }: CommandPlace): Record<string, string> {
  const passed = passedOn.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]] as const],
  );
  return { PATH: '/usr/local/bin:/usr/bin:/bin', ...Object.fromEntries(passed), ...variables };
}

/** Sends a signal to all processes of a group; does nothing if there is none left. */
function signalGroup(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function spawn(argv: readonly string[], target: CommandPlace) {
  return Bun.spawn([...argv], {
    cwd: target.directory,
    env: environmentOf(target),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Why the program could not be started. */
function describeNotStarted(error: unknown, program: string, { directory }: CommandPlace): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!existsSync(directory)) return `its folder ${directory} does not exist`;
  if (code === 'ENOENT')
    return `program not found: ${program}${program.includes('/') ? ` in ${directory}` : ' on the PATH'}`;
  if (code === 'EACCES') return `program not executable: ${program}`;
  return `program not started: ${errorRecord(error).message}`;
}

/**
 * Runs the program, without a shell, in the target's folder with the target's variables, and expects exit code 0. It gets a process
 * group of its own; when the result is there, no process of that group is left, whatever it started.
 */
export async function commandCheck(
  clock: Clock,
  argv: readonly string[],
  target: CommandPlace,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const began = clock.monotonic();
  const program = argv[0] ?? '';
  const says = (
    ok: boolean,
    text: string,
    output?: readonly string[],
    exitCode?: number | null,
  ): CheckResult => ({
    ok,
    detail: `${program}: ${text}`,
    ms: clock.monotonic() - began,
    ...(output && output.length > 0 ? { output } : {}),
    ...(typeof exitCode === 'number' ? { exitCode } : {}),
  });
  if (signal?.aborted) return says(false, 'stopped before it began');

  let child: ReturnType<typeof spawn>;
  try {
    child = spawn(argv, target);
  } catch (error) {
    return says(false, describeNotStarted(error, program, target));
  }
  const tail = new OutputTail();
  const readers = [child.stdout.getReader(), child.stderr.getReader()];
  const read = Promise.all(readers.map((reader) => readAll(reader, tail)));

  let stopped: Stop | null = null;
  const killing = new AbortController();
  let killed: Promise<void> = Promise.resolve();
  const grace = Math.min(graceMs, timeoutMs / 10);
  const stop = (why: Stop): void => {
    stopped = why;
    signalGroup(child.pid, 'SIGTERM');
    killed = unlessAborted(clock.sleep(grace, killing.signal), killing.signal, () =>
      signalGroup(child.pid, 'SIGKILL'),
    );
  };
  await withDeadline(clock, timeoutMs - grace, signal, stop, () => child.exited);
  killing.abort();
  await killed;
  // What it left running in its group (a server in the background) ends with it.
  signalGroup(child.pid, 'SIGKILL');

  const reading = new AbortController();
  const cancelled = unlessAborted(clock.sleep(outputMs, reading.signal), reading.signal, () =>
    Promise.all(readers.map((reader) => reader.cancel())),
  );
  await read;
  reading.abort();
  await cancelled;

  const output = tail.lines();
  const after = formatDuration(clock.monotonic() - began);
  const ended = child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`;
  if (stopped === 'timeout')
    return says(
      false,
      `expected it to end within ${formatDuration(timeoutMs)}, found it still running`,
      output,
    );
  if (stopped === 'aborted') return says(false, `stopped after ${after}`, output);
  const { exitCode } = child;
  if (exitCode === 0) return says(true, `exit code 0 after ${after}`, output, exitCode);
  return says(false, `expected exit code 0, found ${ended} after ${after}`, output, exitCode);
}

/** What is used of a stream's reader. */
interface OutputReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

async function readAll(reader: OutputReader, tail: OutputTail): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (value) tail.push(value);
    if (done) return;
  }
}

/** Acts after the wait, or not at all if the wait was called off. */
async function unlessAborted(wait: Promise<void>, signal: AbortSignal, act: () => unknown): Promise<void> {
  try {
    await wait;
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  await act();
}
