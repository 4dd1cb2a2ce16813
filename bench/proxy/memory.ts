import { readFileSync } from 'node:fs';
import { descendantsOf } from './cpu.ts';

/** Kilobytes by /proc/PID/smaps_rollup (proc(5)). */
function kilobytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN);
}

/** Resident memory in megabytes of a process and all that descend from it; `pss` does not count twice what they share. */
export function memoryOf(pid: number): { readonly rssMb: number; readonly pssMb: number } {
  let rss = 0;
  let pss = 0;
  for (const one of descendantsOf(pid)) {
    const text = readFileSync(`/proc/${one}/smaps_rollup`, 'latin1');
    rss += kilobytes(text, 'Rss');
    pss += kilobytes(text, 'Pss');
  }
  return { rssMb: rss / 1024, pssMb: pss / 1024 };
}
