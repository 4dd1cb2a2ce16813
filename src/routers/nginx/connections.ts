import { isIP } from 'node:net';
import type { Address } from '../../core/address.ts';

/** TCP_ESTABLISHED, in proc(5). */
const established = '01';

/** An address as /proc/net/tcp writes it: words of four bytes, each in the order of a little-endian machine, in hexadecimal. */
function hexOf(bytes: readonly number[]): string {
  let text = '';
  for (let word = 0; word < bytes.length; word += 4)
    for (const byte of bytes.slice(word, word + 4).reverse())
      text += byte.toString(16).toUpperCase().padStart(2, '0');
  return text;
}

function bytesOf(host: string): number[] {
  if (isIP(host) === 4) return host.split('.').map(Number);
  const [head = '', tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), tail === undefined ? [] : groups(tail)];
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}

/** All forms in which the far end of a connection to this address is written. */
function farEnds({ host, port }: Address): string[] {
  const bytes = bytesOf(host);
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const mapped =
    bytes.length === 4 ? [hexOf([...Array<number>(10).fill(0), 0xff, 0xff, ...bytes]) + end] : [];
  return [hexOf(bytes) + end, ...mapped];
}

/** How many connections are open to these addresses, by the text of /proc/net/tcp and tcp6. Pure. */
export function connectionsTo(addresses: readonly Address[], tables: readonly string[]): number {
  const ends = new Set(addresses.flatMap(farEnds));
  let count = 0;
  for (const table of tables)
    for (const line of table.split('\n').slice(1)) {
      const [, , far, state] = line.trim().split(/\s+/);
      if (state === established && far !== undefined && ends.has(far)) count++;
    }
  return count;
}
