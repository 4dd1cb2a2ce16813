import { describe, expect, test } from 'bun:test';
import { CutoverError } from '../../core/errors.ts';
import { Mode } from '../../core/mode.ts';
import { RouteTls, type Route } from '../../core/traffic.ts';
import {
  emptyTable,
  listenAddresses,
  routeOf,
  withPortsOf,
  withRoute,
  withoutService,
  type ProxyTable,
} from './table.ts';

const route: Route = {
  service: 'shop',
  epoch: 3,
  live: 'blue',
  listen: { host: '127.0.0.1', port: 80 },
  preview: { host: '127.0.0.1', port: 81 },
  previewHost: null,
  blue: { release: 1, instances: [{ host: '127.0.0.2', port: 8000 }] },
  green: { release: null, instances: [] },
};

const withShop = (): ProxyTable => withRoute(emptyTable, route) ?? emptyTable;

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return error instanceof CutoverError ? error.code : 'another error';
  }
}

describe('table', () => {
  test('a mode for a service that is switched as TCP is refused, not passed over', () => {
    const closed = Mode.parse({ mode: 'closed' });
    expect(codeOf(() => withRoute(emptyTable, { ...route, protocol: 'tcp', mode: closed }))).toBe(
      'request-invalid',
    );
    expect(codeOf(() => withRoute(emptyTable, { ...route, mode: closed }))).toBe('none');
    expect(codeOf(() => withRoute(emptyTable, { ...route, protocol: 'tcp' }))).toBe('none');
    const upstream = { protocol: 'h2', tls: null } as const;
    const spoken = { ...route, blue: { ...route.blue, upstream } };
    expect(codeOf(() => withRoute(emptyTable, spoken))).toBe('none');
    expect(codeOf(() => withRoute(emptyTable, { ...spoken, protocol: 'tcp' }))).toBe('request-invalid');
  });

  test('a PROXY header may go to instances of TCP, and not before HTTP/2', () => {
    const told = (protocol: 'http1' | 'h2'): Route => {
      const upstream = { protocol, tls: null, sendProxy: 'v2' } as const;
      return { ...route, green: { ...route.green, upstream } };
    };
    expect(codeOf(() => withRoute(emptyTable, told('http1')))).toBe('none');
    expect(codeOf(() => withRoute(emptyTable, { ...told('http1'), protocol: 'tcp' }))).toBe('none');
    expect(codeOf(() => withRoute(emptyTable, told('h2')))).toBe('request-invalid');
  });

  test('a change makes a new value with the next version and leaves the old one as it was', () => {
    const table = withShop();
    const next = withRoute(table, { ...route, epoch: 4, live: 'green' });
    expect(next?.version).toBe(2);
    expect(routeOf(table, 'shop')?.live).toBe('blue');
    expect(next && routeOf(next, 'shop')?.live).toBe('green');
  });

  test('the same route by value is no change, whatever the order of its keys', () => {
    const reordered = Object.fromEntries(Object.entries(route).reverse()) as Route;
    expect(withRoute(withShop(), reordered)).toBeNull();
  });

  test('older epochs and another route under the same epoch are stale', () => {
    expect(codeOf(() => withRoute(withShop(), { ...route, epoch: 2 }))).toBe('stale-epoch');
    expect(codeOf(() => withRoute(withShop(), { ...route, live: 'green' }))).toBe('stale-epoch');
    expect(codeOf(() => withoutService(withShop(), 'shop', 2))).toBe('stale-epoch');
  });

  test('a removal is remembered, so that only a newer epoch brings the service back', () => {
    const gone = withoutService(withShop(), 'shop', 5) ?? emptyTable;
    expect(gone.routes).toEqual([]);
    expect(withoutService(gone, 'shop', 5)).toBeNull();
    expect(codeOf(() => withRoute(gone, { ...route, epoch: 5 }))).toBe('stale-epoch');
    expect(withRoute(gone, { ...route, epoch: 6 })?.removed).toEqual([]);
  });

  test('an address serves one service only, once', () => {
    expect(codeOf(() => withRoute(withShop(), { ...route, service: 'blog', preview: null }))).toBe(
      'address-in-use',
    );
    expect(
      codeOf(() =>
        withRoute(withShop(), {
          ...route,
          service: 'blog',
          listen: { host: '127.0.0.1', port: 81 },
          preview: null,
        }),
      ),
    ).toBe('address-in-use');
    expect(codeOf(() => withRoute(emptyTable, { ...route, preview: route.listen }))).toBe('request-invalid');
  });

  test('an address is shared by services that divide its hosts and paths, and the older one keeps what it has', () => {
    const shop = { ...route, preview: null, hosts: ['shop.example', '*.shop.example'] };
    const blog = {
      ...shop,
      service: 'blog',
      hosts: ['blog.example'],
      paths: [{ prefix: '/', strip: false }],
    };
    const table = withRoute(withRoute(emptyTable, shop) ?? emptyTable, blog) ?? emptyTable;
    expect(table.routes).toHaveLength(2);
    const next = (change: Partial<Route>) => () => withRoute(table, { ...shop, service: 'api', ...change });
    const api = { prefix: '/api', strip: true };
    expect(codeOf(next({ hosts: [] }))).toBe('none');
    expect(codeOf(next({ hosts: ['*.blog.example'] }))).toBe('none');
    expect(codeOf(next({ paths: [api] }))).toBe('none');
    expect(codeOf(next({}))).toBe('route-taken');
    expect(codeOf(next({ hosts: ['api.example', 'blog.example'] }))).toBe('route-taken');
    expect(codeOf(next({ hosts: ['api.example'], previewHost: 'shop.example' }))).toBe('route-taken');
    expect(codeOf(next({ hosts: ['api.example'], paths: [api, api] }))).toBe('request-invalid');
    expect(codeOf(next({ listen: { host: '127.0.0.1', port: 90 }, preview: route.listen }))).toBe(
      'address-in-use',
    );
    expect(next({ hosts: ['blog.example'] })).toThrow(
      'service api: blog.example on 127.0.0.1:80 belongs to service blog of this proxy, which keeps it',
    );
    // A service may change its own.
    expect(codeOf(() => withRoute(table, { ...shop, epoch: 4, hosts: ['shop.example'] }))).toBe('none');
  });

  test('an address with TLS is shared only under the same settings', () => {
    const tls = RouteTls.parse({
      certificates: [{ cert: '/c.pem', key: '/k.pem', hosts: [] }],
      hstsSeconds: 0,
      clientCa: null,
      clientAuth: 'required',
      redirect: { host: '127.0.0.1', port: 82 },
    });
    const shop = { ...route, preview: null, hosts: ['shop.example'], tls };
    const table = withRoute(emptyTable, shop) ?? emptyTable;
    const next = (change: Partial<Route>) => () =>
      withRoute(table, { ...shop, service: 'blog', hosts: ['blog.example'], ...change });
    expect(codeOf(next({}))).toBe('none');
    expect(codeOf(next({ tls: { ...tls, hstsSeconds: 60 } }))).toBe('address-in-use');
    expect(codeOf(next({ entrance: { proxyProtocol: true, trust: [] } }))).toBe('address-in-use');
    expect(codeOf(next({ entrance: { proxyProtocol: false, trust: ['10.0.0.0/8'] } }))).toBe(
      'address-in-use',
    );
    // The redirect would lead to the port of the other service.
    expect(codeOf(next({ listen: { host: '127.0.0.1', port: 90 } }))).toBe('address-in-use');
  });

  test('listen addresses are all of all routes', () => {
    expect([...listenAddresses(withShop()).keys()]).toEqual(['127.0.0.1:80', '127.0.0.1:81']);
  });

  test('any port keeps the port in force at the same host', () => {
    const any = { ...route, listen: { host: '127.0.0.1', port: 0 }, preview: { host: '127.0.0.9', port: 0 } };
    expect(withPortsOf(route, any)).toMatchObject({ listen: { port: 80 }, preview: { port: 0 } });
    expect(withPortsOf(undefined, any)).toEqual(any);
  });
});
