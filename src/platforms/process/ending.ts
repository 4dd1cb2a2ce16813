import { CutoverError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Boundary } from './boundary.ts';
import type { Crew } from './crew.ts';
import { diskError, systemCode } from './disk.ts';
import { alive, type ProcessSeen } from './process-table.ts';

/** How long a process may take to end after SIGKILL: more only if the kernel is stuck in its disk or network. */
const killLimitMs = 10_000;

export interface Ending {
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly boundary: Boundary;
  /** Whose processes, for messages. */
  readonly subject: string;
}

/**
 * Ends a crew: the signal, time to finish, then SIGKILL; resolves when none is left, those included that were started
 * meanwhile. A group is signalled at once as a whole, so that a parent cannot start again what was just ended, and only
 * once: many programs take a second SIGTERM or SIGINT as the order to drop their work.
 */
export async function endCrew(
  crew: Crew,
  { signal, graceMs, clock, boundary, subject }: Ending,
): Promise<void> {
  const asked = new Set<string>();
  let end = clock.monotonic() + graceMs;
  for (let killing = graceMs <= 0; ;) {
    const members = crew.find();
    if (members.length === 0) return;
    const fresh = members.filter((member) => killing || !asked.has(key(member)));
    send(crew, fresh, killing ? 'SIGKILL' : signal, asked, boundary);
    await untilGone(crew, clock, end);
    if (clock.monotonic() < end) continue;
    if (killing && clock.monotonic() >= end + killLimitMs) {
      const pids = crew.left().map((member) => member.pid);
      if (pids.length === 0) continue;
      throw new CutoverError(
        'io-failed',
        `${subject}: expected every process to end after SIGKILL; still there: ${pids.join(', ')}`,
        {
          next: 'A process that cannot be killed waits for a disk or a network; see its state with ps, then stop again.',
          detail: { pids },
        },
      );
    }
    if (!killing) {
      killing = true;
      end = clock.monotonic();
    }
  }
}

/** Waits until those that were found are gone, or the time is over; looks soon at first, then more seldom. */
async function untilGone(crew: Crew, clock: Clock, end: number): Promise<void> {
  const limit = Math.max(end, clock.monotonic() + 20);
  for (
    let waitMs = 2;
    crew.left().length > 0 && clock.monotonic() < limit;
    waitMs = Math.min(waitMs * 1.5, 40)
  ) {
    await clock.sleep(Math.min(waitMs, Math.max(1, limit - clock.monotonic())));
  }
}

function send(
  crew: Crew,
  members: readonly ProcessSeen[],
  signal: NodeJS.Signals,
  asked: Set<string>,
  boundary: Boundary,
): void {
  const groups = new Set(
    members
      .map((member) => member.group)
      .filter((group) => crew.ownsGroup(group) && (signal === 'SIGKILL' || !asked.has(`group ${group}`))),
  );
  for (const group of groups) {
    kill(-group, signal, boundary);
    asked.add(`group ${group}`);
  }
  for (const member of members) {
    asked.add(key(member));
    // Looked at again just before: a pid may have gone to another since.
    if (!groups.has(member.group) && alive(crew.table, member)) kill(member.pid, signal, boundary);
  }
}

const key = ({ pid, startTime }: ProcessSeen): string => `${pid} ${startTime}`;

function kill(target: number, signal: NodeJS.Signals, boundary: Boundary): void {
  boundary({ phase: 'before', kind: 'signal', target: String(target) });
  try {
    process.kill(target, signal);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ESRCH') throw diskError(thrown, `sending ${signal}`, `process ${target}`);
  }
  boundary({ phase: 'after', kind: 'signal', target: String(target) });
}
