import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type { Colour } from '../core/colour.ts';
import { cutInAll } from '../core/cut.ts';
import { CutoverError, type ErrorCode } from '../core/errors.ts';
import { Mode } from '../core/mode.ts';
import type { Route } from '../core/traffic.ts';
import type { Router } from '../ports/router.ts';

/** What the suite needs of a driver: a router that knows no service, and a way to see where a request goes. */
export interface RouterHarness {
  readonly router: Router;
  /** A route of this service that the router can carry out: live blue, both sides with an instance, a preview if it can. */
  route(service: string, epoch: number): Route;
  /** Sends one request to the service and returns the side that answered; null if the service is not served. */
  request(route: Route): Promise<Colour | null>;
  /** As `request`, at the preview address; absent if the router has none. */
  preview?(route: Route): Promise<Colour | null>;
  /** Opens so many long-lived connections to the side that is live; absent if the router knows none. Resolves when they are in flight. */
  linger?(route: Route, count: number): Promise<void>;
  /** Restarts the router; absent for one that has nothing to restart. */
  restart?(): Promise<void>;
  /** Takes an address, so that no route can listen there; absent if addresses cannot be taken. */
  takenAddress?(): Promise<Route['listen']>;
  close(): Promise<void>;
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none'> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    if (error instanceof CutoverError) return error.code;
    throw error;
  }
}

const live = (route: Route, colour: Colour, epoch: number): Route => ({ ...route, live: colour, epoch });

/** The contract of the port `Router` (src/ports/router.ts), as tests. Every driver runs it. */
export function routerSuite(name: string, makeHarness: () => Promise<RouterHarness>): void {
  describe(`router ${name}`, () => {
    let harness: RouterHarness;
    let router: Router;
    let shop: string;
    let blog: string;
    let tests = 0;
    beforeAll(async () => {
      harness = await makeHarness();
      router = harness.router;
    });
    afterAll(() => harness.close());
    // Services of its own for each test, so that one router serves them all.
    beforeEach(() => {
      shop = `shop-${++tests}`;
      blog = `blog-${tests}`;
    });

    /** Applies and returns what is in force, with real ports. */
    const applied = async (route: Route): Promise<Route> => {
      await router.apply(route);
      const read = await router.read(route.service);
      if (!read) throw new Error(`${route.service} was applied but is not known`);
      return read;
    };

    test('an unknown service is null, and has no counters', async () => {
      expect(await router.read('nothing')).toBeNull();
      expect(await codeOf(router.counters('nothing'))).toBe('service-unknown');
    });

    test('a route that was applied is read as it is in force', async () => {
      const asked = harness.route(shop, 1);
      const read = await applied(asked);
      expect(read).toEqual({
        ...asked,
        listen: { ...asked.listen, port: asked.listen.port || read.listen.port },
        preview: asked.preview && { ...asked.preview, port: asked.preview.port || (read.preview?.port ?? 0) },
      });
      expect(read.listen.port).toBeGreaterThan(0);
    });

    test('a new epoch with the other side live sends the next request there, and back', async () => {
      const route = await applied(harness.route(shop, 1));
      expect(await harness.request(route)).toBe('blue');
      const result = await router.apply(live(route, 'green', 2));
      expect(result).toMatchObject({ epoch: 2, changed: true });
      expect(await harness.request(route)).toBe('green');
      await router.apply(live(route, 'blue', 3));
      expect(await harness.request(route)).toBe('blue');
    });

    test('the same route again changes nothing and says so', async () => {
      const asked = harness.route(shop, 1);
      const route = await applied(asked);
      expect(await router.apply(asked)).toMatchObject({ epoch: 1, changed: false, held: 0 });
      expect(await router.apply(route)).toMatchObject({ epoch: 1, changed: false, held: 0 });
    });

    test('an older epoch, and another route under the same one, are refused, and what is in force stays', async () => {
      const route = await applied(harness.route(shop, 5));
      expect(await codeOf(router.apply(live(route, 'green', 4)))).toBe('stale-epoch');
      expect(await codeOf(router.apply(live(route, 'green', 5)))).toBe('stale-epoch');
      expect(await codeOf(router.remove(shop, 4))).toBe('stale-epoch');
      expect(await router.read(shop)).toEqual(route);
      expect(await harness.request(route)).toBe('blue');
    });

    test('a removed service is forgotten, removing it again does nothing, and an old epoch does not bring it back', async () => {
      const route = await applied(harness.route(shop, 3));
      await router.remove(shop, 4);
      await router.remove(shop, 4);
      expect(await router.read(shop)).toBeNull();
      expect(await harness.request(route)).toBeNull();
      expect(await codeOf(router.apply(route))).toBe('stale-epoch');
      expect(await harness.request(await applied(harness.route(shop, 5)))).toBe('blue');
    });

    test('services do not touch each other', async () => {
      const one = await applied(harness.route(shop, 1));
      const two = await applied(harness.route(blog, 7));
      await router.apply(live(one, 'green', 2));
      expect(await harness.request(one)).toBe('green');
      expect(await harness.request(two)).toBe('blue');
      await router.remove(blog, 8);
      expect(await harness.request(one)).toBe('green');
    });

    test('routes of several services are put in force as one, and again without a change', async () => {
      expect(router.applyTogether !== undefined).toBe(router.capabilities.together ?? false);
      if (!router.applyTogether) return;
      const one = await applied(harness.route(shop, 1));
      const two = await applied(harness.route(blog, 7));
      const routes = [live(one, 'green', 2), live(two, 'green', 8)];
      const first = await router.applyTogether(routes);
      expect(first.map(({ epoch, changed }) => [epoch, changed])).toEqual([
        [2, true],
        [8, true],
      ]);
      expect([await harness.request(one), await harness.request(two)]).toEqual(['green', 'green']);
      const again = await router.applyTogether(routes);
      expect(again.map(({ changed }) => changed)).toEqual([false, false]);
    });

    test('of several services all keep their routes if one of them is refused', async () => {
      if (!router.applyTogether) return;
      const one = await applied(harness.route(shop, 1));
      const two = await applied(harness.route(blog, 7));
      const green = live(one, 'green', 2);
      for (const [second, code] of [
        [live(two, 'green', 6), 'stale-epoch'],
        [
          { ...live(two, 'green', 8), mode: Mode.parse({ mode: 'closed' }), protocol: 'tcp' as const },
          'request-invalid',
        ],
        [live(one, 'green', 3), 'request-invalid'],
      ] as const) {
        expect(await codeOf(router.applyTogether([green, second]))).toBe(code);
        expect([await router.read(shop), await router.read(blog)]).toEqual([one, two]);
        expect([await harness.request(one), await harness.request(two)]).toEqual(['blue', 'blue']);
      }
    });

    test('an address of another service is refused, and nothing changes', async () => {
      const route = await applied(harness.route(shop, 1));
      expect(await codeOf(router.apply({ ...harness.route(blog, 1), listen: route.listen }))).toBe(
        'address-in-use',
      );
      expect(await router.read(blog)).toBeNull();
      expect(await harness.request(route)).toBe('blue');
    });

    test('an address that a stranger has is refused, and the route in force stays', async () => {
      const route = await applied(harness.route(shop, 1));
      const taken = await harness.takenAddress?.();
      if (!taken) return;
      expect(await codeOf(router.apply({ ...live(route, 'green', 2), listen: taken }))).toBe(
        'address-in-use',
      );
      expect(await router.read(shop)).toEqual(route);
      expect(await harness.request(route)).toBe('blue');
    });

    test('counters grow with requests, on the side that answered, and say what was at the switch', async () => {
      if (!router.capabilities.counters) return;
      const route = await applied(harness.route(shop, 1));
      const before = await router.counters(shop);
      for (let n = 0; n < 3; n++) await harness.request(route);
      const { counters } = await router.apply(live(route, 'green', 2));
      await harness.request(route);
      const after = await router.counters(shop);
      expect(counters.bootId).toBe(before.bootId);
      expect(counters.blue.requests - before.blue.requests).toBe(3);
      expect(counters.green.requests).toBe(before.green.requests);
      expect(after.blue.requests).toBe(counters.blue.requests);
      expect(after.green.requests - counters.green.requests).toBe(1);
    });

    test('weights divide the requests between both sides, counted apart, until the next route', async () => {
      if (!router.capabilities.weights) return;
      const route = await applied(harness.route(shop, 1));
      const sides = async (requests: number): Promise<Record<Colour, number>> => {
        const seen = { blue: 0, green: 0 };
        for (let n = 0; n < requests; n++) {
          const side = await harness.request(route);
          if (side) seen[side]++;
        }
        return seen;
      };
      const divided = { ...route, epoch: 2, weights: { blue: 3, green: 1 } };
      expect(await router.apply(divided)).toMatchObject({ epoch: 2, changed: true });
      expect(await router.apply(divided)).toMatchObject({ changed: false });
      expect(await router.read(shop)).toEqual(divided);
      const counted = async () => (router.capabilities.counters ? router.counters(shop) : null);
      const before = await counted();
      const seen = await sides(80);
      // Each of a few workers may be some requests off.
      expect(seen.blue).toBeWithin(60 - 12, 60 + 13);
      expect(seen.green).toBe(80 - seen.blue);
      const after = await counted();
      if (before && after) {
        expect(after.blue.requests - before.blue.requests).toBe(seen.blue);
        expect(after.green.requests - before.green.requests).toBe(seen.green);
      }
      await router.apply({ ...route, epoch: 3, weights: { blue: 0, green: 5 } });
      expect(await sides(10)).toEqual({ blue: 0, green: 10 });
      await router.apply({ ...route, epoch: 4 });
      expect(await sides(10)).toEqual({ blue: 10, green: 0 });
    });

    test('a side without instances may have no weight', async () => {
      if (!router.capabilities.weights) return;
      const route = await applied(harness.route(shop, 1));
      const green = { release: null, instances: [] };
      expect(await codeOf(router.apply({ ...route, epoch: 2, green, weights: { blue: 9, green: 1 } }))).toBe(
        'not-ready',
      );
      expect(await router.read(shop)).toEqual(route);
      await router.apply({ ...route, epoch: 2, green, weights: { blue: 9, green: 0 } });
      expect(await harness.request(route)).toBe('blue');
    });

    test('a mode stands before the service, not before its preview, until another one is set; a switch keeps it', async () => {
      if (!router.capabilities.modes) return;
      const route = await applied(harness.route(shop, 1));
      const closed = { ...route, epoch: 2, mode: Mode.parse({ mode: 'closed' }) };
      expect(await router.apply(closed)).toMatchObject({ epoch: 2, changed: true });
      expect(await router.apply(closed)).toMatchObject({ changed: false });
      expect(await router.read(shop)).toEqual(closed);
      expect(await harness.request(route)).toBeNull();
      if (router.capabilities.preview) expect(await harness.preview?.(route)).toBe('green');
      await router.apply({ ...closed, live: 'green', epoch: 3 });
      expect(await harness.request(route)).toBeNull();
      if (harness.restart) {
        await harness.restart();
        expect(await harness.request(route)).toBeNull();
      }
      await router.apply({ ...route, live: 'green', epoch: 4, mode: Mode.parse({ mode: 'open' }) });
      expect(await harness.request(route)).toBe('green');
    });

    test('a service that is switched as TCP is open', async () => {
      if (!router.capabilities.modes) return;
      const route = {
        ...harness.route(shop, 1),
        protocol: 'tcp' as const,
        mode: Mode.parse({ mode: 'held' }),
      };
      expect(await codeOf(router.apply(route))).toBe('request-invalid');
      expect(await router.read(shop)).toBeNull();
    });

    test('what does not end by itself on the side without traffic is ended, counted apart from failures, and may be ordered again', async () => {
      if (!router.capabilities.evict || !harness.linger) return;
      const route = await applied(harness.route(shop, 1));
      await harness.linger(route, 3);
      await router.apply(live(route, 'green', 2));
      await harness.linger(live(route, 'green', 2), 2);
      const order = { colour: 'blue', epoch: 2, overMs: 50 } as const;
      expect(await router.evict(shop, order)).toEqual({ inFlight: 3 });
      await router.evict(shop, order);
      let counters = await router.counters(shop);
      while (counters.blue.inFlight > 0) counters = await router.counters(shop);
      expect(cutInAll(counters.blue.cut)).toBe(3);
      expect(counters.blue.failed).toEqual({});
      expect([counters.green.inFlight, cutInAll(counters.green.cut)]).toEqual([2, 0]);
      await router.apply(live(route, 'blue', 3));
      await router.evict(shop, { colour: 'green', epoch: 3, overMs: 0 });
    });

    test('what is in flight on a side that gets requests is not ended, nor by who knows another epoch', async () => {
      if (!router.capabilities.evict) return;
      const route = await applied(harness.route(shop, 4));
      const evict = (colour: Colour, epoch: number) =>
        codeOf(router.evict(shop, { colour, epoch, overMs: 0 }));
      expect(await evict('blue', 4)).toBe('request-invalid');
      expect(await evict('green', 3)).toBe('stale-epoch');
      expect(await evict('green', 5)).toBe('stale-epoch');
      expect(await evict('green', 4)).toBe('none');
      expect(await codeOf(router.evict('nothing', { colour: 'blue', epoch: 1, overMs: 0 }))).toBe(
        'service-unknown',
      );
      if (!router.capabilities.weights) return;
      await router.apply({ ...route, epoch: 5, weights: { blue: 9, green: 1 } });
      expect(await evict('green', 5)).toBe('request-invalid');
    });

    test('the preview shows the side that is not live, also after a switch', async () => {
      if (!router.capabilities.preview || !harness.preview) return;
      const route = await applied(harness.route(shop, 1));
      expect(await harness.preview(route)).toBe('green');
      await router.apply(live(route, 'green', 2));
      expect(await harness.preview(route)).toBe('blue');
    });

    test('a route survives a restart of the router', async () => {
      if (!harness.restart) return;
      const route = await applied(live(harness.route(shop, 1), 'green', 2));
      await harness.restart();
      expect(await router.read(shop)).toEqual(route);
      expect(await harness.request(route)).toBe('green');
      expect(await codeOf(router.apply(live(route, 'blue', 1)))).toBe('stale-epoch');
    });
  });
}
