import { z } from 'zod';
import { formatAddress, type Address } from '../../core/address.ts';
import { findConflict, formatClaim } from '../../core/claims.ts';
import { CutoverError } from '../../core/errors.ts';
import { expectModeFor } from '../../core/mode.ts';
import { Standing } from '../../core/proxies/standing.ts';
import { type Eviction, Route } from '../../core/traffic.ts';
import type { RouteUpstream } from '../../core/upstream.ts';
import { weighted } from '../../core/weights-line.ts';

/** How many removed services are remembered; the oldest is forgotten first. */
const removedKept = 1000;

/** All that the proxy knows, as it stands on disk: the routes, and at which epoch each forgotten service was removed. */
export const ProxyTable = z.object({
  /** Grows by one with every change. */
  version: z.int().min(0),
  routes: z.array(Route),
  /** Kept so that a stale controller cannot bring a removed service back. */
  removed: z.array(z.object({ service: z.string(), epoch: z.int() })),
  /** Where this proxy stands with services of which it is one of several. */
  standings: z.array(Standing).default([]),
});
export type ProxyTable = z.infer<typeof ProxyTable>;

export const emptyTable: ProxyTable = { version: 0, routes: [], removed: [], standings: [] };

export const routeOf = (table: ProxyTable, service: string): Route | undefined =>
  table.routes.find((route) => route.service === service);

/** Where a route listens: for its service, for testers, and for what is redirected. */
export const addressesOf = ({ listen, preview, tls }: Route): Address[] =>
  [listen, preview, tls?.redirect ?? null].filter((address) => address !== null);

/** An address that routes listen on, and the first service that does. */
export interface ListenAddress {
  readonly address: Address;
  readonly service: string;
}

/** Every address that the routes listen on, each once. Services may share one if they divide hosts and paths. */
export function listenAddresses(table: ProxyTable): Map<string, ListenAddress> {
  const addresses = new Map<string, ListenAddress>();
  for (const route of table.routes)
    for (const address of addressesOf(route)) {
      const key = formatAddress(address);
      if (!addresses.has(key)) addresses.set(key, { address, service: route.service });
    }
  return addresses;
}

/** What the routes say of TLS, by service. */
export const tlsOf = (table: ProxyTable): Record<string, Route['tls']> =>
  Object.fromEntries(table.routes.flatMap(({ service, tls }) => (tls ? [[service, tls]] : [])));

/** The same route by value; the order of keys does not matter. */
const sameRoute = (a: Route, b: Route): boolean => Bun.deepEquals(a, b, true);

/** Whether two tables differ in nothing but what is mirrored. */
export function sameButMirrors(former: ProxyTable, next: ProxyTable): boolean {
  const bare = ({ routes }: ProxyTable): unknown =>
    routes.map(({ mirror: _mirror, epoch: _epoch, ...rest }) => rest);
  return (
    former.routes.length === next.routes.length &&
    former.routes.some((route, index) => !Bun.deepEquals(route.mirror, next.routes[index]?.mirror, true)) &&
    Bun.deepEquals(bare(former), bare(next), true)
  );
}

/**
 * The route with port 0 ("any free port") replaced by the port in force at the same host, so that asking again for any port
 * is not a change.
 */
export function withPortsOf(inForce: Route | undefined, asked: Route): Route {
  const settle = (now: Address | null | undefined, next: Address): Address =>
    next.port === 0 && now?.host === next.host ? now : next;
  return {
    ...asked,
    listen: settle(inForce?.listen, asked.listen),
    preview: asked.preview && settle(inForce?.preview, asked.preview),
    ...(asked.tls && {
      tls: {
        ...asked.tls,
        redirect: asked.tls.redirect && settle(inForce?.tls?.redirect, asked.tls.redirect),
      },
    }),
  };
}

function stale(service: string, found: number, asked: number, what: string): CutoverError {
  return new CutoverError('stale-epoch', `service ${service}: ${what}`, {
    next: 'read the route in force and decide anew (cutover status)',
    detail: { service, inForce: found, asked },
  });
}

/**
 * An address of both that they may not share: one that is for users here and for testers there, or that is entered in another way
 * (TLS, PROXY protocol, whom to trust), which is settled before the host of a request is known.
 */
function addressNotToShare(other: Route, route: Route): string | null {
  const roles = ({ listen, preview, tls }: Route): [string, Address | null | undefined][] => [
    ['listen', listen],
    ['preview', preview],
    // Where it leads to is part of what it is.
    [`redirect ${listen.port}`, tls?.redirect],
  ];
  const sameWay = Bun.deepEquals([other.tls, other.entrance], [route.tls, route.entrance], true);
  for (const [role, address] of roles(route)) {
    if (!address || address.port === 0) continue;
    const where = formatAddress(address);
    for (const [otherRole, otherAddress] of roles(other))
      if (otherAddress && formatAddress(otherAddress) === where && (role !== otherRole || !sameWay))
        return where;
  }
  return null;
}

function refuseTakenAddresses(table: ProxyTable, route: Route): void {
  const listen = formatAddress(route.listen);
  if (route.preview && listen === formatAddress(route.preview) && route.listen.port !== 0)
    throw new CutoverError(
      'request-invalid',
      `service ${route.service}: listen and preview are both ${listen}, expected two addresses`,
      {
        next: 'give the preview an address of its own',
      },
    );
  const redirect = route.tls?.redirect;
  if (
    redirect &&
    redirect.port !== 0 &&
    [listen, route.preview && formatAddress(route.preview)].includes(formatAddress(redirect))
  )
    throw new CutoverError(
      'request-invalid',
      `service ${route.service}: ${formatAddress(redirect)} is to redirect and to serve, expected two addresses`,
      { next: 'give router.tls.redirect an address of its own' },
    );
  const others = table.routes.filter(({ service }) => service !== route.service);
  const taken = (where: string, holder: string): CutoverError =>
    new CutoverError('address-in-use', `${where} is taken by service ${holder} of this proxy`, {
      next: 'choose another address, or give each of the services hosts or paths of its own (router.hosts, router.paths) and the same router.tls, router.proxyProtocol and router.trust',
      detail: { address: where, holder },
    });
  for (const other of others) {
    const refused = addressNotToShare(other, route);
    if (refused !== null) throw taken(refused, other.service);
  }
  const conflict = findConflict(others, route);
  if (!conflict) return;
  const { address, claim, holder } = conflict;
  const what = formatClaim(claim);
  if (holder === route.service)
    throw new CutoverError('request-invalid', `service ${holder}: ${what} on ${address} is named twice`, {
      next: 'name each host and each path once',
    });
  if (claim.host === '*' && claim.prefix === '/') throw taken(address, holder);
  throw new CutoverError(
    'route-taken',
    `service ${route.service}: ${what} on ${address} belongs to service ${holder} of this proxy, which keeps it`,
    {
      next: 'choose another host or path (router.hosts, router.paths), or take it from the other service first',
      detail: { address, host: claim.host, prefix: claim.prefix, holder },
    },
  );
}

function refuseEmptyWeight({ service, weights, ...sides }: Route): void {
  const empty = weights && weighted(weights).find((colour) => sides[colour].instances.length === 0);
  if (empty === undefined) return;
  throw new CutoverError(
    'not-ready',
    `service ${service}: expected an instance on ${empty}, which has weight ${weights?.[empty]}, found none`,
    { next: `give ${empty} an instance first, or weight 0` },
  );
}

function refuseMirror({ service, mirror, live, protocol, ...sides }: Route): void {
  if (mirror === undefined) return;
  const refuse = (found: string, next: string): never => {
    throw new CutoverError('request-invalid', `service ${service}: expected ${found}`, { next });
  };
  if (protocol === 'tcp')
    refuse(
      'nothing to mirror of a service that is switched as TCP, found a mirror',
      'leave it out: no request is read',
    );
  if (mirror.to === live)
    refuse(`a mirror to the side that is not live, found ${live}, which is`, 'mirror to the other side');
  if (sides[mirror.to].instances.length === 0)
    throw new CutoverError(
      'not-ready',
      `service ${service}: expected an instance on ${mirror.to} to mirror to, found none`,
      { next: `give ${mirror.to} an instance first` },
    );
}

function refuseUpstream({ service, protocol, ...sides }: Route): void {
  const upstreams = [sides.blue.upstream, sides.green.upstream];
  if (upstreams.some((upstream) => upstream?.protocol === 'h2' && upstream.sendProxy !== undefined))
    throw new CutoverError(
      'request-invalid',
      `service ${service}: expected no sendProxy for instances that are spoken to in HTTP/2`,
      { next: 'leave it out: a session carries the requests of many clients' },
    );
  const besidesHeader = (upstream: RouteUpstream | undefined): boolean =>
    upstream !== undefined && (upstream.tls !== null || upstream.protocol !== 'http1');
  if (protocol !== 'tcp' || !upstreams.some(besidesHeader)) return;
  throw new CutoverError(
    'request-invalid',
    `service ${service}: expected nothing but sendProxy as the upstream of a service that is switched as TCP`,
    { next: 'leave it out: what clients send goes to the instances as it is' },
  );
}

/** Whether the service has this very route already. Throws `stale-epoch` where it may not get it any more. */
function inForceAlready(table: ProxyTable, route: Route): boolean {
  const { service, epoch } = route;
  const inForce = routeOf(table, service);
  if (inForce && epoch < inForce.epoch)
    throw stale(
      service,
      inForce.epoch,
      epoch,
      `epoch ${epoch} is older than ${inForce.epoch}, which is in force`,
    );
  if (inForce && epoch === inForce.epoch) {
    if (sameRoute(inForce, route)) return true;
    throw stale(service, inForce.epoch, epoch, `another route is in force under epoch ${epoch}`);
  }
  const gone = table.removed.find((removed) => removed.service === service);
  if (gone && epoch <= gone.epoch)
    throw stale(service, gone.epoch, epoch, `epoch ${epoch} is not newer than its removal at ${gone.epoch}`);
  return false;
}

/**
 * The table with these routes in place of their services' former ones, all of them or none; null if they are in force already. What they
 * share is looked at as it is then: a path may go from one to the other. Ports 0 are to be settled before (`withPortsOf`).
 *
 * @throws CutoverError `stale-epoch` for an older epoch, or another route under the same one (also against a removal);
 *   `address-in-use` if another service has the whole address; `route-taken` if it has one of the hosts and paths;
 *   `request-invalid` if a route contradicts itself, or two are of one service; `not-ready` if a side without instances has weight
 */
export function withRoutes(table: ProxyTable, routes: readonly Route[]): ProxyTable | null {
  const twice = routes.find(
    ({ service }, index) => routes.findIndex((other) => other.service === service) !== index,
  );
  if (twice)
    throw new CutoverError('request-invalid', `service ${twice.service}: expected one route, found two`, {
      next: 'name each service once',
    });
  const coming = routes.filter((route) => !inForceAlready(table, route));
  if (coming.length === 0) return null;
  const named = new Map(coming.map((route) => [route.service, route]));
  const known = new Set(table.routes.map(({ service }) => service));
  const next: ProxyTable = {
    version: table.version + 1,
    routes: [
      ...table.routes.map((route) => named.get(route.service) ?? route),
      ...coming.filter(({ service }) => !known.has(service)),
    ],
    removed: table.removed.filter(({ service }) => !named.has(service)),
    standings: table.standings,
  };
  for (const route of coming) {
    refuseTakenAddresses(next, route);
    refuseEmptyWeight(route);
    if (route.mode) expectModeFor(route.service, route.protocol, route.mode.mode);
    refuseUpstream(route);
    refuseMirror(route);
  }
  return next;
}

/** As `withRoutes`, of one. */
export const withRoute = (table: ProxyTable, route: Route): ProxyTable | null => withRoutes(table, [route]);

/**
 * The route of a service of which a side is to be freed.
 *
 * @throws CutoverError `service-unknown`; `stale-epoch` if another epoch is in force than the one that is known; `request-invalid` if the side
 *   gets requests of users
 */
export function withFreeSide(table: ProxyTable, service: string, { colour, epoch }: Eviction): Route {
  const route = routeOf(table, service);
  if (!route)
    throw new CutoverError('service-unknown', `the proxy has no service ${service}`, {
      next: 'see which it has: cutover status',
    });
  if (epoch !== route.epoch)
    throw stale(service, route.epoch, epoch, `epoch ${epoch} is not ${route.epoch}, which is in force`);
  const taking = route.weights ? weighted(route.weights) : [route.live];
  if (!taking.includes(colour)) return route;
  throw new CutoverError(
    'request-invalid',
    `service ${service}: expected a side without traffic to free, found ${colour}, which gets requests`,
    { next: 'switch to the other side first' },
  );
}

/**
 * The table without the service; null if it is not there.
 *
 * @throws CutoverError `stale-epoch` if a newer epoch is in force
 */
export function withoutService(table: ProxyTable, service: string, epoch: number): ProxyTable | null {
  const inForce = routeOf(table, service);
  if (!inForce) return null;
  if (epoch < inForce.epoch)
    throw stale(
      service,
      inForce.epoch,
      epoch,
      `removal at epoch ${epoch} is older than ${inForce.epoch}, which is in force`,
    );
  return {
    version: table.version + 1,
    routes: table.routes.filter((other) => other !== inForce),
    removed: [...table.removed.filter((removed) => removed.service !== service), { service, epoch }].slice(
      -removedKept,
    ),
    standings: table.standings,
  };
}

/** The table with this standing in place of the service's former one. */
export const withStanding = (table: ProxyTable, standing: Standing): ProxyTable => ({
  ...table,
  version: table.version + 1,
  standings: [...table.standings.filter(({ service }) => service !== standing.service), standing],
});

export const standingOf = (table: ProxyTable, service: string): Standing | undefined =>
  table.standings.find((standing) => standing.service === service);
