import { expect, test } from 'bun:test';
import { emptyEnvironment } from './environment.ts';
import { routeOf, sameRoute } from './route.ts';
import { newService, type Service } from './service.ts';
import { Spec } from './spec.ts';
import type { Route } from './traffic.ts';

/** A service whose one release has this router; it is healthy on both sides. */
function serviceWith(router: object): Service {
  const spec = Spec.parse({
    service: 'shop',
    router: { listen: ':8080', ...router },
    environments: { layers: { web: { command: ['server'] } } },
  });
  const source = { kind: 'directory', path: '/shop' } as const;
  const release = {
    number: 1,
    version: '1',
    source,
    base: '/shop',
    spec,
    createdAt: 0,
    by: 'me',
    digest: null,
  };
  const environment = (colour: 'blue' | 'green', port: number) => ({
    ...emptyEnvironment(colour),
    phase: 'verified' as const,
    release: 1,
    placement: { instances: [{ layer: 'web', index: 0, address: { host: '127.0.0.1', port } }] },
  });
  return {
    ...newService('shop'),
    releases: [release],
    environments: { blue: environment('blue', 3000), green: environment('green', 3001) },
    live: 'blue',
  };
}
const routeWith = (router: object): Route => routeOf(serviceWith(router), 'blue', 1);

test('a route divides the traffic if it is told to', () => {
  const service = serviceWith({});
  expect(routeOf(service, 'blue', 7)).not.toHaveProperty('weights');
  const divided = routeOf(service, 'blue', 7, { weights: { blue: 9, green: 1 } });
  expect(divided.weights).toEqual({ blue: 9, green: 1 });
  expect(sameRoute(divided, routeOf(service, 'blue', 8, { weights: { blue: 9, green: 1 } }))).toBe(true);
  expect(sameRoute(divided, routeOf(service, 'blue', 7, { weights: { blue: 8, green: 2 } }))).toBe(false);
  expect(sameRoute(divided, routeOf(service, 'blue', 7))).toBe(false);
});

test('what is sticky is said whole: the cookie with the name of its service, Secure where clients come over TLS', () => {
  const plain = routeWith({ sticky: { by: 'cookie' } });
  expect(plain.sticky).toEqual({
    by: 'cookie',
    scope: 'instance',
    cookie: { name: 'cutover-shop', maxAgeS: 0, sameSite: 'lax', secure: false, path: '/' },
    header: null,
  });
  const tls = { certificates: [{ cert: 'c.pem', key: 'k.pem' }] };
  const secure = routeWith({ tls, sticky: { by: 'cookie', cookie: { maxAge: '90m', name: 'x' } } });
  expect(secure.sticky?.cookie).toMatchObject({ name: 'x', maxAgeS: 5400, secure: true });
  const header = routeWith({ sticky: { by: 'header', header: 'X-User', scope: 'environment' } });
  expect(header.sticky).toEqual({ by: 'header', scope: 'environment', cookie: null, header: 'X-User' });
  expect(sameRoute(plain, routeWith({ sticky: { by: 'cookie', scope: 'instance' } }))).toBe(true);
  expect(sameRoute(plain, header)).toBe(false);
  expect(sameRoute(plain, routeWith({}))).toBe(false);
  expect(sameRoute(routeWith({ sideHeader: 'X-Side' }), routeWith({}))).toBe(false);
});

test('pages are named by absolute paths', () => {
  const route = routeWith({ errorPages: { 503: 'pages/busy.html', '4xx': '/srv/wrong.txt' } });
  expect(route.errorPages).toEqual({ '503': '/shop/pages/busy.html', '4xx': '/srv/wrong.txt' });
  const turned = routeWith({ errorPages: { '4xx': '/srv/wrong.txt', 503: 'pages/busy.html' } });
  expect(sameRoute(route, turned)).toBe(true);
  expect(sameRoute(route, routeWith({ errorPages: { 503: 'pages/busy.html' } }))).toBe(false);
});
