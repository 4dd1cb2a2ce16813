import { bracketOctets, COLON, hostOctets } from './octets.ts';

/**
 * Whether `bytes[from, to)` is a host as the Host field or an absolute target carries it (RFC 9110 §7.2): a name or an
 * IPv4 address, or an IPv6 address in brackets, and maybe a port. Empty is refused: with no host there is nothing to agree on.
 */
export function isHost(bytes: Uint8Array, from: number, to: number): boolean {
  let i = from;
  if (bytes[i] === 91) {
    i++;
    while (i < to && bracketOctets[bytes[i]!] === 1) i++;
    if (i >= to || bytes[i] !== 93 || i - from < 3) return false;
    i++;
  } else {
    while (i < to && hostOctets[bytes[i]!] === 1) i++;
    if (i === from) return false;
  }
  if (i === to) return true;
  if (bytes[i] !== COLON || to - i > 6 || to - i < 2) return false;
  for (i++; i < to; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
}

/** Where the name ends: before the port, if there is one. The range must hold a host. */
export function hostNameEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let i = to - 1; i > from; i--) {
    if (bytes[i] === COLON) return i;
    if (bytes[i] === 93) return to;
  }
  return to;
}
