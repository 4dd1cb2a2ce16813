import { z } from 'zod';
import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Answer } from './answer.ts';

const Upstreams = z.array(z.looseObject({ address: z.string(), num_requests: z.int() })).nullable();

/**
 * How many requests Caddy has in flight at these addresses, by what it says at /reverse_proxy/upstreams; WebSockets are among them.
 *
 * @throws CutoverError `router-refused` if it does not say so
 */
export function inFlightIn({ status, body }: Answer, addresses: readonly Address[]): number {
  const wanted = new Set(addresses.map(formatAddress));
  const parsed = status === 200 ? Upstreams.safeParse(JSON.parse(body)) : null;
  if (!parsed?.success)
    throw new CutoverError(
      'router-refused',
      `Caddy: expected its upstreams at /reverse_proxy/upstreams, found status ${status}`,
      { next: 'is this Caddy 2.6 or newer?' },
    );
  return (parsed.data ?? [])
    .filter(({ address }) => wanted.has(address))
    .reduce((sum, upstream) => sum + Math.max(0, upstream.num_requests), 0);
}
