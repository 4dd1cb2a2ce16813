import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** The key of a host, as it goes over the wire (RFC 4253 §6.6). */
export interface HostKey {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  readonly blob: Buffer;
}

/** What a file of known hosts says of one. */
export interface Known {
  readonly trusted: readonly HostKey[];
  readonly revoked: readonly HostKey[];
}

export const isSameKey = (a: HostKey, b: HostKey): boolean => a.blob.equals(b.blob);

/** A key off the wire; null if it is none. */
export function parseHostKey(blob: Buffer): HostKey | null {
  if (blob.length < 4) return null;
  const length = blob.readUInt32BE(0);
  if (length === 0 || length > 64 || blob.length < 4 + length) return null;
  return { type: blob.subarray(4, 4 + length).toString('latin1'), blob };
}

/** As `ssh-keygen -l` prints it. */
export const fingerprintOf = ({ blob }: HostKey): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

/** By which name a host stands in the file: with its port, unless that is the usual one. */
export const hostName = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;

/**
 * Reads a file of known hosts as sshd(8) has it: names, patterns with `*`, `?` and `!`, hashed names, ports, and `@revoked`. A key that is revoked for
 * anybody is revoked. Lines with `@cert-authority` speak of certificates, which are not used here; lines that cannot be read say nothing.
 */
export function knownHosts(text: string, host: string, port: number): Known {
  const name = hostName(host, port);
  const trusted: HostKey[] = [];
  const revoked: HostKey[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/[ \t]+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [names, type, encoded] = words;
    if (names === undefined || names.startsWith('#') || type === undefined || encoded === undefined) continue;
    const key = parseHostKey(Buffer.from(encoded, 'base64'));
    if (key?.type !== type || !covers(names, name)) continue;
    if (marker === undefined) trusted.push(key);
    else if (marker === '@revoked') revoked.push(key);
  }
  return { trusted, revoked };
}

function covers(names: string, name: string): boolean {
  if (names.startsWith('|')) return isHashOf(names, name);
  let isCovered = false;
  for (const each of names.toLowerCase().split(',')) {
    const isNegated = each.startsWith('!');
    if (!matches(isNegated ? each.slice(1) : each, name)) continue;
    if (isNegated) return false;
    isCovered = true;
  }
  return isCovered;
}

/** `|1|SALT|HASH`: HMAC-SHA1 of the name. */
function isHashOf(hashed: string, name: string): boolean {
  const [, version, salt, digest] = hashed.split('|');
  if (version !== '1' || salt === undefined || digest === undefined) return false;
  const expected = Buffer.from(digest, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

/** With `*` and `?` alone: the brackets of a port are themselves. */
function matches(pattern: string, name: string): boolean {
  // Where the last star was, and how far the name had been read there: in time of the product of both lengths.
  let at = 0;
  let star = -1;
  let from = 0;
  let n = 0;
  while (n < name.length) {
    if (pattern[at] === '*') {
      star = at++;
      from = n;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[n])) {
      at++;
      n++;
    } else if (star >= 0) {
      at = star + 1;
      n = ++from;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
