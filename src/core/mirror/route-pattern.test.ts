import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { routePattern, shownPath } from './route-pattern.ts';

test('requests that differ only in ids are of one route', () => {
  for (const [target, pattern] of [
    ['/', '/'],
    ['/orders/42?page=2', '/orders/{n}'],
    ['/orders/42/items/7', '/orders/{n}/items/{n}'],
    ['/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301', '/users/{uuid}'],
    ['/blobs/9f86d081884c7d659a2feaa0c55ad015', '/blobs/{hash}'],
    ['/days/2024-02-29', '/days/{date}'],
    ['/reset/dGhpcyBpcyBhIHRva2VuIG9mIDI', '/reset/{id}'],
    ['/items/item-17', '/items/item-{n}'],
    ['/v1/orders', '/v1/orders'],
    ['/facade/decade', '/facade/decade'],
    ['http://shop.example/orders/1', '/orders/{n}'],
  ] as const)
    expect(routePattern('GET', target)).toBe(`GET ${pattern}`);
});

test('a path that is long or has many parts has no route of its own', () => {
  expect(routePattern('GET', `/${'a'.repeat(5000)}`)).toBe('GET other');
  expect(routePattern('GET', '/a'.repeat(100))).toBe('GET other');
});

test('a long random part of a path, which may be a key, is not shown', () => {
  expect(shownPath('/reset/dGhpcyBpcyBhIHRva2VuIG9mIDI?x=1')).toBe('/reset/{id}');
  expect(shownPath('/orders/42')).toBe('/orders/42');
});

test('whatever the target, there is a route, and no longer one than a path may be', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (target) => {
      expect(routePattern('GET', target).length).toBeLessThan(2300);
    }),
  );
});
