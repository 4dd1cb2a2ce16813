import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Address } from '../../core/address.ts';

/** A listening socket as the kernel lists it (proc(5), /proc/net/tcp). */
export interface KernelListener {
  readonly port: number;
  /** The address in the kernel's hexadecimal form, all zeros for every address. */
  readonly hexHost: string;
  readonly inode: number;
}

const listening = '0A';

/** The listening sockets in the text of /proc/net/tcp or /proc/net/tcp6. Lines of another form are passed over. */
export function kernelListeners(text: string): KernelListener[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [hexHost, hexPort] = (fields[1] ?? '').split(':');
    const inode = Number(fields[9]);
    if (fields[3] !== listening || !hexHost || !hexPort || !Number.isInteger(inode)) return [];
    return [{ hexHost, port: parseInt(hexPort, 16), inode }];
  });
}

/** What `read` returns, or `otherwise` where the system refuses it: a process that has ended, or one of another user. */
function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** The IPv4 address as /proc/net/tcp writes it on little-endian machines. */
const hexOf = (ip: string): string =>
  ip
    .split('.')
    .reverse()
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();

/** The process that listens where `address` would; undefined if none can be seen (another user's, without root). */
export function holderOf(address: Address): { readonly pid: number; readonly name: string } | undefined {
  const all = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    kernelListeners(orElse(() => readFileSync(file, 'latin1'), '')),
  );
  const samePort = all.filter((listener) => listener.port === address.port);
  const exact = samePort.filter(
    (listener) => /^0+$/.test(listener.hexHost) || listener.hexHost === hexOf(address.host),
  );
  const targets = new Set((exact.length ? exact : samePort).map(({ inode }) => `socket:[${inode}]`));
  if (targets.size === 0) return undefined;
  for (const entry of orElse(() => readdirSync('/proc'), [])) {
    if (!/^\d+$/.test(entry)) continue;
    for (const fd of orElse(() => readdirSync(`/proc/${entry}/fd`), [])) {
      if (!targets.has(orElse(() => readlinkSync(`/proc/${entry}/fd/${fd}`), ''))) continue;
      return {
        pid: Number(entry),
        name: orElse(() => readFileSync(`/proc/${entry}/comm`, 'utf8').trim(), 'a process'),
      };
    }
  }
  return undefined;
}
