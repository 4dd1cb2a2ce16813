import { formatAddress, type Address } from '../../core/address.ts';
import { other } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { addressesOf, type Placement } from '../../core/placement.ts';
import type { LeaseOrder, LeaseTold } from '../../core/worker-lease.ts';
import type { Release } from '../../core/release.ts';
import { routedLayer } from '../../core/spec.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  EnvironmentRef,
  InstanceCounts,
  InstanceStatus,
  Logs,
  Platform,
  Shipped,
} from '../../ports/platform.ts';
import { afterCrash } from '../backoff.ts';
import { choosePlacement } from '../choose-placement.ts';
import { formatLogCursor, parseLogCursor } from '../log-cursor.ts';

/** The calls of the port that can be made to fail. */
export type PlatformCall = Exclude<keyof Platform, 'capabilities'>;

/** One call, before and after it took effect; `subject`: the service, with the colour where there is one. */
export interface FaultPoint {
  readonly call: PlatformCall;
  readonly phase: 'before' | 'after';
  readonly subject: string;
}

interface MemoryInstance {
  readonly layer: string;
  readonly index: number;
  readonly address: Address;
  process: { readonly pid: number; readonly startedAt: number } | null;
  restarts: number;
  inRow: number;
  lastExit: string | null;
  /** What it was told, and whether it is at work, which ends only some time after it was told to stop. */
  lease: LeaseOrder;
  works: boolean;
  readonly log: MemoryLog;
}

/** Goes on from run to run. */
interface MemoryLog {
  readonly lines: string[];
  runStart: number;
}

interface MemoryEnvironment {
  readonly service: string;
  readonly release: Release;
  readonly placement: Placement;
  readonly instances: readonly MemoryInstance[];
  /** Of these layers only the first so many are up. */
  only: InstanceCounts;
  isStopped: boolean;
}

/** What goes on without the platform: pass the same to the next one, as after a restart of the controller. */
export class MemoryWorld {
  readonly shipped = new Map<string, Map<number, Shipped>>();
  readonly environments = new Map<string, MemoryEnvironment>();
  readonly placed = new Map<string, Placement>();
  readonly logs = new Map<string, MemoryLog>();
  nextPid = 1000;
  /** How long a worker goes on after it was told to stop; null: it never does by itself. */
  lingers: (service: string) => number | null = () => 0;
  /** A planted fault: the platform does not wait until workers have stopped. */
  isHasty = false;
  /** Called when a worker has begun. */
  onWork: (service: string) => void = () => undefined;

  /** The environments of a service that have a worker at work. */
  working(service: string): readonly string[] {
    return [...this.environments]
      .filter(([key, { instances }]) => key.startsWith(`${service}/`) && instances.some(({ works }) => works))
      .map(([key]) => key);
  }
}

export interface MemoryPlatformOptions {
  readonly clock: Clock;
  readonly world?: MemoryWorld;
  /** Called around every call; what it throws fails the call there, before or after its effect. */
  readonly fault?: (point: FaultPoint) => void | Promise<void>;
}

/** A platform without processes, with hands for a test or a simulation. */
export interface MemoryPlatform extends Platform {
  readonly world: MemoryWorld;
  /** Ends the process of an instance; it is started again after its wait, if the platform is watching. */
  crash(environment: EnvironmentRef, layer: string, index: number, exit?: string): void;
  /** Has an instance write a line. */
  write(environment: EnvironmentRef, layer: string, index: number, text: string): void;
}

const isMeant = ({ only }: MemoryEnvironment, { layer, index }: MemoryInstance): boolean =>
  index < (only[layer] ?? Infinity);

/** Ends it, and forgets what it was. */
function putDown(instance: MemoryInstance): void {
  Object.assign(instance, { process: null, works: false, restarts: 0, inRow: 0, lastExit: null });
}

const keyOf = ({ service, colour }: EnvironmentRef): string => `${service}/${colour}`;
const samePlacement = (a: Placement, b: Placement): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * The platform `memory`: keeps the contract without starting anything, for dry runs, for tests of the engine and for the
 * simulator. Time comes from the clock alone.
 */
export function createMemoryPlatform({
  clock,
  world = new MemoryWorld(),
  fault = () => undefined,
}: MemoryPlatformOptions): MemoryPlatform {
  const closing = new AbortController();
  let isWatching = false;

  const around = async <T>(call: PlatformCall, subject: string, act: () => T): Promise<T> => {
    await fault({ call, phase: 'before', subject });
    const result = act();
    await fault({ call, phase: 'after', subject });
    return result;
  };
  const shippedOf = (service: string): Map<number, Shipped> => {
    let shipped = world.shipped.get(service);
    if (!shipped) world.shipped.set(service, (shipped = new Map<number, Shipped>()));
    return shipped;
  };
  const newRun = (ref: EnvironmentRef, layer: string, index: number): MemoryLog => {
    const key = `${keyOf(ref)}/${layer}/${index}`;
    const log = world.logs.get(key) ?? { lines: [], runStart: 0 };
    log.runStart = log.lines.length;
    world.logs.set(key, log);
    return log;
  };
  const find = (ref: EnvironmentRef, layer: string, index: number): MemoryInstance => {
    const instance = world.environments
      .get(keyOf(ref))
      ?.instances.find((one) => one.layer === layer && one.index === index);
    if (instance) return instance;
    throw new CutoverError(
      'internal',
      `Instance ${layer}-${index} of ${keyOf(ref)}: expected it to be started; found none`,
    );
  };
  const begin = ({ service }: MemoryEnvironment, instance: MemoryInstance): void => {
    instance.works = true;
    world.onWork(service);
  };
  /** A worker that was told to stop does so when it has finished, whoever told it and whether or not that one still waits. */
  const finishLater = async (
    { service }: MemoryEnvironment,
    instance: MemoryInstance,
    order: LeaseOrder,
  ): Promise<void> => {
    const lingersMs = world.lingers(service);
    if (lingersMs === null) return;
    await clock.sleep(lingersMs);
    if (instance.lease === order) instance.works = false;
  };
  const pass = async (environment: MemoryEnvironment, order: LeaseOrder): Promise<LeaseTold> => {
    const { release, instances, service } = environment;
    const layers = release.spec.environments.layers;
    const workers = instances.filter(({ layer }) => layers[layer]?.active);
    const newest = Math.max(0, ...workers.map(({ lease }) => lease.epoch));
    if (order.epoch < newest)
      throw new CutoverError(
        'stale-epoch',
        `workers of ${service}: expected an order newer than ${newest}, found ${order.epoch}`,
      );
    let ended = 0;
    for (const instance of workers) {
      instance.lease = order;
      if (order.state === 'passive') void finishLater(environment, instance, order);
      else if (instance.process) begin(environment, instance);
    }
    if (order.state === 'active' || world.isHasty) return { told: workers.length, ended };
    for (const instance of workers) {
      const end = clock.monotonic() + (layers[instance.layer]?.active?.within ?? 0);
      while (instance.works && clock.monotonic() < end)
        await clock.sleep(Math.min(20, end - clock.monotonic()));
      if (!instance.works) continue;
      ended += 1;
      instance.works = false;
      bringUp(environment, instance, true);
    }
    return { told: workers.length, ended };
  };
  const bringUp = (environment: MemoryEnvironment, instance: MemoryInstance, isRestart: boolean): void => {
    instance.process = { pid: world.nextPid++, startedAt: clock.now() };
    if (isRestart) instance.restarts++;
    if (instance.lease.state === 'active') begin(environment, instance);
    instance.log.lines.push(
      `[cutover] release ${environment.release.number} ${isRestart ? 'starts again' : 'starts'}`,
    );
  };
  const restartLater = async (
    environment: MemoryEnvironment,
    instance: MemoryInstance,
    ranMs: number,
  ): Promise<void> => {
    const policy = environment.release.spec.environments.layers[instance.layer]?.restart;
    const { inRow, delayMs } = afterCrash(instance.inRow, ranMs, policy ?? { backoff: 0, max: 0 });
    instance.inRow = inRow;
    try {
      await clock.sleep(delayMs, closing.signal);
    } catch (thrown) {
      if (closing.signal.aborted) return;
      throw thrown;
    }
    if (!environment.isStopped && isMeant(environment, instance) && !instance.process)
      bringUp(environment, instance, true);
  };
  const isRunning = (environment: MemoryEnvironment | undefined): environment is MemoryEnvironment =>
    environment !== undefined && !environment.isStopped;

  return {
    world,
    capabilities: { addressPerColour: true, restarts: true },

    place: (ref, release, previous) =>
      around('place', keyOf(ref), () => {
        const theOther = world.placed.get(keyOf({ ...ref, colour: other(ref.colour) }));
        const held = new Set(
          [...world.environments.values()]
            .filter(isRunning)
            .flatMap((one) => one.instances.map((instance) => formatAddress(instance.address))),
        );
        const services = [...new Set([...world.placed.keys()].map((key) => key.slice(0, key.indexOf('/'))))];
        const known = services.indexOf(ref.service);
        const placement = choosePlacement({
          service: ref.service,
          colour: ref.colour,
          layers: Object.entries(release.spec.environments.layers).map(([layer, { instances, port }]) => ({
            layer,
            instances,
            port,
          })),
          previous,
          mode: release.spec.platform.addresses,
          slot: known >= 0 ? known : services.length,
          avoid: [release.spec.router.listen.port, release.spec.router.preview?.port ?? 0],
          taken: theOther?.instances.map((instance) => instance.address) ?? [],
          holds: (address) => held.has(formatAddress(address)),
          probe: () => 'free',
        });
        world.placed.set(keyOf(ref), placement);
        return placement;
      }),

    ship: (service, release, signal) =>
      around('ship', service, () => {
        const shipped = shippedOf(service).get(release.number);
        if (shipped) return shipped;
        if (signal?.aborted) {
          throw new CutoverError(
            'aborted',
            `Release ${release.number} of ${service}: shipping was aborted; nothing of it is left`,
            { cause: signal.reason },
          );
        }
        const digest = new Bun.CryptoHasher('sha256')
          .update(JSON.stringify([service, release.number, release.source]))
          .digest('hex');
        const fresh: Shipped = {
          digest,
          directory: `memory:${service}/${release.number}`,
          files: 1,
          bytes: 1,
        };
        shippedOf(service).set(release.number, fresh);
        return fresh;
      }),

    start: (ref, release, placement, only = {}) =>
      around('start', keyOf(ref), () => {
        if (!shippedOf(ref.service).has(release.number)) {
          throw new CutoverError(
            'release-unknown',
            `Release ${release.number} of ${ref.service}: expected it to be shipped; found nothing`,
            {
              next: 'Ship it first: deploy it again.',
            },
          );
        }
        isWatching = true;
        let environment = world.environments.get(keyOf(ref));
        if (
          !isRunning(environment) ||
          environment.release.number !== release.number ||
          !samePlacement(environment.placement, placement)
        ) {
          if (environment) environment.isStopped = true;
          const instances = Object.keys(release.spec.environments.layers).flatMap((layer) =>
            addressesOf(placement, layer).map((address, index): MemoryInstance => {
              const log = newRun(ref, layer, index);
              return {
                layer,
                index,
                address,
                process: null,
                restarts: 0,
                inRow: 0,
                lastExit: null,
                lease: { state: 'passive', epoch: 0 },
                works: false,
                log,
              };
            }),
          );
          environment = { service: ref.service, release, placement, instances, only, isStopped: false };
          world.environments.set(keyOf(ref), environment);
        }
        environment.only = only;
        for (const instance of environment.instances) {
          if (!isMeant(environment, instance)) putDown(instance);
          else if (!instance.process) bringUp(environment, instance, instance.lastExit !== null);
        }
      }),

    stop: (ref) =>
      around('stop', keyOf(ref), () => {
        const environment = world.environments.get(keyOf(ref));
        if (!isRunning(environment)) return;
        environment.isStopped = true;
        for (const instance of environment.instances) {
          instance.process = null;
          instance.works = false;
        }
      }),

    async lease(ref, order) {
      await fault({ call: 'lease', phase: 'before', subject: keyOf(ref) });
      const environment = world.environments.get(keyOf(ref));
      const told = isRunning(environment) ? await pass(environment, order) : { told: 0, ended: 0 };
      await fault({ call: 'lease', phase: 'after', subject: keyOf(ref) });
      return told;
    },

    inspect: (ref) =>
      around('inspect', keyOf(ref), (): readonly InstanceStatus[] => {
        const environment = world.environments.get(keyOf(ref));
        if (!isRunning(environment)) return [];
        const meant = environment.instances.filter((instance) => isMeant(environment, instance));
        return meant.map(({ layer, index, address, process, restarts, lastExit }) => ({
          layer,
          index,
          release: environment.release.number,
          address,
          state: process ? 'running' : 'waiting-to-restart',
          pid: process?.pid ?? null,
          startedAt: process?.startedAt ?? null,
          restarts,
          lastExit,
        }));
      }),

    listening: (ref, layer, index) =>
      around('listening', keyOf(ref), (): readonly Address[] => {
        const environment = world.environments.get(keyOf(ref));
        const all = isRunning(environment) ? environment.instances : [];
        return all
          .filter((one) => one.layer === layer && one.index === index && one.process !== null)
          .map(({ address }) => address);
      }),

    logs: (ref, { lines, layer: wanted, after }) =>
      around('logs', keyOf(ref), (): Logs => {
        const cursor = after === undefined ? null : parseLogCursor(after);
        const environment = world.environments.get(keyOf(ref));
        const parts = (environment?.instances ?? [])
          .filter(({ layer }) => wanted === undefined || layer === wanted)
          .map(({ layer, index, log: { lines: all, runStart } }) => {
            const from = cursor
              ? Math.min(cursor.get(layer)?.[index]?.at ?? runStart, all.length)
              : Math.max(runStart, all.length - lines);
            const texts = all.slice(from, from + lines);
            const at = from + texts.length;
            return { layer, index, texts, next: { id: 'memory', at }, hasMore: at < all.length };
          });
        return {
          release: environment?.release.number ?? null,
          lines: parts.flatMap(({ layer, index, texts }) => texts.map((text) => ({ layer, index, text }))),
          next: formatLogCursor(parts),
          more: parts.some(({ hasMore }) => hasMore),
        };
      }),

    prune: (service, keep) =>
      around('prune', service, () => {
        const needed = new Set(keep);
        for (const [key, environment] of world.environments) {
          if (key.startsWith(`${service}/`) && isRunning(environment)) needed.add(environment.release.number);
        }
        const removed = [...shippedOf(service).keys()]
          .filter((number) => !needed.has(number))
          .sort((a, b) => a - b);
        for (const number of removed) shippedOf(service).delete(number);
        return removed;
      }),

    variables: (ref, release, placement) =>
      around('variables', keyOf(ref), () => {
        const layer = routedLayer(release.spec);
        const [address] = addressesOf(placement, layer);
        if (!address)
          throw new CutoverError(
            'internal',
            `Layer ${layer} of ${ref.service}: expected an address; found none`,
          );
        const { environments } = release.spec;
        const spec = {
          ...environments.variables,
          ...environments.layers[layer]?.variables,
          ...environments[ref.colour].variables,
        };
        const texts = Object.entries(spec).map(
          ([name, value]) => [name, typeof value === 'string' ? value : ''] as const,
        );
        return {
          ...Object.fromEntries(texts),
          HOST: address.host,
          PORT: String(address.port),
          CUTOVER_SERVICE: ref.service,
          CUTOVER_ENVIRONMENT: ref.colour,
          CUTOVER_RELEASE: String(release.number),
          CUTOVER_VERSION: release.version,
          CUTOVER_LAYER: layer,
          CUTOVER_ADDRESS: formatAddress(address),
          CUTOVER_URL: `http://${formatAddress(address)}`,
        };
      }),

    adopt: () =>
      around('adopt', '', () => {
        isWatching = true;
        for (const environment of world.environments.values()) {
          if (!isRunning(environment)) continue;
          for (const instance of environment.instances)
            if (!instance.process) void restartLater(environment, instance, 0);
        }
      }),

    close: () => around('close', '', () => closing.abort(new Error('the platform is closing'))),

    crash(ref, layer, index, exit = 'signal SIGSEGV') {
      const instance = find(ref, layer, index);
      const environment = world.environments.get(keyOf(ref));
      if (!environment || !instance.process) return;
      const ranMs = clock.now() - instance.process.startedAt;
      instance.process = null;
      instance.works = false;
      instance.lastExit = exit;
      instance.log.lines.push(`[cutover] ended: ${exit}`);
      if (isWatching && !closing.signal.aborted) void restartLater(environment, instance, ranMs);
    },

    write(ref, layer, index, text) {
      find(ref, layer, index).log.lines.push(text);
    },
  };
}
