import type { RouteUpstream } from './upstream.ts';

/** The same by value; absent is plain HTTP/1.1. */
export function sameUpstream(a: RouteUpstream | undefined, b: RouteUpstream | undefined): boolean {
  const key = (upstream: RouteUpstream | undefined): string => {
    if (upstream === undefined) return 'http1';
    const { protocol, tls, sendProxy = 'none' } = upstream;
    if (tls === null) return sendProxy === 'none' ? protocol : `${protocol} ${sendProxy}`;
    return JSON.stringify([protocol, sendProxy, tls.ca, tls.serverName, tls.cert, tls.key, tls.verify]);
  };
  return key(a) === key(b);
}
