import { expect, test } from 'bun:test';
import { previewWays } from './preview-ways.ts';
import { Route } from './traffic.ts';

const route = (change: Partial<Route>): Route =>
  Route.parse({
    service: 'shop',
    epoch: 1,
    live: 'blue',
    listen: { host: '0.0.0.0', port: 8080 },
    preview: null,
    previewHost: null,
    blue: { release: 1, instances: [{ host: '127.0.0.1', port: 1 }] },
    green: { release: null, instances: [] },
    ...change,
  });
const tls = {
  certificates: [{ cert: '/c', key: '/k', hosts: [] }],
  redirect: null,
  hstsSeconds: 0,
  clientCa: null,
  clientAuth: 'optional',
} as const;

test('an address of all of a machine is opened as localhost', () => {
  expect(previewWays(route({ preview: { host: '::', port: 81 } }))).toEqual({
    service: 'shop',
    live: { colour: 'blue', release: 1, url: 'http://localhost:8080/' },
    next: { colour: 'green', release: null, kept: false },
    address: 'http://localhost:81/',
    host: null,
    header: null,
    door: null,
  });
});

test('with hosts, TLS and a prefix each way is a link that works', () => {
  const found = previewWays(
    route({
      listen: { host: '::1', port: 443 },
      preview: { host: '::1', port: 8443 },
      previewHost: 'next.shop.example',
      hosts: ['*.shop.example', 'shop.example'],
      paths: [{ prefix: '/app', strip: true }],
      tls: { ...tls, certificates: [...tls.certificates.map((each) => ({ ...each, hosts: [] }))] },
      kept: true,
      green: { release: 2, instances: [{ host: '127.0.0.1', port: 2 }] },
      testers: {
        header: { name: 'X-Preview', secretFile: '/s' },
        cookie: { name: 'c', door: '/app/.cutover/preview', home: '/app/', secure: true },
        seeKept: false,
      },
    }),
  );
  expect(found).toEqual({
    service: 'shop',
    live: { colour: 'blue', release: 1, url: 'https://shop.example/app/' },
    next: { colour: 'green', release: 2, kept: true },
    address: 'https://shop.example:8443/app/',
    host: 'https://next.shop.example/app/',
    header: 'X-Preview',
    door: 'https://shop.example/app/.cutover/preview',
  });
  expect(previewWays(route({ listen: { host: '::1', port: 80 } })).live.url).toBe('http://[::1]/');
});
