import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Address } from '../core/address.ts';

/** How long it is taken for true which processes have a socket: to find them, every process of the machine is looked at. */
const rememberMs = 250;
const states = { listen: '0A', timeWait: '06', closed: '07' };
/** 127.254, as the kernel writes it, at the end of an IPv4 address. */
const ours = /FE7F$/;

/** What `read` returns, or `otherwise` where the system refuses it: a process that has ended, or one of another user. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const inodesOf = (pid: string): number[] =>
  orElse(() => readdirSync(`/proc/${pid}/fd`), []).flatMap((fd) => {
    const target = orElse(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });

/** The connections at a port in the text of /proc/net/tcp or tcp6 (proc(5)) that are not over, by inode; without those of our own checks. */
export function parseConnections(text: string, ports: ReadonlySet<number>): number[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    if (!ports.has(parseInt(local.split(':')[1] ?? '', 16)) || ours.test(remote.split(':')[0] ?? ''))
      return [];
    return Object.values(states).includes(state) || !Number(inode) ? [] : [Number(inode)];
  });
}

/**
 * Counts the connections that programs have which hold a listening socket: whoever may accept on it, children included.
 *
 * A process of another user is not seen.
 */
export class Connections {
  #holders: { readonly at: number; readonly of: string; readonly pids: ReadonlyMap<string, number> } | null =
    null;

  /**
   * @param addresses of the service
   * @param listeners inodes of listening sockets, each with what is counted by
   * @param without processes that hold them and accept on none
   */
  count<K>(
    addresses: readonly Address[],
    listeners: ReadonlyMap<number, K>,
    without: ReadonlySet<number>,
    now: number,
  ): Map<K, number> {
    const ports = new Set(addresses.map(({ port }) => port));
    const text = ['tcp', 'tcp6']
      .map((file) => orElse(() => readFileSync(`/proc/net/${file}`, 'latin1'), ''))
      .join('\n');
    const open = new Set(parseConnections(text, ports));
    const counted = new Map<K, number>();
    for (const [pid, listener] of this.#pids(listeners, without, now)) {
      const key = listeners.get(listener);
      if (key === undefined) continue;
      const own = inodesOf(pid).filter((inode) => open.has(inode)).length;
      counted.set(key, (counted.get(key) ?? 0) + own);
    }
    return counted;
  }

  #pids(
    listeners: ReadonlyMap<number, unknown>,
    without: ReadonlySet<number>,
    now: number,
  ): ReadonlyMap<string, number> {
    const of = [...listeners.keys(), ...without].join();
    const known = this.#holders;
    if (known?.of === of && now - known.at < rememberMs) return known.pids;
    const pids = new Map<string, number>();
    for (const pid of orElse(() => readdirSync('/proc'), [])) {
      if (!/^\d+$/.test(pid) || without.has(Number(pid))) continue;
      const listener = inodesOf(pid).find((inode) => listeners.has(inode));
      if (listener !== undefined) pids.set(pid, listener);
    }
    this.#holders = { at: now, of, pids };
    return pids;
  }
}
