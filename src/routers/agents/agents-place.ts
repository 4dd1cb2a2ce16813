import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { colours, type Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { AgentsSettings } from '../../core/spec/agents.ts';
import { combineSides, emptySide, type Route, type SideCounters } from '../../core/traffic.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RouterCapabilities } from '../../ports/router.ts';
import { TableFile } from '../../proxy/table/table-file.ts';
import { routeOf, type ProxyTable } from '../../proxy/table/table.ts';
import { exclusively } from '../configured/exclusive.ts';
import type { Counted, InForce, Place } from '../configured/table-router.ts';
import { AgentEndpoint, type SeenTraffic } from './agent-endpoint.ts';
import { hostsOf, wantedRoles, type WantedRole } from './roles.ts';

/** An agent that was told to be live, and whose instance it finds healthy, says so within this time. */
const liveMs = 10_000;
const lookMs = 50;
/** Beyond the time after which every balancer has seen a change: for requests that they had taken before. */
const quietMs = 10_000;
/** How often an agent that did not answer is tried again. */
const owedMs = 1000;

/** Settings with an absolute path, and the folder where the routes are kept. */
export interface AgentsOptions extends AgentsSettings {
  readonly directory: string;
}

/**
 * Balancers that ask each instance for /live and /standby: they are not told anything, the agents of the instances are. Who is to serve users is made
 * live first, and only when the balancers have had time to see that is the other one made standby; then it is seen that no new request comes to it.
 *
 * An agent that does not answer the controller is no reason to stand still: as long as it is away, its balancers get no answer either and pass it over. It is
 * told as soon as it is back.
 */
export class AgentsPlace implements Place {
  readonly listens = false;
  readonly capabilities: RouterCapabilities;
  readonly #file: TableFile;
  /** Agents that could not be told, by service and host. */
  readonly #owed = new Map<string, Set<string>>();
  #trying: Promise<void> | null = null;
  /** Whom a side had last: what it has begun ends after it has left the route. */
  readonly #former = new Map<string, string[]>();
  readonly #seen = new Map<string, SeenTraffic>();

  constructor(
    private readonly options: AgentsOptions,
    private readonly clock: Clock,
  ) {
    const { weigh, counts, directory } = options;
    this.capabilities = {
      carries: ['preview', 'protocol'],
      preview: true,
      counters: counts,
      inFlight: counts,
      instances: false,
      weights: weigh,
      bothServe: true,
      modes: false,
      evict: false,
      mirror: false,
    };
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#file = new TableFile(directory);
  }

  exclusively<T>(act: () => Promise<T>): Promise<T> {
    return exclusively(join(this.options.directory, 'table.json'), act);
  }

  load(): Promise<ProxyTable> {
    const { table, warnings } = this.#file.load();
    const [damage] = warnings;
    // Routes that are lost are told anew by the controller, under a newer epoch.
    return damage === undefined || table.version > 0
      ? Promise.resolve(table)
      : Promise.reject(
          new CutoverError('state-damaged', damage, { next: 'cutover deploy orders the route anew' }),
        );
  }

  async inForce(table: ProxyTable, service: string): Promise<InForce | null> {
    const route = routeOf(table, service);
    if (!route) return null;
    const wanted = wantedRoles(route);
    const seen = await Promise.all(
      wanted.map(async ({ host, role }) => {
        const found = await this.#present(service, host, () => this.#agent(host).role());
        // In maintenance it is left alone.
        const isRight = found === null || found.role === role || found.role === 'maintenance';
        return { found, isRight };
      }),
    );
    if (wanted.length > 0 && seen.every(({ found }) => found === null)) throw this.#nobody(service, wanted);
    const { epoch, live } = route;
    return { epoch: seen.every(({ isRight }) => isRight) ? epoch : epoch - 1, live };
  }

  async commit(next: ProxyTable, service: string): Promise<void> {
    const before = (await this.load()) as ProxyTable;
    const route = routeOf(next, service);
    const former = routeOf(before, service);
    const epoch =
      route?.epoch ?? next.removed.find((each) => each.service === service)?.epoch ?? former?.epoch ?? 1;
    const prepared = this.#file.prepare(next);
    prepared.commit();
    try {
      await this.#tell(service, route, former, epoch);
    } catch (error) {
      this.#file.prepare(before).commit();
      // Where it cannot be told what it was told before, it is told so when it answers again; what went wrong first is what is said.
      if (former)
        await Promise.allSettled(
          wantedRoles(former).map((each) =>
            this.#agent(each.host).enable(each.role, epoch, this.#weight(each)),
          ),
        );
      throw error;
    }
  }

  async counted(route: Route): Promise<Counted> {
    if (!this.options.counts) return { bootId: 'uncounted', blue: emptySide(), green: emptySide() };
    const boots: string[] = [];
    const side = async (colour: Colour): Promise<SideCounters> => {
      const key = `${route.service} ${colour}`;
      const hosts = hostsOf(route[colour]);
      if (hosts.length > 0) this.#former.set(key, hosts);
      const seen = await Promise.all(
        (this.#former.get(key) ?? []).map((host) => this.#traffic(route.service, host)),
      );
      boots.push(...seen.map(({ bootId }) => bootId));
      return seen.reduce((sum, each) => combineSides(sum, each.side, 1), emptySide());
    };
    const [blue, green] = [await side('blue'), await side('green')];
    const bootId = `agents ${Bun.hash([...new Set(boots)].sort().join()).toString(36)}`;
    return { bootId, blue, green };
  }

  async #tell(
    service: string,
    route: Route | undefined,
    former: Route | undefined,
    epoch: number,
  ): Promise<void> {
    const wanted = route ? wantedRoles(route) : [];
    const left = (former ? wantedRoles(former) : []).filter(
      ({ host }) => !wanted.some((each) => each.host === host),
    );
    const serving = wanted.filter(({ role }) => role === 'live');
    const changed = await this.#enable(service, serving, epoch);
    if (serving.length > 0 && changed.every(({ isThere }) => !isThere)) throw this.#nobody(service, serving);
    await this.#untilLive(service, serving);
    // Both serve for so long: balancers see the new ones before they lose the old.
    if (changed.some(({ isNew }) => isNew)) await this.clock.sleep(this.options.poll);
    const leaving = [
      ...wanted.filter(({ role }) => role === 'standby'),
      // Where nothing is left of a service nobody is sent any more; hosts of a side that was emptied keep the role that they had.
      ...(route ? [] : left.map((each) => ({ ...each, role: 'standby' as const }))),
    ];
    const gone = await this.#enable(service, leaving, epoch);
    const newly = gone.flatMap(({ isNew, host }) => (isNew ? [host] : []));
    if (newly.length > 0) await this.#untilQuiet(service, newly, route ?? former);
  }

  /** Tells each agent its role; who does not answer is owed it. */
  #enable(
    service: string,
    roles: readonly WantedRole[],
    epoch: number,
  ): Promise<{ host: string; isThere: boolean; isNew: boolean }[]> {
    return Promise.all(
      roles.map(async (each) => {
        const { host, role } = each;
        const found = await this.#present(service, host, async () => {
          const agent = this.#agent(host);
          const before = await agent.role();
          if (before.role !== 'maintenance') await agent.enable(role, epoch, this.#weight(each));
          return before.role;
        });
        return {
          host,
          isThere: found !== null,
          isNew: found !== null && found !== role && found !== 'maintenance',
        };
      }),
    );
  }

  #weight = ({ weight }: WantedRole): number | undefined => (this.options.weigh ? weight : undefined);

  /** Waits until all who serve say so; one is enough when the time is over. */
  async #untilLive(service: string, serving: readonly WantedRole[]): Promise<void> {
    const begun = this.clock.monotonic();
    for (;;) {
      const live = await Promise.all(
        serving.map(({ host }) => this.#present(service, host, () => this.#agent(host).isLive())),
      );
      if (live.every((each) => each !== false)) return;
      if (this.clock.monotonic() - begun > liveMs) {
        if (live.includes(true)) return;
        throw new CutoverError(
          'router-refused',
          `service ${service}: expected the agents of ${serving.map(({ host }) => host).join(', ')} to say that they are live within ${liveMs / 1000} s, found that none finds its instance healthy`,
          {
            next: 'cutover agent status on these hosts says why; see that --instance and --check name what runs there',
          },
        );
      }
      await this.clock.sleep(lookMs);
    }
  }

  /** Waits until the balancers have had time to see a change, and no new request has come to these hosts for as long. */
  async #untilQuiet(service: string, hosts: readonly string[], route: Route | undefined): Promise<void> {
    const { poll, counts } = this.options;
    const begun = this.clock.monotonic();
    const begunThere = async (): Promise<number> =>
      (await Promise.all(hosts.map((host) => this.#traffic(service, host)))).reduce(
        (sum, { side }) => sum + side.requests,
        0,
      );
    let last = counts ? await begunThere() : 0;
    let since = begun;
    for (;;) {
      await this.clock.sleep(Math.max(10, Math.min(lookMs * 2, poll / 4)));
      const now = this.clock.monotonic();
      const requests = counts ? await begunThere() : 0;
      if (requests > last) {
        last = requests;
        since = now;
      }
      if (now - since >= poll) return;
      if (now - begun <= poll + quietMs) continue;
      // Testers may go on to come by the balancer that asks for /standby.
      if (route?.preview) return;
      throw new CutoverError(
        'router-refused',
        `service ${service}: expected no new request at ${hosts.join(', ')} after these are standby, found that they still come`,
        {
          next: 'see that the balancer of users asks /live at the agents, and how often; router.agents.poll is to be longer than that',
        },
      );
    }
  }

  /** As it is, or as it was seen last where it does not answer: what was in flight there then may still be. */
  async #traffic(service: string, host: string): Promise<SeenTraffic> {
    const found = await this.#present(service, host, () => this.#agent(host).traffic());
    if (found) {
      this.#seen.set(host, found);
      return found;
    }
    const last = this.#seen.get(host);
    const side = last?.side ?? emptySide();
    return {
      bootId: last?.bootId ?? `${host} away`,
      side: { ...side, inFlight: Math.max(1, side.inFlight) },
    };
  }

  /** Null if the agent does not answer: it is told what the route says as soon as it does. */
  async #present<T>(service: string, host: string, ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof CutoverError) || error.code !== 'router-absent') throw error;
      const owed = this.#owed.get(service) ?? new Set<string>();
      this.#owed.set(service, owed.add(host));
      this.#trying ??= this.#settle().finally(() => (this.#trying = null));
      return null;
    }
  }

  /** Tries those that did not answer until each has been told. Never rejects. */
  async #settle(): Promise<void> {
    while (this.#owed.size > 0) {
      await new Promise<void>((resolve) => void setTimeout(resolve, owedMs).unref());
      for (const [service, hosts] of [...this.#owed])
        for (const host of [...hosts]) if (await this.#settled(service, host)) hosts.delete(host);
      for (const [service, hosts] of [...this.#owed]) if (hosts.size === 0) this.#owed.delete(service);
    }
  }

  async #settled(service: string, host: string): Promise<boolean> {
    try {
      return await this.exclusively(async () => {
        const route = routeOf(await this.load(), service);
        const wanted = route && wantedRoles(route).find((each) => each.host === host);
        const agent = this.#agent(host);
        const { role } = await agent.role();
        // One that is in no route any more has nothing to say to users.
        if (role !== 'maintenance')
          await agent.enable(wanted?.role ?? 'standby', route?.epoch ?? 1, wanted && this.#weight(wanted));
        return true;
      });
    } catch (error) {
      // Whoever refuses is not asked again until the next order, which says why.
      return error instanceof CutoverError && error.code !== 'router-absent';
    }
  }

  #agent(host: string): AgentEndpoint {
    const { port, prefix, tokenFile } = this.options;
    return new AgentEndpoint({ host, port }, prefix, tokenFile);
  }

  #nobody(service: string, roles: readonly WantedRole[]): CutoverError {
    const sides = colours.filter((colour) => roles.some((each) => each.colour === colour));
    return new CutoverError(
      'router-absent',
      `service ${service}: expected an answer of the agents of ${sides.join(' and ')} (${roles.map(({ host }) => host).join(', ')}, port ${this.options.port}), found none`,
      { next: 'see that cutover agent run --listen runs there, and that router.agents.port is its port' },
    );
  }
}
