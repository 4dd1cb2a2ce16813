import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { smallSpec } from '../testing/event.arbitrary.ts';
import { colours, type Colour } from './colour.ts';
import { nextMove, underWay, type Deployment } from './deployment.ts';
import { CutoverError } from './errors.ts';
import type { ServiceEvent } from './event.ts';
import type { RouteMirror } from './mirror/route-mirror.ts';
import type { Plan, PlannedStep } from './plan.ts';
import { routeOf } from './route.ts';
import { ready } from './environment.ts';
import { isWholeFleet } from './fleet.ts';
import { current, fold, newService, releaseOf, type Service } from './service.ts';
import { deployPlan } from './strategies/index.ts';
import { MirrorSpec, routeMirrorOf } from './spec/mirror.ts';
import { nextRetirement, retire } from './strategies/retire.ts';
import { rollback, switchTo } from './strategies/to-side.ts';
import { emptySide, nothingTold, type Route } from './traffic.ts';
import type { Weights } from './weights.ts';

/** Of some of the releases. */
const fleet = { kind: 'split-fleet', bake: '1s' } as const;
const strategy = { kind: 'canary', weights: [5, 50], hold: '1m' } as const;

/** What happens at a point of the walk: nothing, the controller dies, what is being done fails, or somebody aborts. */
type Fate = 'go' | 'crash' | 'fail' | 'abort';

class Crash extends Error {}
class Failure extends Error {}

/**
 * A service without any I/O: its log, and the world that its steps change. It does what `src/steps` do, in their order, and meets
 * its fate before and after each record and each act.
 */
class World {
  service: Service = newService('shop');
  route: Route | null = null;
  readonly up: Record<Colour, number | null> = { blue: null, green: null };
  moves = 0;

  constructor(private readonly fates: Iterator<Fate>) {}

  record(...events: ServiceEvent[]): void {
    const before = this.service;
    this.service = events.reduce(
      (service, event) => fold(service, { version: service.version + 1, at: before.version, event }),
      before,
    );
  }

  private meet(): void {
    const fate = this.fates.next();
    if (fate.done === true || fate.value === 'go') return;
    if (fate.value === 'crash') throw new Crash();
    if (fate.value === 'fail') throw new Failure();
    const deployment = current(this.service);
    if (deployment) this.record({ type: 'abort-requested', deployment: deployment.id, by: 'ada' });
  }

  /** All that is done to the world goes through here. After it, users must reach what runs and was healthy. */
  private act(change: () => void): void {
    this.meet();
    change();
    this.expectServed();
    this.meet();
  }

  private note(...events: ServiceEvent[]): void {
    this.meet();
    this.record(...events);
    this.meet();
  }

  expectServed(): void {
    if (!this.route) return;
    const { live } = this.route;
    expect(this.route[live].release).not.toBeNull();
    expect(this.up[live]).toBe(this.route[live].release);
    // What is live, or empty, gets no copies.
    const { mirror } = this.route;
    if (mirror) expect([mirror.to !== live, this.route[mirror.to].release !== null]).toEqual([true, true]);
    for (const colour of colours)
      if (this.route[colour].release !== null) expect(this.up[colour]).toBe(this.route[colour].release);
  }

  private publish(live: Colour, weights?: Weights): number {
    const epoch = this.service.epoch + 1;
    const deployment = current(this.service)?.id ?? null;
    this.note({ type: 'route-ordered', deployment, epoch, live, ...(weights && { weights }) });
    const route = routeOf(this.service, live, epoch);
    for (const colour of colours)
      if (route.weights && route.weights[colour] > 0) expect(this.up[colour]).not.toBeNull();
    this.act(() => {
      expect(epoch).toBeGreaterThan(this.route?.epoch ?? 0);
      this.route = route;
    });
    return epoch;
  }

  private vacate(colour: Colour): void {
    // The router is asked too: where recording a switch failed, it alone knows who has the traffic.
    if (this.service.live === colour || (this.service.live === null && this.route?.live === colour))
      throw new Failure();
    if (this.service.environments[colour].release !== null)
      this.note({ type: 'environment-retired', colour });
    if (this.service.live !== null && (this.route?.[colour].instances.length ?? 0) > 0)
      this.publish(this.service.live);
    this.act(() => (this.up[colour] = null));
  }

  private switch(deployment: number, from: Colour | null, to: Colour): ServiceEvent[] {
    if (this.up[to] === null) throw new Failure();
    const epoch = this.publish(to);
    const counters = {
      bootId: 'boot',
      at: 0,
      blue: emptySide(),
      green: emptySide(),
      refused: {},
      told: nothingTold,
      queued: 0,
    };
    return [
      { type: 'traffic-measured', deployment, moment: 'switch', counters },
      { type: 'traffic-switched', deployment, epoch, from, to, switchMs: 1, holdMs: 1, held: 0 },
    ];
  }

  private run(deployment: number, step: PlannedStep): ServiceEvent[] {
    switch (step.kind) {
      case 'passivate':
      case 'shorten':
      case 'expire':
      case 'linger':
      case 'lengthen':
        this.act(() => undefined);
        return [];
      case 'activate':
        this.act(() => undefined);
        return [];
      case 'finish':
        this.act(() => undefined);
        return [];
      case 'prepare': {
        const { colour, release } = step;
        this.vacate(colour);
        return [this.placed(colour, release)];
      }
      case 'ship':
        return [{ type: 'release-shipped', release: step.release, digest: '' }];
      case 'start':
        this.act(() => (this.up[step.colour] = step.release));
        return [{ type: 'environment-started', colour: step.colour, release: step.release }];
      case 'health':
        this.note({ type: 'environment-healthy', colour: step.colour, release: step.release });
        if (this.service.live !== null) this.publish(this.service.live);
        return [];
      case 'warm': {
        this.meet();
        const { colour, release } = step;
        const figures = { instances: 1, settled: 1, requests: 100, failed: 0, firstMs: 9, p50Ms: 1, ms: 50 };
        return [{ type: 'environment-warmed', deployment, colour, warmth: { release, ...figures } }];
      }
      case 'verify':
        this.meet();
        return [{ type: 'environment-verified', colour: step.colour, release: step.release }];
      case 'mirror': {
        const mirror = routeMirrorOf(MirrorSpec.parse({}), `deployment-${deployment}`, step.colour);
        this.mirror(deployment, mirror);
        expect(this.route?.mirror).toEqual(mirror);
        this.mirror(deployment, null);
        return [];
      }
      case 'weigh': {
        const { weight, to } = step;
        const rest = 100 - weight;
        this.publish(
          step.from,
          to === 'blue' ? { blue: weight, green: rest } : { blue: rest, green: weight },
        );
        return [];
      }
      case 'withdraw':
        expect(this.up[step.live]).not.toBeNull();
        this.publish(step.live);
        return [];
      case 'rejoin':
        this.publish(step.live, step.weights);
        return [];
      // One instance is not rolled: src/engine/rolling.test.ts walks several.
      case 'join':
      case 'leave':
        return expect.unreachable();
      case 'gate':
      case 'muster':
      case 'hold':
        this.meet();
        return [];
      case 'switch':
        return this.switch(deployment, step.from, step.to);
      case 'drain':
        return [{ type: 'traffic-drained', deployment, colour: step.colour, drainMs: 1, left: 0 }];
      case 'bake':
        this.meet();
        return [];
      case 'keep':
        return [
          {
            type: 'environment-kept',
            colour: step.colour,
            release: step.release,
            until: this.service.version,
          },
        ];
      case 'retire':
        this.vacate(step.colour);
        return [];
      case 'hook':
        this.meet();
        return [];
    }
  }

  private placed(colour: Colour, release: number): ServiceEvent {
    const host = colour === 'blue' ? '127.0.10.1' : '127.0.10.2';
    const placement = { instances: [{ layer: 'web', index: 0, address: { host, port: 80 } }] };
    return { type: 'environment-prepared', colour, release, placement };
  }

  /** What served there before is there again, as far as it was gone. */
  private bringBack(deployment: number, colour: Colour, release: number): void {
    const holds = (): boolean => this.service.environments[colour].release === release;
    if (holds() && ready(this.service.environments[colour]) && this.up[colour] === release) return;
    if (!holds()) {
      this.vacate(colour);
      this.note(this.placed(colour, release));
    }
    for (const kind of ['start', 'health'] as const)
      this.record(...this.run(deployment, { kind, colour, release }));
  }

  private mirror(deployment: number, mirror: RouteMirror | null): void {
    this.note({ type: 'mirror-set', deployment, mirror });
    if (this.service.live !== null) this.publish(this.service.live);
  }

  private undo(deployment: number, step: PlannedStep): ServiceEvent[] {
    if (step.kind === 'mirror') this.mirror(deployment, null);
    if (step.kind === 'prepare' && step.restores !== undefined)
      this.bringBack(deployment, step.colour, step.restores);
    else if (step.kind === 'prepare' || step.kind === 'start') this.vacate(step.colour);
    if (step.kind === 'withdraw') this.publish(step.live, step.weights);
    if (step.kind === 'rejoin' && this.service.live === step.live) this.publish(step.live);
    if (step.kind === 'weigh') this.publish(step.from);
    if (step.kind === 'switch' && step.from !== null)
      this.note(...this.switch(deployment, step.to, step.from));
    if (step.kind === 'switch' && step.from === null && this.route?.live === step.to) {
      // The log must know who has the traffic before this ends: the next deployment goes to the other side.
      if (this.service.live === null) this.note(...this.switch(deployment, null, step.to));
      throw new Failure();
    }
    return [];
  }

  /** Walks until the deployment has ended or the controller dies. */
  private walk(id: number): void {
    const deployment = (): Deployment => this.service.deployments[id - 1] ?? expect.unreachable();
    for (;;) {
      this.moves++;
      const before = this.service;
      const move = nextMove(deployment());
      switch (move.act) {
        case 'none':
          return;
        case 'wait':
          return expect.unreachable();
        case 'turn-back':
          this.record({ type: 'turned-back', deployment: id, error: move.error });
          break;
        case 'end':
          this.record({ type: 'deployment-ended', deployment: id, outcome: move.outcome });
          break;
        case 'run':
        case 'undo':
          this.perform(id, move.act, move.step, deployment().plan.steps[move.step] ?? expect.unreachable());
      }
      // A move that changes nothing would be made again for ever.
      expect(this.service.version).toBeGreaterThan(before.version);
    }
  }

  private perform(deployment: number, act: 'run' | 'undo', step: number, planned: PlannedStep): void {
    const error = { code: 'verify-failed', message: 'it failed' } as const;
    this.record({ type: act === 'run' ? 'step-started' : 'undo-started', deployment, step });
    try {
      const events = this[act](deployment, planned);
      this.record(...events, { type: act === 'run' ? 'step-done' : 'undo-done', deployment, step, says: '' });
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      this.record({ type: act === 'run' ? 'step-failed' : 'undo-failed', deployment, step, error });
    }
  }

  /** Walks to the end, with a new controller after each crash. */
  deploy(plan: Plan): Deployment {
    const deployment = this.service.deployments.length + 1;
    this.record({ type: 'deployment-started', deployment, plan, by: 'ada' });
    for (;;) {
      try {
        this.walk(deployment);
        return this.service.deployments[deployment - 1] ?? expect.unreachable();
      } catch (thrown) {
        if (!(thrown instanceof Crash)) throw thrown;
      }
    }
  }

  /** The plan of an order; undefined where it is refused. */
  planFor(order: 'deploy' | 'again' | 'rollback' | 'switch' | 'retire'): Plan | undefined {
    const { service } = this;
    try {
      switch (order) {
        case 'deploy': {
          const number = service.releases.length + 1;
          const source = { kind: 'directory', path: '/shop' } as const;
          this.record({
            type: 'release-created',
            number,
            version: `v${number}`,
            source,
            base: '/',
            spec:
              [
                { ...smallSpec, mirror: {} },
                { ...smallSpec, strategy },
                { ...smallSpec, strategy: fleet },
                { ...smallSpec, strategy: fleet },
              ][number % 4] ?? smallSpec,
            by: 'ada',
          });
          return deployPlan(this.service, releaseOf(this.service, number) ?? expect.unreachable());
        }
        case 'again': {
          const first = releaseOf(service, 1);
          return first && deployPlan(service, first);
        }
        case 'rollback':
          return rollback(service);
        case 'switch':
          return switchTo(service, service.live === 'blue' ? 'green' : 'blue');
        case 'retire': {
          const due = nextRetirement(service);
          return due && retire(service, due.colour, due.release);
        }
      }
    } catch (error) {
      if (!(error instanceof CutoverError)) throw error;
      return undefined;
    }
  }
}

const orders = fc.array(
  fc.constantFrom(
    'deploy' as const,
    'deploy' as const,
    'again' as const,
    'rollback' as const,
    'switch' as const,
    'retire' as const,
  ),
  { minLength: 1, maxLength: 8 },
);
const fatesOf = (...possible: Fate[]): fc.Arbitrary<Fate[]> =>
  fc.array(
    fc.oneof(
      { weight: 12, arbitrary: fc.constant<Fate>('go') },
      { weight: 2, arbitrary: fc.constantFrom(...possible) },
    ),
    { maxLength: 200, size: 'max' },
  );

/** Since then router and log may differ. */
const hasFrozen = ({ deployments }: Service): boolean =>
  deployments.some(({ status }) => status === 'frozen');

/** The side that has the traffic when the plan has succeeded. */
const goal = (plan: Plan, before: Colour | null): Colour | null =>
  plan.steps.find((step) => step.kind === 'switch')?.to ?? before;

function play(
  asked: readonly Parameters<World['planFor']>[0][],
  fates: readonly Fate[],
  look: (world: World, ended: Deployment, before: Service, route: Route | null) => void,
): void {
  const world = new World(fates[Symbol.iterator]());
  for (const order of asked) {
    const { service: before, route } = world;
    const plan = world.planFor(order);
    if (!plan) continue;
    const ended = world.deploy(plan);
    expect(underWay(ended)).toBe(false);
    world.expectServed();
    // Nobody has a part of the traffic but while a deployment goes on, in a split fleet, or where one froze.
    const wasWhole = isWholeFleet(before);
    const isWhole = ended.status === 'undone' ? wasWhole : ended.plan.strategy === 'split-fleet';
    if (ended.status !== 'frozen' && ended.plan.kind !== 'retire' && !hasFrozen(world.service))
      expect([world.route?.weights !== undefined, isWholeFleet(world.service)]).toEqual([isWhole, isWhole]);
    look(world, ended, before, route);
  }
  expect(world.moves).toBeLessThanOrEqual(asked.length * 40 + fates.length * 2);
}

test('a deployment whose controller dies at any points ends as one whose does not', () => {
  fc.assert(
    fc.property(orders, fatesOf('crash'), (asked, fates) => {
      play(asked, fates, (world, { status, plan }, before) => {
        expect(status).toBe('succeeded');
        expect(world.service.live).toBe(goal(plan, before.live));
        expect(world.route?.live ?? null).toBe(world.service.live);
      });
    }),
    { numRuns: 300 },
  );
});

test('a plan that is cut, aborted or fails anywhere ends: done, or taken back, or frozen where an undo failed', () => {
  const seen = { succeeded: 0, undone: 0, frozen: 0 };
  fc.assert(
    fc.property(orders, fatesOf('crash', 'fail', 'abort'), (asked, fates) => {
      play(asked, fates, (world, { status, plan, steps }, before, route) => {
        if (status === 'running' || status === 'turning-back') return expect.unreachable();
        seen[status]++;
        if (status === 'succeeded') expect(world.service.live).toBe(goal(plan, before.live));
        if (status === 'undone') expect(world.service.live).toBe(before.live);
        expect(steps.some((step) => step.status === 'stuck')).toBe(status === 'frozen');
        // Since a deployment that froze, router and log may differ, until the next switch.
        const agreed = (route?.live ?? null) === before.live;
        if (status === 'succeeded' && plan.kind !== 'retire')
          expect(world.route?.live).toBe(goal(plan, null) ?? undefined);
        if (status === 'undone' && agreed) expect(world.route?.live ?? null).toBe(world.service.live);
      });
    }),
    { numRuns: 1000, includeErrorInReport: true },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
});

test('an abort after the last step is done changes nothing, and one before it takes all back', () => {
  const world = new World([][Symbol.iterator]());
  const plan = world.planFor('deploy') ?? expect.unreachable();
  world.record({ type: 'deployment-started', deployment: 1, plan, by: 'ada' });
  const deployment = (): Deployment => current(world.service) ?? expect.unreachable();
  world.record({ type: 'abort-requested', deployment: 1, by: 'ada' });
  expect(nextMove(deployment())).toMatchObject({ act: 'turn-back', error: { code: 'aborted' } });
  const done = {
    ...deployment(),
    steps: deployment().steps.map((step) => ({ ...step, status: 'done' as const })),
  };
  expect(nextMove(done)).toEqual({ act: 'end', outcome: 'succeeded' });
});
