import { ascii } from '../http1/octets.ts';

/**
 * The line that keeps browsers on https for so many seconds (RFC 6797 §6.1); null for 0. Where the application sends one of its own, that one
 * stands first and is the one that counts (§8.1).
 */
export const strictTransport = (seconds: number): Uint8Array | null =>
  seconds > 0 ? ascii(`Strict-Transport-Security: max-age=${seconds}\r\n`) : null;
