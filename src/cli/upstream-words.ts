import { resolve } from 'node:path';
import { CutoverError } from '../core/errors.ts';
import { ProxyVersion } from '../core/upstream.ts';
import type { RouteUpstream } from '../core/upstream.ts';

/** The words of the command line about how instances are spoken to. */
export interface UpstreamWords {
  readonly upstreamProtocol?: string;
  readonly upstreamTls?: boolean;
  readonly upstreamCa?: string;
  readonly upstreamName?: string;
  readonly upstreamCert?: string;
  readonly upstreamKey?: string;
  readonly upstreamInsecure?: boolean;
  readonly sendProxy?: string;
}

/** What they say, with files relative to `cwd`; undefined for plain HTTP/1.1. Throws `usage` for half a certificate, and for a PROXY header before HTTP/2. */
export function upstreamOf(words: UpstreamWords, cwd: string): RouteUpstream | undefined {
  const { upstreamCa, upstreamCert, upstreamKey, upstreamName, upstreamTls, upstreamInsecure } = words;
  if ((upstreamCert === undefined) !== (upstreamKey === undefined))
    throw new CutoverError(
      'usage',
      `cutover proxy: expected --upstream-cert and --upstream-key together, found only ${upstreamCert === undefined ? '--upstream-key' : '--upstream-cert'}`,
      { next: 'name both files' },
    );
  const secure =
    upstreamTls === true ||
    upstreamInsecure === true ||
    [upstreamCa, upstreamCert, upstreamName].some((word) => word !== undefined);
  const protocol = words.upstreamProtocol === 'h2' ? 'h2' : 'http1';
  const sendProxy = words.sendProxy === undefined ? undefined : ProxyVersion.parse(words.sendProxy);
  if (protocol === 'h2' && sendProxy !== undefined)
    throw new CutoverError(
      'usage',
      'cutover proxy: expected no --send-proxy with --upstream-protocol h2: a session carries the requests of many clients, and its header tells of one',
      { next: 'leave one of them out; HTTP/2 tells of the client in X-Forwarded-For' },
    );
  if (!secure && protocol === 'http1' && sendProxy === undefined) return undefined;
  const file = (path: string | undefined): string | null => (path === undefined ? null : resolve(cwd, path));
  const tls = {
    ca: file(upstreamCa),
    serverName: upstreamName ?? null,
    cert: file(upstreamCert),
    key: file(upstreamKey),
    verify: upstreamInsecure !== true,
  };
  return { protocol, tls: secure ? tls : null, ...(sendProxy && { sendProxy }) };
}
