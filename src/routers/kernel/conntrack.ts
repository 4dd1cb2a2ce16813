import type { Address } from '../../core/address.ts';

/** States in which nothing can come any more (nf_conntrack_tcp). */
const over = new Set(['TIME_WAIT', 'CLOSE']);

/** What a line of `conntrack -L -p tcp` says: where the connection was for, where it went, and in which state it is. */
export interface Tracked {
  readonly to: Address;
  readonly instance: Address;
  readonly over: boolean;
}

/** One line; null if it tells of no TCP connection. */
export function parseTracked(line: string): Tracked | null {
  const words = line.trim().split(/\s+/);
  if (words[0] !== 'tcp') return null;
  // The original direction comes first, then that of the answers: they come from where the connection went.
  const values = (key: string): string[] =>
    words.filter((word) => word.startsWith(`${key}=`)).map((word) => word.slice(key.length + 1));
  const [sources, targets, sourcePorts, targetPorts] = [
    values('src'),
    values('dst'),
    values('sport'),
    values('dport'),
  ];
  const [to, port, instance, instancePort] = [targets[0], targetPorts[0], sources[1], sourcePorts[1]];
  if (to === undefined || port === undefined || instance === undefined || instancePort === undefined)
    return null;
  return {
    to: { host: to, port: Number(port) },
    instance: { host: instance, port: Number(instancePort) },
    over: over.has(words[3] ?? ''),
  };
}
