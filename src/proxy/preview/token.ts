import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseToken, signedText, tokenText, type TesterPass } from '../../core/tester-pass.ts';

const signature = (key: string, service: string, pass: TesterPass): Buffer =>
  createHmac('sha256', Buffer.from(key, 'hex')).update(signedText(service, pass)).digest();

/** The token of a pass for a service, signed with `key` (hexadecimal). */
export const signToken = (key: string, service: string, pass: TesterPass): string =>
  tokenText(pass, signature(key, service, pass).toString('base64url'));

/**
 * What a token lets its holder see; null if it is none of ours: forged, for another service, or signed with a key that is not taken any
 * more. Signatures are compared in constant time.
 *
 * @param nowMs since 1970
 */
export function readToken(
  keys: readonly string[],
  service: string,
  token: string,
  nowMs: number,
): { readonly pass: TesterPass; readonly expired: boolean } | null {
  const read = parseToken(token);
  if (read === null) return null;
  const { pass } = read;
  const found = Buffer.from(read.signature, 'base64url');
  const genuine = keys.some((key) => {
    const expected = signature(key, service, pass);
    return expected.length === found.length && timingSafeEqual(expected, found);
  });
  return genuine ? { pass, expired: pass.expiresS * 1000 <= nowMs } : null;
}
