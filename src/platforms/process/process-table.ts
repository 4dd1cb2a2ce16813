import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Address } from '../../core/address.ts';
import { systemCode } from './disk.ts';
import { listeningSockets } from './listening.ts';
import type { ProcessIdentity } from './record.ts';

/** The environment variable that marks every process of an instance, and that its children inherit. */
export const tagVariable = 'CUTOVER_INSTANCE';

/** One process of the machine, at the moment of looking. */
export interface ProcessSeen extends ProcessIdentity {
  readonly group: number;
  readonly session: number;
  readonly parent: number;
  /** It has ended and waits for its parent to ask how. */
  readonly ended: boolean;
}

/** The processes of the machine. What this user may not see is as if it were absent. */
export interface ProcessTable {
  /** True if `tag` and `listening` can tell. */
  readonly seesTags: boolean;
  look(pid: number): ProcessSeen | null;
  all(): readonly ProcessSeen[];
  /** The value of CUTOVER_INSTANCE that the process was started with; null if it has none, or has overwritten it. */
  tag(pid: number): string | null;
  workingDirectory(pid: number): string | null;
  /** Where these processes accept TCP connections. */
  listening(pids: readonly number[]): readonly Address[];
}

export const isSame = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId;

/** The process, if it is that very one and has not ended. */
export function alive(table: ProcessTable, identity: ProcessIdentity): ProcessSeen | null {
  const seen = table.look(identity.pid);
  return seen && !seen.ended && isSame(seen, identity) ? seen : null;
}

/** How long a process may be in execve(2) while we wait for it: 20 ms. */
const execTries = 20;
const execWaitMs = 1;

const gone = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'];

/** What `read` finds in /proc; null if the process went away meanwhile or is another user's. */
function unlessGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (thrown) {
    if (gone.includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}

/**
 * The fields of /proc/PID/stat (proc_pid_stat(5)). The program's name stands in parentheses and may hold anything,
 * parentheses and spaces too, so the fields are counted from the last one.
 */
export function parseStat(text: string, bootId: string): ProcessSeen | null {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return null;
  const pid = Number(text.slice(0, open).trim());
  const [state, parent, group, session, ...rest] = text.slice(close + 2).split(' ');
  const startTime = rest[15]; // field 22, in clock ticks since boot
  if (!Number.isSafeInteger(pid) || state === undefined || startTime === undefined) return null;
  return {
    pid,
    startTime,
    bootId,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    ended: state === 'Z' || state === 'X',
  };
}

/** Linux: by /proc. */
export class LinuxProcessTable implements ProcessTable {
  readonly seesTags = true;
  readonly #bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

  look(pid: number): ProcessSeen | null {
    const text = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return text === null ? null : parseStat(text, this.#bootId);
  }

  all(): readonly ProcessSeen[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => this.look(Number(name)))
      .filter((seen) => seen !== null);
  }

  tag(pid: number): string | null {
    const start = `${tagVariable}=`;
    const entries = this.#environment(pid).split('\0');
    return entries.find((entry) => entry.startsWith(start))?.slice(start.length) ?? null;
  }

  /**
   * In the midst of execve(2) a process has neither environment nor arguments yet, and that is so already when the call that
   * started it has returned. Taken for one without a tag it would be left, or started a second time: so it is given a moment.
   */
  #environment(pid: number): string {
    for (let tries = 0; ; tries++) {
      const environment = unlessGone(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? '';
      if (environment !== '' || tries >= execTries || !this.#isExecuting(pid)) return environment;
      Bun.sleepSync(execWaitMs);
    }
  }

  #isExecuting(pid: number): boolean {
    if (unlessGone(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1')) !== '') return false;
    const seen = this.look(pid);
    // Threads of the kernel, and what has ended, never have arguments.
    return seen !== null && !seen.ended && seen.session !== 0;
  }

  workingDirectory(pid: number): string | null {
    return unlessGone(() => readlinkSync(`/proc/${pid}/cwd`));
  }

  listening(pids: readonly number[]): readonly Address[] {
    return listeningSockets(pids, unlessGone);
  }
}
