import { readFileSync } from 'node:fs';

/** Descriptors for what is neither a client nor an instance: sockets that listen, logs, channels, certificates that are read, clients that are told that there is no place. */
const reserve = 64;
/** However many the system allows, a worker takes no more clients. */
const most = 1_000_000;

/** How many connections of clients a process may take that may have so many descriptors: each may need one to an instance. */
export const connectionCap = (descriptors: number): number =>
  Math.max(16, Math.min(most, Math.floor((descriptors - reserve) / 2)));

/** The descriptors that this process may have; what Linux says of it (proc(5)). */
export function descriptorLimit(): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined || soft === 'unlimited' ? 2 * most + reserve : Number(soft);
}
