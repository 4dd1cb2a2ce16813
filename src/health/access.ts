import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Who asks. `socket`: through a unix socket that only its owner can open. Null: not known, so not trusted. */
export type Peer = { readonly address: string } | 'socket' | null;

export type HeaderOf = (name: string) => string | null | undefined;

/** A token, or the file that holds one; the file is read each time, so that a new one holds at once. */
export type Token = string | { readonly file: string };

const leastToken = 16;

/** The token as it is now. Throws for one that could be guessed. */
export function readToken(token: Token): string {
  const text = typeof token === 'string' ? token : readFileSync(token.file, 'utf8').trim();
  if (text.length >= leastToken) return text;
  const where = typeof token === 'string' ? 'the token' : token.file;
  throw new Error(`${where}: expected at least ${leastToken} characters, found ${text.length}`);
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
/** In a time that does not tell how much of it was right. */
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

const isLoopback = (address: string): boolean => /^(::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/i.test(address);
const isLocalHost = (host: string): boolean =>
  host === '' || /^(localhost|\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\])(:\d*)?$/i.test(host);

/** Headers that a proxy adds: the peer is the proxy then, wherever the request comes from. */
const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/** Why somebody may not change a role. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly why: string;
}

/**
 * Null if the request may change what is: by the token where there is one, else from this machine alone. A page in a browser of this machine
 * is not this machine: it names its origin, its site, or a host that was made to point here.
 */
export function refusal(peer: Peer, header: HeaderOf, token: Token | undefined): Refusal | null {
  if (peer === 'socket') return null;
  if (token !== undefined) {
    const [, given] = /^Bearer +([\x21-\x7e]+) *$/i.exec(header('authorization') ?? '') ?? [];
    if (given !== undefined && same(given, readToken(token))) return null;
    return { status: 401, why: 'expected Authorization: Bearer and the token' };
  }
  if (peer === null || !isLoopback(peer.address))
    return { status: 403, why: 'without a token only this machine may do that' };
  const via = forwarding.find((name) => header(name) !== null && header(name) !== undefined);
  if (via !== undefined)
    return {
      status: 403,
      why: `without a token only this machine may do that, and ${via} says that a proxy asks`,
    };
  const site = header('sec-fetch-site') ?? 'none';
  if ((header('origin') ?? '') !== '' || site !== 'none' || !isLocalHost(header('host') ?? ''))
    return {
      status: 403,
      why: 'without a token only programs of this machine may do that, by localhost or an IP address',
    };
  return null;
}
