import { closeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { CutoverError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { Crew } from './crew.ts';
import { diskError, type Disk } from './disk.ts';
import { endCrew } from './ending.ts';
import { lastLines } from './log-lines.ts';
import { InstanceLog } from './log.ts';
import { tagVariable, type ProcessTable } from './process-table.ts';
import { resolveProgram } from './program.ts';
import type { Variables } from './variables.ts';

const tailLines = 40;

export interface Build {
  /** For messages: `release 3 of shop`. */
  readonly subject: string;
  readonly commands: readonly (readonly string[])[];
  /** Where they run. */
  readonly directory: string;
  readonly variables: Variables;
  /** Where their output goes; replaced by each build. */
  readonly logPath: string;
  readonly tag: string;
  readonly releases: string;
  readonly table: ProcessTable;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs build commands one after the other, each as a process group of its own. One that does not exit with 0 is `build-failed`, with
 * the last lines of its output. Whatever they started is ended with them, since it could write into a sealed release;
 * also when the signal is aborted.
 */
export async function runBuild(build: Build): Promise<void> {
  if (build.commands.length === 0) return;
  await rm(build.logPath, { force: true });
  const log = new InstanceLog(build.logPath, build.disk);
  for (const [index, command] of build.commands.entries()) {
    build.signal?.throwIfAborted();
    const exit = await runOne(build, log, index, command);
    build.signal?.throwIfAborted();
    if (exit === 'exit code 0') continue;
    throw new CutoverError(
      'build-failed',
      `${build.subject}: expected the build command \`${command.join(' ')}\` to exit with 0; found ${exit}`,
      {
        next: `See its output above, whole in ${build.logPath}.`,
        detail: { log: await lastLines(build.logPath, tailLines), path: build.logPath },
      },
    );
  }
}

async function runOne(
  build: Build,
  log: InstanceLog,
  index: number,
  command: readonly string[],
): Promise<string> {
  const { directory, variables, table, clock, disk, signal, tag, releases, subject } = build;
  const [word = '', ...words] = command;
  const program = await resolveProgram({
    program: word,
    directory,
    path: variables['PATH'],
    subject: `${subject}, build command ${index + 1}`,
    code: 'build-failed',
  });
  await log.mark(`build: ${JSON.stringify(command)}`, clock.now());
  const output = await log.open();
  let child: Bun.Subprocess;
  try {
    disk.boundary({ phase: 'before', kind: 'spawn', target: program });
    child = Bun.spawn([program, ...words], {
      cwd: directory,
      env: { ...variables, [tagVariable]: tag },
      stdin: 'ignore',
      stdout: output,
      stderr: output,
      detached: true,
    });
  } catch (thrown) {
    throw diskError(thrown, 'starting the build command', program);
  } finally {
    closeSync(output);
  }
  const seen = table.look(child.pid);
  const crew = new Crew(table, { tagPrefix: tag, leaders: seen ? [seen] : [], releases });
  const end = (): Promise<void> =>
    endCrew(crew, { signal: 'SIGKILL', graceMs: 0, clock, boundary: disk.boundary, subject });
  crew.find();
  let ending: Promise<void> | undefined;
  const onAbort = (): void => {
    ending ??= end();
    ending.catch(() => undefined); // awaited below; this only keeps it from counting as unhandled until then
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    await child.exited;
    await ending;
    await end();
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return child.signalCode ? `signal ${child.signalCode}` : `exit code ${child.exitCode}`;
}
