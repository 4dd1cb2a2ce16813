import { ascii } from '../http1/octets.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** Where an authority looks for a proof (RFC 8555 §8.3). */
export const challengePath = ascii('/.well-known/acme-challenge/');

const text = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');

/** Whether it asks for the proof that a certificate's authority wants over plain HTTP (RFC 8555 §8.3): what is not answered goes to the service. */
export function isForChallenge(bytes: Uint8Array, head: RequestHead): boolean {
  if (head.targetTo - head.targetFrom <= challengePath.length) return false;
  for (let i = 0; i < challengePath.length; i++)
    if (bytes[head.targetFrom + i] !== challengePath[i]) return false;
  return true;
}

/**
 * The answer that sends a client from http to https: 308, so that a method with a body is asked again as it was (RFC 9110 §15.4.9). The
 * host is the one asked for, the port that of the service. Null if no host was named. What was asked for is a valid head already, so
 * it holds no line break that could add a field.
 */
export function redirectTo(bytes: Uint8Array, head: RequestHead, port: number): Uint8Array | null {
  const host = head.hostTo === 0 ? '' : text(bytes, head.hostFrom, head.hostNameTo(bytes));
  if (host === '') return null;
  const target = text(bytes, head.targetFrom, head.targetTo);
  const path = target.startsWith('/') ? target : `/${target.replace(/^[^?]*/, '')}`;
  return ascii(
    `HTTP/1.1 308 Permanent Redirect\r\nLocation: https://${host}${port === 443 ? '' : `:${port}`}${path}\r\n` +
      `Content-Length: 0\r\nConnection: close\r\n\r\n`,
  );
}
