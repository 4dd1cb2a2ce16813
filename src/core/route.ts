import { type AccessLog, type RouteAccessLog, routeAccessLog } from './access-log.ts';
import { sameAssets } from './assets.ts';
import type { Address } from './address.ts';
import { other, type Colour } from './colour.ts';
import { ready } from './environment.ts';
import { routeEntrance } from './entrance.ts';
import { instancePolicyOf } from './instance-policy.ts';
import { sameMirror } from './mirror/route-mirror.ts';
import { sameLimits } from './limits.ts';
import { sameMode } from './mode.ts';
import { addressesOf } from './placement.ts';
import type { Release } from './release.ts';
import { routeProxiesOf } from './proxies/rules.ts';
import {
  divisionInForce,
  healthyOf,
  modeInForce,
  releaseOf,
  type Division,
  type Service,
} from './service.ts';
import { healthOf, routedLayer, type Spec } from './spec.ts';
import { type ErrorPages, type RoutePages, samePages } from './page.ts';
import { routeStickyOf, sameSticky } from './sticky.ts';
import { routeTestersOf, sameTesters } from './testers.ts';
import { sameTracing } from './tracing.ts';
import type { Route, RoutedSide, RouteTls } from './traffic.ts';
import { sameWeights } from './weights.ts';
import { routeUpstreamOf } from './upstream.ts';
import { sameUpstream } from './same-upstream.ts';

/**
 * The route that follows from what the log says. A side that was never healthy is empty in it, so nothing can reach it.
 * Where users reach the service is written in the release that gets the traffic.
 *
 * @param division how the traffic is divided while both sides take part, and which of their instances do; nothing: all to `live`. Default: as
 *   the log says, where `live` is the side that it names
 */
export function routeOf(
  service: Service,
  live: Colour,
  epoch: number,
  { weights, inService }: Division = service.routed === live ? divisionInForce(service) : {},
): Route {
  const side = (colour: Colour): RoutedSide => {
    const environment = service.environments[colour];
    const release = environment.release === null ? undefined : releaseOf(service, environment.release);
    if (!release || !environment.placement || !ready(environment)) return { release: null, instances: [] };
    // Each side as its own release says: while one of the two has TLS and the other not yet, both are reached.
    const upstream = routeUpstreamOf(release.spec.router.upstream, release.base);
    // What gets nothing shows all that it has.
    const shown = inService?.[colour] || healthyOf(service, colour);
    if (shown === 0) return { release: null, instances: [] };
    return {
      release: release.number,
      instances: addressesOf(environment.placement, routedLayer(release.spec)).slice(0, shown),
      ...(upstream && { upstream }),
    };
  };
  const number = service.environments[live].release;
  const release = number === null ? undefined : releaseOf(service, number);
  if (!release) throw new Error(`${live} holds no release`);
  // It is the service's, not a release's: whoever closed it opens it, and no switch does.
  const mode = modeInForce(service);
  const {
    listen,
    preview,
    previewHost,
    tls,
    protocol,
    limits,
    instances,
    accessLog,
    hosts,
    paths,
    errorPages,
    assets,
  } = release.spec.router;
  const { sticky, sideHeader } = steering(service, release, weights && other(live));
  const entrance = routeEntrance(release.spec.router);
  const proxies = routeProxiesOf(release.spec.router);
  const { mirror } = service;
  // Whoever is live, or was never healthy, gets no copies.
  const mirrored = mirror !== null && mirror.to !== live && ready(service.environments[mirror.to]);
  const testers = routeTestersOf(release.spec.router, service.name, tls !== undefined, (path) =>
    absolute(release.base, path),
  );
  const second = service.environments[other(live)];
  return {
    service: service.name,
    epoch,
    live,
    ...(testers === undefined ? {} : { testers }),
    ...(assets === undefined ? {} : { assets }),
    ...(second.wasLive && ready(second) && second.part === null ? { kept: true } : {}),
    ...(weights === undefined ? {} : { weights }),
    listen,
    preview: preview ?? null,
    previewHost: previewHost ?? null,
    ...(tls === undefined ? {} : { tls: tlsOf(tls, release.base) }),
    ...(entrance === undefined ? {} : { entrance }),
    blue: side('blue'),
    green: side('green'),
    ...tracingOf(release.spec.router, release.base),
    ...(accessLog === undefined
      ? {}
      : { accessLog: logOf(accessLog, release.spec.router, (path) => absolute(release.base, path)) }),
    protocol,
    limits,
    instancePolicy: instancePolicyOf(instances, healthOf(release.spec, routedLayer(release.spec))),
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(paths.length > 0 ? { paths } : {}),
    ...(sticky === undefined ? {} : { sticky: routeStickyOf(sticky, service.name, tls !== undefined) }),
    ...(sideHeader === undefined ? {} : { sideHeader }),
    ...(mode === undefined ? {} : { mode }),
    ...(errorPages === undefined ? {} : { errorPages: pagesOf(errorPages, release.base) }),
    ...(mirrored ? { mirror } : {}),
    ...(proxies === undefined ? {} : { proxies }),
  };
}

/**
 * By which release's words requests are steered: while both sides get traffic, by those of the one that is being taken live, whose canary
 * it is; else by those of the one that has it all.
 */
function steering(
  service: Service,
  live: Release,
  coming: Colour | undefined,
): Pick<Spec['router'], 'sticky' | 'sideHeader'> {
  const number = coming === undefined ? null : service.environments[coming].release;
  const release = number === null ? live : (releaseOf(service, number) ?? live);
  // What is switched as TCP is steered as such, whatever the other release says.
  return release.spec.router.protocol === live.spec.router.protocol ? release.spec.router : live.spec.router;
}

/** The access log, which does not tell what opens a preview. */
function logOf(
  accessLog: AccessLog,
  { previewHeader }: Spec['router'],
  absolute: (path: string) => string,
): RouteAccessLog {
  const log = routeAccessLog(accessLog, absolute);
  if (previewHeader === undefined) return log;
  return { ...log, redactHeaders: [...log.redactHeaders, previewHeader.name.toLowerCase()] };
}

/** A path of a spec that does not depend on where a program runs. */
const absolute = (base: string, path: string): string => (path.startsWith('/') ? path : `${base}/${path}`);

/** Where a file is that the spec of a release names. */
export const fileOf = ({ base }: Pick<Release, 'base'>, path: string): string => absolute(base, path);

function tracingOf(
  { requestId, traceContext, tracing }: Spec['router'],
  base: string,
): Pick<Route, 'tracing'> {
  const otlp = tracing?.otlp;
  if (!requestId && !traceContext && !otlp) return {};
  return {
    tracing: {
      requestId,
      // Without one, the spans of what is behind would not be found together with ours.
      traceContext: traceContext || otlp !== undefined,
      ...(otlp && {
        otlp: {
          ...otlp,
          headersFile: otlp.headersFile === undefined ? null : absolute(base, otlp.headersFile),
        },
      }),
    },
  };
}

function pagesOf(pages: ErrorPages, base: string): RoutePages {
  return Object.fromEntries(Object.entries(pages).map(([key, path]) => [key, absolute(base, path)]));
}

function tlsOf(tls: NonNullable<Spec['router']['tls']>, base: string): RouteTls {
  const from = (path: string): string => absolute(base, path);
  return {
    certificates: tls.certificates.map(({ cert, key, hosts }) => ({
      cert: from(cert),
      key: from(key),
      hosts,
    })),
    redirect: tls.redirect ?? null,
    hstsSeconds: Math.round((tls.hsts ?? 0) / 1000),
    clientCa: tls.clientCa === undefined ? null : from(tls.clientCa),
    clientAuth: tls.clientAuth,
    ...(tls.acme === undefined
      ? {}
      : {
          acme: {
            hosts: tls.acme.hosts,
            email: tls.acme.email ?? null,
            directory: tls.acme.directory,
            ca: tls.acme.ca === undefined ? null : from(tls.acme.ca),
            challenge: tls.acme.challenge,
          },
        }),
  };
}

/** Whether `found` sends the traffic where `expected` does; a port 0 stands for whichever the system chose, and the epoch is not compared. */
export function sameRoute(found: Route, expected: Route): boolean {
  const place = ({ host, port }: Address): string => `${host} ${port}`;
  const listener = (a: Address | null, b: Address | null): boolean =>
    a === null || b === null ? a === b : a.host === b.host && (b.port === 0 || a.port === b.port);
  const side = (a: RoutedSide, b: RoutedSide): boolean =>
    a.release === b.release &&
    a.instances.map(place).join() === b.instances.map(place).join() &&
    sameUpstream(a.upstream, b.upstream);
  const settings = (tls: RouteTls | undefined): string =>
    tls === undefined
      ? ''
      : JSON.stringify([
          tls.certificates.map(({ cert, key, hosts }) => [cert, key, hosts]),
          tls.hstsSeconds,
          tls.clientCa,
          tls.clientAuth,
          tls.acme && [tls.acme.hosts, tls.acme.email, tls.acme.directory, tls.acme.ca, tls.acme.challenge],
        ]);
  const entrance = ({
    entrance: { proxyProtocol, trust } = { proxyProtocol: false, trust: [] },
  }: Route): string => JSON.stringify([proxyProtocol, trust]);
  const rules = ({ hosts = [], paths = [] }: Route): string =>
    JSON.stringify([hosts, paths.map(({ prefix, strip }) => [prefix, strip])]);
  return (
    found.live === expected.live &&
    sameWeights(found.weights, expected.weights) &&
    sameMode(found.mode, expected.mode) &&
    listener(found.listen, expected.listen) &&
    listener(found.preview, expected.preview) &&
    found.previewHost === expected.previewHost &&
    sameSticky(found.sticky, expected.sticky) &&
    found.sideHeader === expected.sideHeader &&
    sameAssets(found.assets, expected.assets) &&
    sameTesters(found.testers, expected.testers) &&
    (found.kept ?? false) === (expected.kept ?? false) &&
    samePages(found.errorPages, expected.errorPages) &&
    sameMirror(found.mirror, expected.mirror) &&
    sameTracing(found.tracing, expected.tracing) &&
    JSON.stringify(found.accessLog) === JSON.stringify(expected.accessLog) &&
    settings(found.tls) === settings(expected.tls) &&
    entrance(found) === entrance(expected) &&
    listener(found.tls?.redirect ?? null, expected.tls?.redirect ?? null) &&
    rules(found) === rules(expected) &&
    side(found.blue, expected.blue) &&
    side(found.green, expected.green) &&
    (found.protocol ?? 'http') === (expected.protocol ?? 'http') &&
    JSON.stringify(found.instancePolicy) === JSON.stringify(expected.instancePolicy) &&
    sameLimits(found.limits, expected.limits) &&
    JSON.stringify(found.proxies) === JSON.stringify(expected.proxies)
  );
}
