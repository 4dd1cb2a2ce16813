import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { formatAddress, type Address } from '../../core/address.ts';
import type { Active } from '../../core/spec/active.ts';
import type { LeaseOrder } from '../../core/worker-lease.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from './disk.ts';
import { diskError, isAbsent } from './disk.ts';
import type { Variables } from './variables.ts';

/** What an instance was last told, in its record. `settled`: it knows; where it was told to stop, it surely has. */
export const WorkerState = z.strictObject({
  state: z.enum(['active', 'passive']),
  epoch: z.int().min(0),
  settled: z.boolean(),
});
export type WorkerState = z.infer<typeof WorkerState>;

export const atFirst: WorkerState = { state: 'passive', epoch: 0, settled: true };

const longestAck = 256;
const lookMs = 20;
/** 202 Accepted (RFC 9110 §15.3.3): it has heard, and goes on with what it has begun. */
const stillAtIt = 202;

/** What one worker needs to be told something. */
export interface Worker {
  readonly active: Active;
  /** The file that says whether it may work; its answer is in the same path with `.ack`. */
  readonly file: string;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Where it listens, if it does. */
  readonly address: Address;
  /** Its process, if it runs. */
  readonly pid: () => number | null;
  readonly directory: string;
  readonly variables: Variables;
}

export const lineOf = ({ state, epoch }: Pick<WorkerState, 'state' | 'epoch'>): string =>
  `${state} ${epoch}\n`;

/** The variables from which a worker knows whether it may work when it starts, and where it is told later. */
export const workerVariables = (file: string, { state, epoch }: WorkerState): Variables => ({
  CUTOVER_ACTIVE: state,
  CUTOVER_ACTIVE_EPOCH: String(epoch),
  CUTOVER_ACTIVE_FILE: file,
});

/** Writes what it may do, and makes it look. Resolves with whether a command or an endpoint agreed; `told` where neither was asked, or nothing runs. */
export async function tellWorker(worker: Worker, order: LeaseOrder): Promise<'told' | 'agreed' | 'refused'> {
  const { active, file, disk } = worker;
  await disk.replace(file, lineOf(order));
  const pid = worker.pid();
  if (pid === null) return 'told';
  if (active.signal) {
    try {
      process.kill(pid, active.signal[order.state]);
    } catch (error) {
      // It has ended meanwhile, which its platform sees.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
  if (active.http) return tellEndpoint(worker, active.http.path, order);
  if (!active.command) return 'told';
  return (await run(worker, active.command[order.state], order)) ? 'agreed' : 'refused';
}

/**
 * Tells an endpoint of the worker until it says that it is done, has ended, or its time is over. The number goes with each order, so one that comes late
 * can be told from the last.
 */
async function tellEndpoint(
  { address, active, clock, pid }: Worker,
  path: string,
  order: LeaseOrder,
): Promise<'told' | 'agreed' | 'refused'> {
  const begun = clock.monotonic();
  const leftMs = (): number => active.within - (clock.monotonic() - begun);
  while (leftMs() > 0) {
    if (pid() === null) return 'told';
    if (await isDone(`http://${formatAddress(address)}${path}`, order, leftMs())) return 'agreed';
    await clock.sleep(Math.max(1, Math.min(lookMs, leftMs())));
  }
  return 'refused';
}

/** One order to the endpoint. Whatever is no answer of class 2xx is none; 202 says that it has not done it yet. */
async function isDone(url: string, order: LeaseOrder, timeoutMs: number): Promise<boolean> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'PUT',
      body: lineOf(order),
      // A kept connection could be one to a process that has ended since.
      headers: { 'content-type': 'text/plain', connection: 'close' },
      redirect: 'manual',
      signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
    });
  } catch {
    return false; // It does not listen yet, has just ended, or was too slow: it is asked again as long as there is time.
  }
  await response.body?.cancel();
  return response.ok && response.status !== stillAtIt;
}

/** Waits until the worker has answered that it does not work any more, or has ended. False if it has done neither in time. */
export async function untilPassive(worker: Worker, epoch: number): Promise<boolean> {
  const { clock, active } = worker;
  const begun = clock.monotonic();
  for (;;) {
    if (worker.pid() === null || (await answered(worker.file, epoch))) return true;
    const left = active.within - (clock.monotonic() - begun);
    if (left <= 0) return false;
    await clock.sleep(Math.min(lookMs, left));
  }
}

/** Whether the worker has written `passive EPOCH` into its answer. */
async function answered(file: string, epoch: number): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(`${file}.ack`, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return false;
    throw diskError(error, 'reading', `${file}.ack`);
  }
  return text.slice(0, longestAck).trim() === lineOf({ state: 'passive', epoch }).trim();
}

async function run(
  { directory, variables, active, clock, file }: Worker,
  argv: readonly string[],
  { state, epoch }: LeaseOrder,
): Promise<boolean> {
  const child = Bun.spawn([...argv], {
    cwd: directory,
    env: { ...variables, ...workerVariables(file, { state, epoch, settled: false }) },
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const late = new AbortController();
  const kill = clock.sleep(active.within, late.signal).then(
    () => endGroup(child.pid),
    () => undefined, // it ended in time
  );
  await child.exited;
  late.abort(new Error('it has ended'));
  await kill;
  // What it left in the background ends with it.
  endGroup(child.pid);
  return child.exitCode === 0;
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
