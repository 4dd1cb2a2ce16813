import type { Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { ProcessSeen, ProcessTable } from './process-table.ts';

const fields = 'pid=,ppid=,pgid=,state=,lstart=';

/** One line of `ps -o pid=,ppid=,pgid=,state=,lstart=`; null if it is none. */
export function parsePsLine(line: string): ProcessSeen | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S.*\S)\s*$/.exec(line);
  const [, pid, parent, group, state, startTime] = match ?? [];
  if (pid === undefined || startTime === undefined) return null;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    session: Number(group), // ps has no portable word for the session; ours begin as one group
    startTime: startTime.replace(/\s+/g, ' '),
    bootId: 'none', // the start time is a date, so it tells boots apart by itself
    ended: state?.startsWith('Z') ?? false,
  };
}

/**
 * Systems without /proc (macOS, the BSDs): by `ps`. It tells pid, group and the second of the start; it does not tell the
 * tag. So there the instant between starting a process and recording it is not covered, nor are children that leave the group.
 */
export class PsProcessTable implements ProcessTable {
  readonly seesTags = false;

  #ask(...selection: readonly string[]): ProcessSeen[] {
    let asked;
    try {
      asked = Bun.spawnSync(['ps', ...selection, '-o', fields], {
        stdin: 'ignore',
        stderr: 'ignore',
        env: { ...process.env, LC_ALL: 'C' },
      });
    } catch (thrown) {
      throw new CutoverError(
        'io-failed',
        'ps: expected the program that lists processes; it could not be started',
        {
          next: 'Install ps, or put it on the PATH.',
          cause: thrown,
        },
      );
    }
    return asked.stdout
      .toString()
      .split('\n')
      .map(parsePsLine)
      .filter((seen) => seen !== null);
  }

  look(pid: number): ProcessSeen | null {
    return this.#ask('-p', String(pid))[0] ?? null;
  }
  all(): readonly ProcessSeen[] {
    return this.#ask('-A');
  }
  tag(): null {
    return null;
  }
  workingDirectory(): null {
    return null;
  }
  listening(): readonly Address[] {
    return [];
  }
}
