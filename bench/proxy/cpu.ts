import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second: USER_HZ, 100 on every Linux (proc(5)). */
const ticksPerSecond = 100;

interface ProcessTimes {
  readonly parent: number;
  /** User and system time of the process and of its children that have ended and were waited for. */
  readonly ticks: number;
}

function timesOf(pid: number): ProcessTimes | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // From field 3 on; the name in field 2 may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return {
    parent: fields[1] ?? 0,
    ticks: [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0),
  };
}

function family(pid: number): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>();
  for (const entry of readdirSync('/proc')) {
    const times = /^\d+$/.test(entry) ? timesOf(Number(entry)) : undefined;
    if (times) all.set(Number(entry), times);
  }
  if (!all.has(pid)) throw new Error(`process ${pid} has ended, expected it to be measured`);
  const descends = (candidate: number): boolean => {
    for (let at = candidate; at > 0; at = all.get(at)?.parent ?? 0) if (at === pid) return true;
    return false;
  };
  return new Map([...all].filter(([candidate]) => descends(candidate)));
}

/** A process and all that descend from it. Throws if it is not there. */
export const descendantsOf = (pid: number): number[] => [...family(pid).keys()];

/**
 * Processor time in microseconds that the operating system has accounted to a process and all that descend from it.
 *
 * @throws Error if the process is not there
 */
export function cpuUsOf(pid: number): number {
  let ticks = 0;
  for (const times of family(pid).values()) ticks += times.ticks;
  return (ticks / ticksPerSecond) * 1e6;
}
