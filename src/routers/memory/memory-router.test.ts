import { describe, expect, test } from 'bun:test';
import type { Colour } from '../../core/colour.ts';
import type { Route } from '../../core/traffic.ts';
import { routerSuite } from '../../testing/router.suite.ts';
import { MemoryRouter } from './memory-router.ts';

const route = (service: string, epoch: number): Route => ({
  service,
  epoch,
  live: 'blue',
  listen: { host: '127.0.0.1', port: 0 },
  preview: { host: '127.0.0.1', port: 0 },
  previewHost: null,
  blue: { release: 1, instances: [{ host: '127.0.0.1', port: 1 }] },
  green: { release: 2, instances: [{ host: '127.0.0.1', port: 2 }] },
});

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

routerSuite('memory', () => {
  const router = new MemoryRouter();
  return Promise.resolve({
    router,
    route,
    request: ({ service }): Promise<Colour | null> => Promise.resolve(router.request(service)),
    preview: ({ service }): Promise<Colour | null> => Promise.resolve(router.preview(service)),
    linger: ({ service }, count) => {
      router.linger(service, count);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});

describe('faults of the memory router', () => {
  test('a fault before the effect leaves what is in force', async () => {
    const router = new MemoryRouter({
      fault: ({ call, when }) => {
        if (call === 'apply' && when === 'before') throw new Error('planted');
      },
    });
    expect(await outcome(router.apply(route('shop', 1)))).toEqual(new Error('planted'));
    expect(await router.read('shop')).toBeNull();
  });

  test('a fault after the effect leaves the new route in force, and applying it again changes nothing', async () => {
    let planted = true;
    const router = new MemoryRouter({
      fault: ({ call, when }) => {
        if (call !== 'apply' || when !== 'after' || !planted) return;
        planted = false;
        throw new Error('planted');
      },
    });
    expect(await outcome(router.apply(route('shop', 1)))).toEqual(new Error('planted'));
    expect(await router.apply(route('shop', 1))).toMatchObject({ changed: false });
  });
});
