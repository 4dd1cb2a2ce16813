import { formatAddress } from '../../core/address.ts';
import type { Keeping } from '../../core/caching.ts';
import { CutoverError } from '../../core/errors.ts';
import type { DnsSettings } from '../../core/spec/dns.ts';
import { routedLayer, type Spec } from '../../core/spec.ts';
import { nothingTold, type Applied, type Counters, type Evicted, type Route } from '../../core/traffic.ts';
import { Turn } from '../../core/turn.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import { withRoute, withoutService } from '../../proxy/table/table.ts';
import { nothingCounted } from '../configured/table-router.ts';
import { observed } from './observed.ts';
import type { DnsProvider } from './provider.ts';
import { formatSet, sameSet, type RecordSet } from './record-set.ts';
import { emptied, recordsOf } from './records-of.ts';
import { parseState, stateName, stateSet, tableOf, type DnsState } from './state.ts';

/** Others may change the same records, if they are quick; each time what they wrote is read first. */
const mostTries = 10;
const pollMs = 100;

/** What was read of a service: its state, and whatever stands under the names that are of concern. */
interface Found {
  readonly state: DnsState | null;
  readonly stateSet: RecordSet;
  readonly sets: readonly RecordSet[];
}

/** What is to be in force; null: what is. */
type Decide = (state: DnsState | null) => DnsState | null;

/**
 * The router that is the DNS: the name of a service leads to the addresses of the side that is live. All that is known of the service stands in a
 * TXT record of the zone, which each update names as it was read: a stale controller changes nothing.
 */
export class DnsRouter implements Router {
  readonly capabilities: RouterCapabilities;
  readonly #turn = new Turn();

  /** @param directory where programs of the user's run */
  constructor(
    private readonly settings: DnsSettings,
    private readonly provider: DnsProvider,
    private readonly clock: Clock,
    private readonly directory: string,
  ) {
    const { ttl, switchTtl, margin, quiet, lateAtMost, observe } = settings;
    const can = new Set(observe?.can);
    this.capabilities = {
      carries: ['preview', 'protocol'],
      preview: true,
      counters: can.has('counters'),
      inFlight: can.has('inFlight') || observe?.agents !== undefined,
      instances: false,
      weights: false,
      modes: false,
      evict: false,
      mirror: false,
      caching: {
        usualMs: ttl,
        shortMs: switchTtl,
        marginMs: margin,
        observed: observe !== undefined,
        quietMs: quiet,
        lateAtMostMs: lateAtMost,
      },
      misfits: (spec) => misfits(spec, settings),
    };
  }

  apply(route: Route): Promise<Applied> {
    const { service, epoch } = route;
    return this.#turn.take(async () => {
      expectFits(route, this.settings);
      const before = (await this.#found(service, [])).state?.route;
      // The switch waits for nobody who counts.
      const counters = await this.#counted(before).catch(() => this.#nothing());
      const changed = await this.#change(service, recordsOf(route, this.settings, 'usual'), (state) => {
        if (withRoute(tableOf(state), route) === null) return null;
        const moves = (state?.route?.live ?? route.live) !== route.live;
        const keeping = moves ? 'short' : (state?.keeping ?? 'usual');
        return this.#stateOf(route, keeping);
      });
      return { epoch, changed, holdMs: 0, held: 0, counters };
    });
  }

  async read(service: string): Promise<Route | null> {
    const { state } = await this.#found(service, []);
    if (!state?.route) return null;
    const { sets } = await this.provider.read(state.sets);
    // What is not as the state says is not in force: who asks then orders it anew.
    return state.sets.every((set, at) => sets[at] && sameSet(set, sets[at])) ? state.route : null;
  }

  async counters(service: string): Promise<Counters> {
    const { state } = await this.#found(service, []);
    if (state?.route) return this.#counted(state.route);
    throw new CutoverError('service-unknown', `the zone ${this.settings.zone} has no service ${service}`, {
      next: 'deploy it first',
    });
  }

  keepFor(service: string, keeping: Keeping, epoch: number): Promise<{ readonly changed: boolean }> {
    return this.#turn.take(async () => {
      const changed = await this.#change(service, [], (state) => {
        if (!state?.route)
          throw new CutoverError(
            'service-unknown',
            `the zone ${this.settings.zone} has no service ${service}`,
            {
              next: 'deploy it first',
            },
          );
        if (epoch < state.epoch)
          throw new CutoverError(
            'stale-epoch',
            `service ${service}: epoch ${epoch} is older than ${state.epoch}, which is in force`,
            { next: 'read the route in force and decide anew (cutover status)' },
          );
        return state.keeping === keeping ? null : this.#stateOf(state.route, keeping);
      });
      return { changed };
    });
  }

  evict(service: string): Promise<Evicted> {
    return Promise.reject(
      new CutoverError('router-cannot', `service ${service}: the DNS ends no connections`, {
        next: 'they end with the instances that have them',
      }),
    );
  }

  /** It sees no requests, so there is never one. */
  mirrored(): Promise<null> {
    return Promise.resolve(null);
  }

  async remove(service: string, epoch: number): Promise<void> {
    await this.#turn.take(() =>
      this.#change(service, [], (state) => {
        if (!state?.route || withoutService(tableOf(state), service, epoch) === null) return null;
        return { ...state, route: null, epoch, keeping: 'usual', sets: [] };
      }),
    );
  }

  #stateOf(route: Route, keeping: Keeping): DnsState {
    const sets = recordsOf(route, this.settings, keeping).map((set) => ({ ...set, values: [...set.values] }));
    return { cutover: 1, service: route.service, route, epoch: route.epoch, keeping, sets };
  }

  async #found(service: string, wanted: readonly RecordSet[]): Promise<Found> {
    const key = { name: stateName(service, this.settings.zone), type: 'TXT' } as const;
    const first = await this.provider.read([key]);
    const [txt] = first.sets;
    if (!txt) throw new Error('a provider that answers less than it was asked');
    const [text, ...more] = txt.values;
    const state = text === undefined || more.length > 0 ? null : (parseState(text) ?? null);
    if (txt.values.length > 0 && state?.service !== service)
      throw new CutoverError(
        'state-damaged',
        `${key.name} TXT: expected the state of service ${service} as Cutover writes it, found something else`,
        { next: 'take that record away, if it is nobody’s; a newer Cutover may have written it' },
      );
    const names = [...(state?.sets ?? []), ...wanted];
    const keys = names.filter(
      ({ name, type }, at) => names.findIndex((each) => each.name === name && each.type === type) === at,
    );
    const { sets } = keys.length === 0 ? { sets: [] } : await this.provider.read(keys);
    return { state, stateSet: txt, sets };
  }

  /**
   * Decides on what is in force and puts what follows in its place, in one update that names all that was read: if something else is there by
   * now, that is read and decided on. Resolves when every server answers so. False: it was so already.
   */
  async #change(service: string, wanted: readonly RecordSet[], decide: Decide): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      const found = await this.#found(service, wanted);
      const next = decide(found.state);
      const settled = next ?? found.state;
      if (settled === null) return false;
      const goal = goalOf(found.sets, settled);
      const intact = found.sets.every((set) => sameSet(set, goal(set)));
      if (next === null && intact) {
        await this.#untilServed(settled);
        return false;
      }
      expectOurs(service, found, this.settings);
      const state = stateSet(settled, this.settings.zone);
      if (state === null)
        throw new CutoverError(
          'router-cannot',
          `service ${service}: expected a route that a TXT record can hold, found one of ${JSON.stringify(settled.route).length} bytes`,
          { next: 'give the service fewer instances, or choose another router.driver' },
        );
      const put = [state, ...found.sets.map(goal)];
      if (await this.provider.change({ where: [found.stateSet, ...found.sets], put })) {
        await this.#expectTaken(put);
        await this.#untilServed(settled);
        return true;
      }
      if (tries === mostTries)
        throw new CutoverError(
          'router-refused',
          `service ${service}: expected to change zone ${this.settings.zone}, found that others changed it first, ${mostTries} times`,
          { next: 'see who else changes these records' },
        );
    }
  }

  /** Servers leave out silently what may not stand where it is put (RFC 2136 §3.4.2.2). */
  async #expectTaken(put: readonly RecordSet[]): Promise<void> {
    const { sets } = await this.provider.read(put);
    const missed = put.find((set, at) => !sets[at] || !sameSet(set, sets[at]));
    if (!missed) return;
    const found = sets[put.indexOf(missed)];
    throw new CutoverError(
      'router-refused',
      `zone ${this.settings.zone}: expected ${formatSet(missed)} after the update, found ${found ? formatSet(found) : 'nothing'}`,
      { next: 'a CNAME cannot stand beside other records of its name; see also who else changes it' },
    );
  }

  /** @throws CutoverError `router-refused` if a server does not answer so in time */
  async #untilServed(state: DnsState): Promise<void> {
    const { timeout, zone } = this.settings;
    const own = stateSet(state, zone);
    const goal = [...(own ? [own] : []), ...state.sets];
    const begun = this.clock.monotonic();
    for (;;) {
      const answers = await this.provider.served(goal);
      const late = answers.find(
        (answer) =>
          'away' in answer || goal.some((set, at) => !answer.sets[at] || !sameSet(set, answer.sets[at])),
      );
      if (!late) return;
      if (this.clock.monotonic() - begun >= timeout) {
        const newest = answers.map((answer) => ('away' in answer ? null : answer.serial));
        const found =
          'away' in late
            ? `that ${late.away}`
            : `serial ${late.serial ?? '(none)'} with other records (serials: ${newest.map((serial) => serial ?? 'no answer').join(', ')})`;
        throw new CutoverError(
          'router-refused',
          `${late.server}: expected it to serve zone ${zone} as it was changed within ${timeout}ms, found ${found}`,
          {
            next: 'see that it runs and takes the zone over (notify, transfers), or leave it out of router.dns.servers if it answers no clients',
          },
        );
      }
      await this.clock.sleep(pollMs);
    }
  }

  async #counted(route: Route | null | undefined): Promise<Counters> {
    const { observe } = this.settings;
    if (!route || !observe) return this.#nothing();
    return { ...this.#nothing(), ...(await observed(route, observe, this.directory)) };
  }

  #nothing(): Counters {
    return { ...nothingCounted(), at: this.clock.now(), refused: {}, told: nothingTold, queued: 0 };
  }
}

/** What each set that was read is to be. */
function goalOf(found: readonly RecordSet[], { sets }: DnsState): (set: RecordSet) => RecordSet {
  const [nothing] = [emptied(found)];
  return ({ name, type }) =>
    sets.find((each) => each.name === name && each.type === type) ??
    nothing.find((each) => each.name === name && each.type === type) ?? {
      name,
      type,
      ttlSeconds: 0,
      values: [],
    };
}

/** @throws CutoverError `address-in-use` for a name that leads somewhere by somebody else's word */
function expectOurs(service: string, { state, sets }: Found, { adopt }: DnsSettings): void {
  const ours = new Set(state?.sets.map(({ name }) => name));
  const foreign = sets.find(({ name, values }) => values.length > 0 && !ours.has(name));
  if (!foreign || adopt) return;
  throw new CutoverError(
    'address-in-use',
    `service ${service}: expected ${foreign.name} to be free, found ${formatSet(foreign)}, which is another service’s or nobody’s of ours`,
    {
      next: 'choose another name, take the records away, or let them be replaced: router.dns.adopt: true',
    },
  );
}

/** @throws CutoverError `router-cannot` for what the DNS cannot say of a route */
function expectFits(route: Route, { targets }: DnsSettings): void {
  if (targets) return;
  for (const instance of [...route.blue.instances, ...route.green.instances])
    if (instance.port !== route.listen.port)
      throw new CutoverError(
        'router-cannot',
        `service ${route.service}: expected instances at port ${route.listen.port}, found ${formatAddress(instance)}: the DNS leads to addresses, and to no port`,
        {
          next: 'give the layer the port of router.listen, and each instance an address of its own; or name balancers as router.dns.targets',
        },
      );
}

/** What of a release the DNS cannot carry out, told at plan time. */
function misfits(spec: Spec, { targets }: DnsSettings): string[] {
  if (targets) return [];
  const layer = spec.environments.layers[routedLayer(spec)];
  const { port } = spec.router.listen;
  if (!layer) return [];
  return [
    ...(layer.port === port
      ? []
      : [
          `port ${layer.port} of the layer that gets the traffic (clients come to ${port}, as router.listen says)`,
        ]),
    ...(spec.platform.driver === 'process' && layer.instances > 1
      ? [`${layer.instances} instances at one address (they have ports of their own, and the DNS knows none)`]
      : []),
    ...(spec.platform.driver === 'process' && spec.platform.addresses === 'port'
      ? ['platform.addresses=port (both sides would have the same address)']
      : []),
  ];
}
