import { readFileSync } from 'node:fs';
import { descendantsOf } from './cpu.ts';

/** Kilobytes by /proc/PID/smaps_rollup (proc(5)). */
function kilobytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN);
}

/** Resident memory in megabytes (2^20 bytes) of a process and all that descend from it. */
export interface Memory {
  /** As the kernel counts it for each: what two share counts twice. */
  readonly rssMb: number;
  /** What is shared, also with programs that are no part of it, is divided by the number of those who share it. */
  readonly pssMb: number;
  /** What is in no file: the kernel cannot drop it and read it again. */
  readonly anonymousMb: number;
}

/** Throws if the process is not there. */
export function memoryOf(pid: number): Memory {
  let rss = 0;
  let pss = 0;
  let anonymous = 0;
  for (const one of descendantsOf(pid)) {
    const text = readFileSync(`/proc/${one}/smaps_rollup`, 'latin1');
    rss += kilobytes(text, 'Rss');
    pss += kilobytes(text, 'Pss');
    anonymous += kilobytes(text, 'Anonymous');
  }
  return { rssMb: rss / 1024, pssMb: pss / 1024, anonymousMb: anonymous / 1024 };
}
