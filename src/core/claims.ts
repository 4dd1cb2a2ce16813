import type { Address } from './address.ts';
import { formatAddress } from './address-text.ts';
import type { PathRule } from './claim.ts';

/** What of the requests that reach an address a service wants: those for this host whose path begins so. */
export interface Claim {
  /** A name, `*.` and a name, or `*`: any host, or none. */
  readonly host: string;
  /** `/` for every path. */
  readonly prefix: string;
  readonly strip: boolean;
  /** For the side that is not live. */
  readonly preview: boolean;
}

/** As much of a route as its claims depend on. */
export interface Claimant {
  readonly service: string;
  readonly listen: Address;
  readonly preview: Address | null;
  readonly previewHost: string | null;
  readonly hosts?: readonly string[] | undefined;
  readonly paths?: readonly PathRule[] | undefined;
}

const everyPath: readonly PathRule[] = [{ prefix: '/', strip: false }];
const orElse = <T>(list: readonly T[] | undefined, none: readonly T[]): readonly T[] =>
  list === undefined || list.length === 0 ? none : list;

/** What a route claims at each of its addresses (`formatAddress`). */
export function claimsOf(route: Claimant): Map<string, Claim[]> {
  const paths = orElse(route.paths, everyPath);
  const hosts = orElse(route.hosts, ['*']);
  const claims = (of: readonly string[], preview: boolean): Claim[] =>
    of.flatMap((host) => paths.map((path) => ({ host: host.toLowerCase(), ...path, preview })));
  const at = new Map([[formatAddress(route.listen), claims(hosts, false)]]);
  if (route.previewHost !== null)
    at.get(formatAddress(route.listen))?.push(...claims([route.previewHost], true));
  // On an address of its own the preview is for the same hosts, or a tester could not open two services by their names.
  if (route.preview !== null) at.set(formatAddress(route.preview), claims(hosts, true));
  return at;
}

/** The claim as people write it. */
export const formatClaim = ({ host, prefix }: Claim): string =>
  host === '*' ? (prefix === '/' ? 'everything' : prefix) : `${host}${prefix === '/' ? '' : prefix}`;

/** Two claims for the very same requests. */
export interface Conflict {
  readonly address: string;
  readonly claim: Claim;
  /** Who has it already; the claimant itself if it names one twice. */
  readonly holder: string;
}

const keyOf = ({ host, prefix }: Claim): string => `${host} ${prefix}`;

/**
 * The first of the claims of `route` that `others` have already. One that is only more or less specific is no conflict: of two
 * that fit a request, the more specific one gets it.
 */
export function findConflict(others: readonly Claimant[], route: Claimant): Conflict | null {
  const own = claimsOf(route);
  const taken = new Map<string, string>();
  for (const other of others)
    for (const [address, claims] of claimsOf(other)) {
      if (!own.has(address)) continue;
      for (const claim of claims) taken.set(`${address} ${keyOf(claim)}`, other.service);
    }
  for (const [address, claims] of own)
    for (const claim of claims) {
      const key = `${address} ${keyOf(claim)}`;
      const holder = taken.get(key);
      if (holder !== undefined) return { address, claim, holder };
      taken.set(key, route.service);
    }
  return null;
}
