import { readdirSync, readFileSync } from 'node:fs';

export interface StrayProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * The running processes that were started with `name=value` in their environment: what a test has left behind. Linux only;
 * elsewhere the answer is none. A process whose environment we may not read is not ours.
 */
export function strayProcesses(name: string, value: string): StrayProcess[] {
  if (process.platform !== 'linux') return [];
  const mark = `${name}=${value}`;
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      if (!environment.includes(mark)) return [];
      return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }];
    } catch {
      return []; // It ended while we looked, or belongs to somebody else.
    }
  });
}
