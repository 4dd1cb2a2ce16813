import { expect, test } from 'bun:test';
import { routeUpstreamOf, Upstream } from './upstream.ts';
import { sameUpstream } from './same-upstream.ts';

const parsed = (written: unknown) => routeUpstreamOf(Upstream.parse(written), '/srv/shop');
const problems = (written: unknown): string[] =>
  Upstream.safeParse(written).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

test('what is spoken to instances without a word about it is nothing to tell a router', () => {
  expect(routeUpstreamOf(undefined, '/')).toBeUndefined();
  expect(parsed({})).toBeUndefined();
  expect(parsed({ protocol: 'http1' })).toBeUndefined();
});

test('files are named from the folder of the spec', () => {
  expect(parsed({ tls: { ca: 'ca.pem', cert: '/etc/own.pem', key: 'own.key' } })?.tls).toEqual({
    ca: '/srv/shop/ca.pem',
    serverName: null,
    cert: '/etc/own.pem',
    key: '/srv/shop/own.key',
    verify: true,
  });
  expect(parsed({ protocol: 'h2' })).toEqual({ protocol: 'h2', tls: null });
});

test('a certificate without its key, and the other way round, is told', () => {
  expect(problems({ tls: { cert: 'own.pem' } })).toEqual([
    'tls.key: expected key beside cert: a certificate and its key go together',
  ]);
  expect(problems({ tls: { key: 'own.key' } })[0]).toStartWith('tls.cert: expected cert beside key');
  expect(problems({ tls: { serverName: 'Not A Host' } })[0]).toContain('expected a host name');
});

test('a PROXY header is told to a router, and none goes before HTTP/2', () => {
  expect(parsed({ sendProxy: 'v2' })).toEqual({ protocol: 'http1', tls: null, sendProxy: 'v2' });
  expect(problems({ sendProxy: 'v2', protocol: 'h2' })).toEqual([
    'sendProxy: expected no sendProxy with protocol h2: a session carries the requests of many clients, and its header tells of one',
  ]);
  expect(problems({ sendProxy: 'v3' })).toHaveLength(1);
});

test('two are the same by what they say', () => {
  const tls = { ca: 'ca.pem' };
  expect(sameUpstream(parsed({ tls }), parsed({ tls: { ...tls, verify: true } }))).toBeTrue();
  expect(sameUpstream(parsed({ tls }), parsed({ tls: { ...tls, verify: false } }))).toBeFalse();
  expect(sameUpstream(parsed({ tls }), parsed({ tls, protocol: 'h2' }))).toBeFalse();
  expect(sameUpstream(parsed({ tls }), undefined)).toBeFalse();
  expect(sameUpstream(parsed({ tls }), parsed({ tls, sendProxy: 'v1' }))).toBeFalse();
  expect(sameUpstream(parsed({ sendProxy: 'v1' }), parsed({ sendProxy: 'v2' }))).toBeFalse();
  expect(sameUpstream(parsed({ sendProxy: 'v1' }), undefined)).toBeFalse();
  expect(sameUpstream({ protocol: 'http1', tls: null }, undefined)).toBeTrue();
});
