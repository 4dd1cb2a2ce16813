import { mkdirSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Agent, type AgentOptions, startAgent } from '../../agent/agent.ts';
import type { Listening } from '../../agent/listening.ts';
import { Authority } from '../../agent/control/authority.ts';
import { listenForControllers } from '../../agent/control/control-listener.ts';
import { Invitations } from '../../agent/control/invitations.ts';
import { Orders } from '../../agent/control/orders.ts';
import { createChecker } from '../../checks/index.ts';
import { systemClock } from '../../clocks/system.ts';
import { type Address, formatAddress } from '../../core/address.ts';
import { errorRecord } from '../../core/errors.ts';
import type { Route } from '../../core/traffic.ts';
import type { Traffic } from '../../health/endpoints.ts';
import { identityOf, isAlive } from '../../proxy/keeper/process-identity.ts';
import { EmbeddedRouter } from '../../routers/embedded/embedded-router.ts';
import { createProcessPlatform } from '../../platforms/process/platform.ts';
import { version } from '../version.ts';
import { ProxySupervisor } from './proxy-supervisor.ts';

export interface AgentOrder extends Omit<AgentOptions, 'traffic'> {
  /** Absolute path of the home directory. */
  readonly home: string;
  /** Where the local proxy listens; undefined: there is none. */
  readonly proxy: Address | undefined;
  /** Where controllers give orders, and at which address of this host instances listen; undefined: none does. */
  readonly control: { readonly listen: Address; readonly advertise: string | undefined } | undefined;
}

/** What is told once it answers. */
export interface ReadyAgent extends Agent {
  readonly proxy: Address | null;
  readonly control: Address | null;
}

const service = 'agent';

/** The agent, and the proxy in front of the instance, until it is stopped; requests in flight are finished then. */
export async function runAgent(order: AgentOrder, onReady: (agent: ReadyAgent) => void): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  const { instance } = order;
  const proxy = order.proxy && instance && new InstanceProxy(order, order.proxy, instance.address);
  const agent = await startAgent(
    { ...order, ...(proxy ? { traffic: () => proxy.traffic() } : {}) },
    createChecker({ clock: systemClock }),
    systemClock,
  );
  let control: Listening | undefined;
  try {
    control = order.control && (await takeOrders(order, order.control));
    onReady({ ...agent, proxy: (await proxy?.start()) ?? null, control: control?.address ?? null });
    await stopped;
  } finally {
    await proxy?.end();
    await control?.close();
    await agent.close();
  }
}

/** Has controllers ship, start and stop releases here. What runs outlives the agent, and the next one takes it over. */
async function takeOrders(
  { home: named, say }: AgentOrder,
  { listen, advertise }: NonNullable<AgentOrder['control']>,
): Promise<Listening> {
  const home = realpathSync(named);
  const folder = join(home, 'agent');
  const authority = await Authority.open(folder);
  const platform = createProcessPlatform({ home, clock: systemClock, host: advertise });
  try {
    await platform.adopt();
  } catch (error) {
    // One damaged record must not keep the rest from being looked after.
    say(errorRecord(error).message);
  }
  const orders = new Orders({ home, platform, clock: systemClock, hello: { version, host: hostname() } });
  try {
    const { address, close } = await listenForControllers({
      ...{ listen, authority, orders, say, invitations: new Invitations(folder) },
      now: () => systemClock.now(),
    });
    return {
      address,
      async close() {
        await close();
        await platform.close();
      },
    };
  } catch (error) {
    await platform.close();
    throw error;
  }
}

/** The data plane in front of one instance: whatever comes goes to it, and is counted. It outlives an agent that is killed. */
class InstanceProxy {
  readonly #router: EmbeddedRouter;
  readonly #supervisor: ProxySupervisor;

  constructor(
    private readonly order: AgentOrder,
    private readonly listen: Address,
    private readonly instance: Address,
  ) {
    const home = join(order.home, 'agent/proxy');
    mkdirSync(home, { recursive: true, mode: 0o700 });
    this.#router = new EmbeddedRouter(home);
    this.#supervisor = new ProxySupervisor({
      home,
      router: this.#router,
      clock: systemClock,
      workers: undefined,
      metrics: undefined,
      say: order.say,
      onRestart: async () => void (await this.#apply()),
    });
  }

  /** Returns where it listens. */
  async start(): Promise<Address> {
    await this.#supervisor.start();
    try {
      return await this.#apply();
    } catch (error) {
      await this.#supervisor.end();
      throw error;
    }
  }

  async traffic(): Promise<Traffic> {
    const { bootId, blue } = await this.#router.counters(service);
    return { inFlight: blue.inFlight, requests: blue.requests, bootId, side: blue };
  }

  async end(): Promise<void> {
    try {
      const pid = (await this.#supervisor.status())?.pid;
      const keeper = pid === undefined ? undefined : identityOf(pid);
      await this.#supervisor.end();
      // It has closed its socket; what is in flight goes on until it ends.
      while (keeper && isAlive(keeper)) await systemClock.sleep(20);
    } catch (error) {
      this.order.say(`the proxy did not end as it should: ${errorRecord(error).message}`);
    }
  }

  async #apply(): Promise<Address> {
    const before = await this.#router.read(service);
    const { instance } = this;
    const isSame =
      before?.blue.instances.map(formatAddress).join() === formatAddress(instance) &&
      // Port 0 takes a free one, and keeps it.
      before.listen.host === this.listen.host &&
      (this.listen.port === 0 || before.listen.port === this.listen.port);
    if (before && isSame) return before.listen;
    const route: Route = {
      service,
      epoch: (before?.epoch ?? 0) + 1,
      live: 'blue',
      listen: this.listen,
      preview: null,
      previewHost: null,
      blue: { release: 1, instances: [instance] },
      green: { release: null, instances: [] },
    };
    await this.#router.apply(route);
    return (await this.#router.read(service))?.listen ?? this.listen;
  }
}
