import { readFile } from 'node:fs/promises';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { Address } from '../core/address.ts';
import { type RouteUpstream } from '../core/upstream.ts';
import { isIpAddress } from '../core/ip.ts';

/** What a TLS connection to the address is made with; null: none is; text: why there cannot be one. */
export async function secureOptions(
  upstream: RouteUpstream | undefined,
  { host }: Address,
): Promise<ConnectionOptions | string | null> {
  if (!upstream?.tls) return null;
  const { ca, serverName, cert, key, verify } = upstream.tls;
  const files = await Promise.all(
    [ca, cert, key].map((path) => (path === null ? Promise.resolve(undefined) : readFile(path, 'utf8'))),
  ).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  if (typeof files === 'string') return `a file of router.upstream.tls cannot be read: ${files}`;
  const [trusted, chain, secret] = files;
  const name = serverName ?? host;
  return {
    ...(trusted !== undefined && { ca: trusted }),
    ...(chain !== undefined && { cert: chain }),
    ...(secret !== undefined && { key: secret }),
    // An address is no server name (RFC 6066 §3).
    servername: isIpAddress(name) ? '' : name,
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: verify,
    ALPNProtocols: [upstream.protocol === 'h2' ? 'h2' : 'http/1.1'],
    minVersion: 'TLSv1.2',
  };
}
