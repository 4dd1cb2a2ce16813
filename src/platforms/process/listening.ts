import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Address } from '../../core/address.ts';

const listenState = '0A';

/**
 * The host of an address in /proc/net/tcp or tcp6: 32-bit words in the machine's byte order (little-endian on all that
 * Bun runs on), so each word is turned round.
 */
export function parseHexHost(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (mapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}

/** The listening sockets of /proc/net/tcp's or tcp6's text (proc_net_tcp): address by inode. */
export function parseListening(text: string): Map<string, Address> {
  const found = new Map<string, Address>();
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [, local, , state] = fields;
    const inode = fields[9];
    const [host, port] = (local ?? '').split(':');
    if (state !== listenState || inode === undefined || !host || !port) continue;
    found.set(inode, { host: parseHexHost(host), port: parseInt(port, 16) });
  }
  return found;
}

/** Where these processes listen. The table of sockets is read through one of them, so that its network namespace counts. */
export function listeningSockets(
  pids: readonly number[],
  unlessGone: <T>(read: () => T) => T | null,
): readonly Address[] {
  const inodes = new Set<string>();
  const sockets = new Map<string, Address>();
  for (const pid of pids) {
    for (const fd of unlessGone(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
      const target = unlessGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
      const inode = /^socket:\[(\d+)\]$/.exec(target ?? '')?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
    if (inodes.size === 0 || sockets.size > 0) continue;
    for (const table of ['tcp', 'tcp6']) {
      const text = unlessGone(() => readFileSync(`/proc/${pid}/net/${table}`, 'latin1'));
      for (const [inode, address] of parseListening(text ?? '')) sockets.set(inode, address);
    }
  }
  return [...sockets].filter(([inode]) => inodes.has(inode)).map(([, address]) => address);
}
