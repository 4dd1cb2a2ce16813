import { expect } from 'bun:test';
import { underWay } from '../core/deployment.ts';
import { CutoverError, type ErrorCode } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { SpecInput } from '../core/spec.ts';
import type { StrategyState } from '../core/strategies/authored.ts';
import { targetName } from '../core/spec/notify.ts';
import { Engine } from '../engine/engine.ts';
import type { DeployOrder } from '../engine/release-order.ts';
import type { SetDeployment } from '../engine/switch-sets.ts';
import { createMemoryPlatform, MemoryWorld } from '../platforms/memory/platform.ts';
import type { RouterCapabilities } from '../ports/router.ts';
import type { Lease } from '../ports/store.ts';
import { MemoryRouter } from '../routers/memory/memory-router.ts';
import { memoryStore, newMemoryDisk } from '../stores/memory/store.ts';
import { MemoryCommands } from './memory-commands.ts';
import { MemoryGauge } from './memory-gauge.ts';
import { MemoryNotifier } from './memory-notifier.ts';
import { MemoryWebhooks } from './memory-webhooks.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What the service of these tests is. */
export const spec: SpecInput = {
  service: 'shop',
  router: { listen: '127.0.0.1:8080', preview: '127.0.0.1:8081' },
  environments: {
    layers: { web: { command: ['serve'], instances: 2, health: { http: {}, startPeriod: '2s' } } },
  },
  strategy: { drain: '1s', bake: '1s' },
  checks: [{ name: 'smoke', http: { path: '/smoke' } }],
  warmUp: { required: true, atMost: '5s', leastRequests: 20, settle: { over: 2 } },
  keep: '1h',
};

/** How a release does: it is its version. */
export type Fate =
  | 'good'
  | 'never-healthy'
  | 'never-warm'
  | 'fails-verify'
  | 'answers-otherwise'
  | 'fails-canary'
  | 'fails-bake';
export const order = (fate: Fate, of: SpecInput = spec): DeployOrder => ({
  order: { spec: of, base: '/', source: { kind: 'directory', path: '/app' }, version: fate },
});

/** Where a fault may strike: around every call that an engine makes of the world. */
export type Strike = (call: string) => Promise<void>;

/** The object with every method that returns a promise struck before and after its effect. */
function struck<T extends object>(target: T, name: string, strike: Strike): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key);
      if (typeof value !== 'function' || key === 'close') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        await strike(`${name}.${String(key)} before`);
        const result: unknown = await Reflect.apply(value, object, args);
        await strike(`${name}.${String(key)} after`);
        return result;
      };
    },
  });
}

/** All that outlives an engine: the disk, what runs, the router. Engines come and go in it. */
export class World {
  readonly clock = new VirtualClock();
  #engine: Engine | null = null;
  readonly router: MemoryRouter;
  readonly #disk = newMemoryDisk();
  readonly running = new MemoryWorld();
  readonly commands = new MemoryCommands();
  readonly webhooks = new MemoryWebhooks();
  readonly gauge = new MemoryGauge();
  /** What the command of a release (`rollback.verdict`) prints; null: it fails. */
  answer: string | null = 'safe';
  readonly notified = new MemoryNotifier();
  /** What a strategy of a user's own writes; by default the steps of blue/green. */
  strategy: (state: StrategyState) => unknown = ({ steps }) => steps;
  #boots = 0;

  /**
   * @param without what its router cannot do
   * @param torn a fault that is planted in its router (`MemoryRouterOptions.torn`)
   */
  constructor(without: Partial<RouterCapabilities> = {}, torn?: () => Promise<void>) {
    this.router = new MemoryRouter({
      now: this.clock.now,
      without,
      ...(torn && { torn }),
      answersDiffer: (route) => {
        const idle = route.mirror && route[route.mirror.to].release;
        const { releases } = this.#engine?.service(route.service) ?? { releases: [] };
        return releases[(idle ?? 0) - 1]?.version === 'answers-otherwise';
      },
    });
  }

  /** A new engine on what the one before left. `strike` may never return: the engine died there. */
  async boot(strike: Strike = () => Promise.resolve()): Promise<Engine> {
    const store = memoryStore(this.#disk);
    const held = await store.readLease('controller');
    if (held) await store.releaseLease(held);
    const lease = await store.acquireLease('controller', `engine ${++this.#boots}`, 1e12, this.clock.now());
    if (!lease) throw new Error('the lease was not given');
    const mine: Lease = lease;
    const platform = struck(
      createMemoryPlatform({ clock: this.clock, world: this.running }),
      'platform',
      strike,
    );
    const router = struck(this.router, 'router', strike);
    let rounds = 0;
    const engine: Engine = new Engine({
      store: struck(store, 'store', strike),
      clock: this.clock,
      commands: struck(this.commands, 'commands', strike),
      webhooks: struck(this.webhooks, 'webhooks', strike),
      gauge: struck(this.gauge, 'gauge', strike),
      notifier: (target) => struck(this.notified.to(targetName(target)), 'notifier', strike),
      platform: () => platform,
      router: () => router,
      lease: () => mine,
      strategist: { write: (_module, state) => Promise.resolve(this.strategy(state)) },
      readPage: (path) => ({ type: 'text', text: path }),
      checker: {
        round: async ({ requests }, target, signal) => {
          await this.clock.sleep(10, signal).catch(() => undefined);
          const { releases } = engine.service(target.variables['CUTOVER_SERVICE'] ?? 'shop');
          const release = releases[Number(target.variables['CUTOVER_RELEASE']) - 1];
          const ms = release?.version === 'never-warm' ? 1.2 ** ++rounds : 1;
          return { requests, failed: 0, firstMs: ms, p50Ms: ms, why: [] };
        },
        run: (probe, target) => {
          if (probe.command?.[0] === 'verdict') {
            const { answer } = this;
            const detail = answer === null ? 'exit code 3' : 'exit code 0';
            return Promise.resolve({
              ok: answer !== null,
              detail,
              ms: 1,
              ...(answer !== null && { output: answer.split('\n') }),
            });
          }
          const service = engine.service(target.variables['CUTOVER_SERVICE'] ?? 'shop');
          const release = service.releases[Number(target.variables['CUTOVER_RELEASE']) - 1];
          const fate = release?.version as Fate | undefined;
          const smoke = probe.http?.path === '/smoke';
          const live =
            service.live !== null && service.environments[service.live].release === release?.number;
          const sharing = service.weights !== null && service.environments.green.release === release?.number;
          const bad =
            fate === 'never-healthy' ||
            (fate === 'fails-canary' && sharing) ||
            (fate === 'fails-verify' && smoke) ||
            (fate === 'fails-bake' && live);
          return Promise.resolve({ ok: !bad, detail: bad ? 'status 503' : 'status 200', ms: 1 });
        },
      },
    });
    this.#engine = engine;
    const warnings = await engine.resume();
    expect(warnings).toEqual([]);
    return engine;
  }

  async settled(engine: Engine, id: number): Promise<Service> {
    await this.clock.run(() => {
      const deployment = engine.service('shop').deployments[id - 1];
      return deployment !== undefined && !underWay(deployment);
    });
    return engine.service('shop');
  }

  /** Until the newest deployment of the set has ended in all of its services. */
  async setSettled(engine: Engine, set: string): Promise<SetDeployment> {
    await this.clock.run(() => engine.sets.last(set).parts.every(({ deployment }) => !underWay(deployment)));
    return engine.sets.last(set);
  }

  async deployed(engine: Engine, fate: Fate, of?: SpecInput): Promise<Service> {
    const { id } = await engine.deploy('shop', order(fate, of), 'test');
    return this.settled(engine, id);
  }
}

/** The error with this code that the promise rejects with. */
export async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<CutoverError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CutoverError && error.code === code) return error;
    throw error;
  }
  throw new Error(`expected ${code}`);
}
