import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { anyEvent, eventArbitraries } from '../testing/event.arbitrary.ts';
import { colours, type Colour } from './colour.ts';
import { underWay } from './deployment.ts';
import { ready } from './environment.ts';
import type { EventRecord, Outcome, ServiceEvent } from './event.ts';
import { routeOf } from './route.ts';
import { fold, ImpossibleEvent, newService, replay, roleOf, serves, type Service } from './service.ts';

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}

/** Whole stretches of a life, so that random sequences come far. */
const stretch: fc.Arbitrary<ServiceEvent[]> = fc.oneof(
  { weight: 4, arbitrary: anyEvent.map((event) => [event]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(eventArbitraries['environment-prepared'], fc.integer({ min: 0, max: 4 }))
      .map(([prepared, many]) => {
        const { colour, release } = prepared;
        const after: ServiceEvent[] = [
          { type: 'release-shipped', release, digest: '' },
          { type: 'environment-started', colour, release },
          { type: 'environment-healthy', colour, release },
          { type: 'environment-verified', colour, release },
        ];
        return [prepared, ...after.slice(0, many)];
      }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(eventArbitraries['route-ordered'], eventArbitraries['traffic-switched'])
      .map(([ordered, switched]) => [ordered, { ...switched, to: ordered.live }]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(eventArbitraries['release-created'], eventArbitraries['deployment-started'])
      .map((both) => both),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        eventArbitraries['step-started'],
        eventArbitraries['turned-back'],
        fc.constantFrom('none', 'back', 'undo', 'stuck'),
      )
      .map(([started, turned, way]): ServiceEvent[] => {
        const { deployment, step } = started;
        const undo: ServiceEvent[] = [turned, { type: 'undo-started', deployment, step }];
        if (way === 'none') return [started, { type: 'step-done', deployment, step, says: '' }];
        if (way === 'back') return [turned, { type: 'deployment-ended', deployment, outcome: 'undone' }];
        if (way === 'undo') return [started, ...undo, { type: 'undo-done', deployment, step, says: '' }];
        return [started, ...undo, { type: 'undo-failed', deployment, step, error: turned.error }];
      }),
  },
);

/** An event with numbers that fit, so that not all fail for those alone. */
function fitting(service: Service, event: ServiceEvent): ServiceEvent {
  switch (event.type) {
    case 'release-created':
      return { ...event, number: service.releases.length + 1 };
    case 'deployment-started':
      return { ...event, deployment: service.deployments.length + 1 };
    case 'route-ordered':
      return { ...event, epoch: service.epoch + 1 };
    case 'traffic-switched':
      return {
        ...event,
        epoch: Math.max(1, service.epoch),
        deployment: Math.max(1, service.deployments.length),
      };
    default:
      return 'deployment' in event && event.deployment !== null
        ? { ...event, deployment: Math.max(1, service.deployments.length) }
        : event;
  }
}

/** Folds what is possible in, and calls `look` after each event that was. */
function live(
  stretches: readonly { readonly events: readonly ServiceEvent[]; readonly fit: boolean }[],
  look: (before: Service, event: ServiceEvent, after: Service) => void,
): { service: Service; records: EventRecord[] } {
  let service = deepFreeze(newService('shop'));
  const records: EventRecord[] = [];
  for (const { events, fit } of stretches) {
    for (const asked of events) {
      const event = fit ? fitting(service, asked) : asked;
      const record = { version: service.version + 1, at: service.version, event };
      let after: Service;
      try {
        after = deepFreeze(fold(service, record));
      } catch (error) {
        if (!(error instanceof ImpossibleEvent)) throw error;
        continue;
      }
      look(service, event, after);
      service = after;
      records.push(record);
    }
  }
  return { service, records };
}

const stretches = fc.array(fc.record({ events: stretch, fit: fc.constantFrom(true, true, true, false) }), {
  maxLength: 60,
  size: 'max',
});

test('whatever is tried, one environment at most is live, it was healthy with its release, and it is not emptied', () => {
  let switches = 0;
  fc.assert(
    fc.property(stretches, (all) => {
      const healthy = new Map<Colour, number>();
      live(all, (before, event, after) => {
        if (event.type === 'environment-healthy') healthy.set(event.colour, event.release);
        if (event.type === 'environment-prepared' || event.type === 'environment-retired')
          healthy.delete(event.colour);
        // Beside the one that is live another may serve, as far as it was healthy.
        for (const colour of colours) {
          const isLive = after.live === colour || serves(after, colour);
          expect(roleOf(after, colour) === 'live').toBe(isLive);
          if (isLive) expect([after.live !== null, healthy.has(colour)]).toEqual([true, true]);
        }
        if (after.live !== null) {
          const environment = after.environments[after.live];
          expect(ready(environment)).toBe(true);
          expect(environment.release).not.toBeNull();
          expect(healthy.get(after.live) ?? null).toBe(environment.release);
          expect(routeOf(after, after.live, 1)[after.live].instances.length).toBeGreaterThan(0);
        }
        if (after.live !== before.live) {
          expect(event.type).toBe('traffic-switched');
          switches++;
        }
        if (before.live !== null) expect(after.live).not.toBeNull();
      });
    }),
    { numRuns: 2000 },
  );
  expect(switches).toBeGreaterThan(10);
});

test('what was never healthy is in no route', () => {
  fc.assert(
    fc.property(stretches, (all) => {
      live(all, (_, __, after) => {
        for (const shown of colours) {
          if (after.environments[shown].release === null) continue;
          const route = routeOf(after, shown, 1);
          for (const colour of colours) {
            if (!ready(after.environments[colour]))
              expect(route[colour]).toEqual({ release: null, instances: [] });
          }
        }
      });
    }),
  );
});

test('versions and epochs grow one by one, and one deployment at most is under way', () => {
  fc.assert(
    fc.property(stretches, (all) => {
      live(all, (before, event, after) => {
        expect(after.version).toBe(before.version + 1);
        expect(after.epoch).toBe(before.epoch + (event.type === 'route-ordered' ? 1 : 0));
        expect(after.deployments.filter(underWay).length).toBeLessThanOrEqual(1);
        expect(after.deployments.map(({ id }) => id)).toEqual(after.deployments.map((_, index) => index + 1));
        expect(after.releases.map(({ number }) => number)).toEqual(
          after.releases.map((_, index) => index + 1),
        );
        const [older, newer] = [before.deployments.filter((each) => !underWay(each)), after.deployments];
        for (const ended of older) expect(newer[ended.id - 1]?.status).toBe(ended.status);
      });
    }),
  );
});

test('a deployment ends as its steps say, and only then', () => {
  let ended = 0;
  fc.assert(
    fc.property(stretches, (all) => {
      live(all, (_, event, after) => {
        if (event.type !== 'deployment-ended') return;
        ended++;
        const steps = after.deployments[event.deployment - 1]?.steps ?? [];
        const allowed: Record<Outcome, string[]> = {
          succeeded: ['done'],
          undone: ['pending', 'undone'],
          frozen: ['pending', 'done', 'running', 'failed', 'undone', 'stuck'],
        };
        for (const { status } of steps) expect(allowed[event.outcome]).toContain(status);
      });
    }),
  );
  expect(ended).toBeGreaterThan(3);
});

test('a log folds to the same service again, and a record out of turn is refused', () => {
  fc.assert(
    fc.property(stretches, (all) => {
      const { service, records } = live(all, () => undefined);
      expect(replay('shop', records)).toEqual(service);
      const skipped = {
        version: service.version + 2,
        at: 0,
        event: { type: 'environment-retired', colour: 'blue' },
      } as const;
      expect(() => fold(service, skipped)).toThrow(ImpossibleEvent);
    }),
  );
});

test('an environment goes on with a part of its instances, and never with one where none was', () => {
  fc.assert(
    fc.property(eventArbitraries['environment-prepared'], ({ colour, release, placement }) => {
      const service: Service = {
        ...newService('shop'),
        environments: {
          ...newService('shop').environments,
          [colour]: { ...newService('shop').environments[colour], phase: 'healthy', release, placement },
        },
      };
      const reduced = (to: typeof placement): Service =>
        fold(service, {
          version: service.version + 1,
          at: 0,
          event: { type: 'environment-reduced', colour, release, placement: to, lost: ['web2'] },
        });
      const less = { instances: placement.instances.slice(0, 1) };
      expect(reduced(less).environments[colour]).toMatchObject({ placement: less, phase: 'healthy' });
      expect(() =>
        reduced({
          instances: [
            ...placement.instances,
            { layer: 'elsewhere', index: 999, address: { host: '192.0.2.9', port: 1 } },
          ],
        }),
      ).toThrow(ImpossibleEvent);
    }),
  );
});
