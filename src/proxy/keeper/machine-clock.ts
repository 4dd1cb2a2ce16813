import { readFileSync } from 'node:fs';

/** Milliseconds since the machine started: the same in each of its processes, to ten of them, and it never goes back. */
export const machineNow = (): number => parseFloat(readFileSync('/proc/uptime', 'latin1')) * 1000;
