import { formatAddress, parseAddress } from '../core/address-text.ts';
import type { Address } from '../core/address.ts';
import { CutoverError } from '../core/errors.ts';
import { expositionType } from '../core/exposition.ts';

/** An address for metrics: `host:port`, or a port alone, which is one of loopback: who else may read them is said, not guessed. */
export function parseScrapeAddress(text: string): Address | undefined {
  const address = parseAddress(text);
  return address && /^:?\d+$/.test(text) ? { ...address, host: '127.0.0.1' } : address;
}

const isIp = (host: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}$/.test(host) || /^\[[0-9a-f:.]+\]$/i.test(host);

/**
 * Whether a request is not from a page in a browser. A page names its origin or its site; one whose name was pointed at this address (DNS
 * rebinding) names its own host, which is neither an IP address, nor localhost, nor the host that we were told to listen on.
 */
export function isScraper(headers: Headers, listen: Address): boolean {
  if (headers.has('origin')) return false;
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'none') return false;
  const host = (headers.get('host') ?? '').replace(/:\d*$/, '').toLowerCase();
  return host === 'localhost' || isIp(host) || host === listen.host.toLowerCase();
}

export interface ScrapeEndpoint {
  readonly address: Address;
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics` on a TCP address, and nothing else.
 *
 * @param text makes the text anew for each request
 * @throws CutoverError `address-in-use` if it cannot listen there
 */
export function serveMetrics(listen: Address, text: () => Promise<string>): ScrapeEndpoint {
  const plain = (status: number, words: string): Response => new Response(`${words}\n`, { status });
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({
      hostname: listen.host,
      port: listen.port,
      development: false,
      maxRequestBodySize: 1024,
      async fetch(request) {
        if (!isScraper(request.headers, listen)) return plain(403, 'not for pages of a browser');
        if (new URL(request.url).pathname !== '/metrics') return plain(404, 'the metrics are at /metrics');
        if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET');
        return new Response(await text(), {
          headers: {
            'content-type': expositionType,
            'cache-control': 'no-store',
            'x-content-type-options': 'nosniff',
          },
        });
      },
      error: () => plain(500, 'the metrics could not be read'),
    });
  } catch (cause) {
    throw new CutoverError(
      'address-in-use',
      `metrics: expected to listen on ${formatAddress(listen)}, found that it cannot: ${cause instanceof Error ? cause.message : String(cause)}`,
      { next: 'name another address with --metrics', cause },
    );
  }
  return {
    address: { host: listen.host, port: server.port ?? listen.port },
    close: () => server.stop(true),
  };
}
