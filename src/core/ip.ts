/** The octets of an IP address: always 16, an IPv4 address as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2), so that each has one form. */
export type Ip = Uint8Array;

const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Whether it stands for an IPv4 address. */
export const isIpv4 = (ip: Ip): boolean => mapped.every((octet, at) => ip[at] === octet);

function ipv4Octets(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const octets = parts.map((part) => (/^(?:0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return octets.every((octet) => octet < 256) ? octets : null;
}

/** Four octets as an address. */
export const ipv4 = (octets: Iterable<number>): Ip => Uint8Array.from([...mapped, ...octets]);

/**
 * The address that `text` names, read strictly: dotted decimals without leading zeros, or RFC 4291 §2.2 without a zone and
 * without brackets. Null if it is none: what one parser takes for octal, another takes for decimal.
 */
export function parseIp(text: string): Ip | null {
  if (!text.includes(':')) {
    const octets = ipv4Octets(text);
    return octets && ipv4(octets);
  }
  if (text.length > 45) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = halves.map((half, at) => groupsOf(half, at === halves.length - 1));
  const [head, tail = []] = groups;
  if (!head || groups.some((half) => half === null) || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const words = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 255]));
}

/** The 16-bit words of a part of an IPv6 address; `last` if it may end with dotted decimals. */
function groupsOf(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const words: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      words.push(Number.parseInt(part, 16));
      continue;
    }
    const octets = last && at === parts.length - 1 ? ipv4Octets(part) : null;
    if (octets === null) return null;
    words.push((octets[0]! << 8) | octets[1]!, (octets[2]! << 8) | octets[3]!);
  }
  return words;
}

/** The address as RFC 5952 has it written; an IPv4 address in dotted decimals. */
export function formatIp(ip: Ip): string {
  if (isIpv4(ip)) return ip.subarray(12).join('.');
  const words = Array.from({ length: 8 }, (_, at) => (ip[2 * at]! << 8) | ip[2 * at + 1]!);
  let [from, length] = [-1, 1];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && words[end] === 0) end++;
    if (end - at > length) [from, length] = [at, end - at];
    if (end > at) at = end;
  }
  const text = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  return from === -1 ? text(words) : `${text(words.slice(0, from))}::${text(words.slice(from + length))}`;
}

/** Whether a host is an IP address, which is never asked for by name (RFC 6066 §3). */
export const isIpAddress = (host: string): boolean =>
  host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
