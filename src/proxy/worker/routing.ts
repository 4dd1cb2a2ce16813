import { formatAddress } from '../../core/address-text.ts';
import { claimsOf } from '../../core/claims.ts';
import { type Colour, other } from '../../core/colour.ts';
import type { Mode } from '../../core/mode.ts';
import { openMode } from '../../core/open-mode.ts';
import type { RouteMirror } from '../../core/mirror/route-mirror.ts';
import type { Route, RouteTls } from '../../core/traffic.ts';
import type { InstancePolicy } from '../../core/instance-policy.ts';
import type { Provisions, Table } from '../data-plane.ts';
import { ascii } from '../http1/octets.ts';
import { MirrorPipe } from '../mirror/pipe.ts';
import { MirrorTap } from '../mirror/tap.ts';
import type { Recorder } from '../record/recorder.ts';
import type { Recorders } from '../record/recorders.ts';
import { instanceKey } from '../table/instance-key.ts';
import { strictTransport } from '../tls/strict-transport.ts';
import { SideBefore } from './asset-lookup.ts';
import { Dialers } from './dialers.ts';
import type { Listed } from './directory.ts';
import { Entry, type Manner, plain, Target } from './entry.ts';
import { Gate } from './gate.ts';
import { InstanceQueue } from './instance-queue.ts';
import { InstancePool } from './instance-pool.ts';
import { defaultPolicy } from './instance-care.ts';
import { type Limits, limitsOf } from './limits.ts';
import { Pages } from './pages.ts';
import type { Plane } from './plane.ts';
import { hashOfText } from './rendezvous.ts';
import { Side } from './side.ts';
import { steeringOf } from './steering.ts';
import { StickyTags } from './sticky-cookie.ts';
import { ServiceTally } from './tally.ts';
import { markOf, TesterDoor, Testers } from './testers.ts';

const noLine = new Uint8Array(0);
const lastCopiesMs = 5000;

/** What befalls a gate when a table comes into force. */
interface GateChange {
  readonly service: string;
  readonly gate: Gate;
  readonly mode: Mode;
}
interface PolicyChange {
  readonly pool: InstancePool;
  readonly policy: InstancePolicy;
}

/** A table that is ready to come into force, and what will change then. */
export interface Prepared {
  readonly table: Table;
  /** What was in force when it was made. */
  readonly base: Table;
  readonly provisions: Provisions;
  readonly tags: StickyTags;
  readonly gates: readonly GateChange[];
  readonly policies: readonly PolicyChange[];
  readonly pools: Map<string, InstancePool>;
  readonly entries: Map<string, Entry>;
  readonly tls: ReadonlyMap<string, RouteTls>;
  readonly sides: readonly Side[];
  readonly taps: ReadonlyMap<string, MirrorTap>;
}

/** The table in force, made ready for look-up, with what outlives a table: tallies, and the pools of instances that stay. */
export class Routing {
  private readonly tallies = new Map<string, ServiceTally>();
  private entries = new Map<string, Entry>();
  /** The one in force. */
  table: Table = { version: 0, routes: [] };
  private tags = new StickyTags([]);
  private tls: ReadonlyMap<string, RouteTls> = new Map();
  private pools = new Map<string, InstancePool>();
  private readonly dialers: Dialers;
  /** Of the releases whose instances take only so many requests. */
  private readonly queues = new Map<string, InstanceQueue>();
  /** Of the services that are not open, or have not been for a while. */
  private readonly gates = new Map<string, Gate>();
  /** Of the mirrors that are in force. */
  private taps: ReadonlyMap<string, MirrorTap> = new Map();
  private pipe: MirrorPipe | null = null;
  /** Sides of this and of earlier epochs in which something is in flight still. */
  private sides: Side[] = [];

  constructor(
    private readonly plane: Plane,
    private readonly recorders: Recorders,
    /** Milliseconds since 1970. */
    private readonly wallNow: () => number = Date.now,
  ) {
    this.dialers = new Dialers(plane.now);
  }

  /** Makes `table` the one in force. Connections to instances that are not in it are closed when they get idle. */
  install(table: Table): void {
    this.commit(this.prepare(table));
  }

  /**
   * Makes a table ready for look-up; requests go on by the one in force, and see nothing of it. A table may have many thousands of
   * hosts: requests that are held must not wait for this.
   */
  prepare(table: Table): Prepared {
    const { stickyKeys } = this.plane.provisions;
    const tags = Bun.deepEquals(stickyKeys, this.tags.keys) ? this.tags : new StickyTags(stickyKeys);
    const gates: GateChange[] = [];
    const policies: PolicyChange[] = [];
    const pools = new Map<string, InstancePool>();
    const tls = new Map<string, RouteTls>();
    const manners = new Map<string, Manner>();
    const lists = new Map<string, Listed<Target>[]>();
    const sides: Side[] = [];
    const taps = new Map<string, MirrorTap>();
    for (const route of table.routes) {
      const door = this.doorOf(route);
      const raw = route.protocol === 'tcp' && route.tls === undefined;
      const limits = limitsOf(this.plane.limits, route.limits);
      this.plane.fit(limits);
      let tally = this.tallies.get(route.service);
      if (tally === undefined) this.tallies.set(route.service, (tally = new ServiceTally()));
      const recorder = this.recorders.of(route, tally);
      const side = {
        blue: this.sideOf(route, 'blue', tally, pools, policies, limits, recorder),
        green: this.sideOf(route, 'green', tally, pools, policies, limits, recorder),
      };
      side.blue.pages = side.green.pages = this.pagesOf(route);
      sides.push(side.blue, side.green);
      const former = other(route.live);
      if (route.assets !== undefined && route.kept === true && (route.weights?.[former] ?? 0) === 0)
        side[route.live].before = new SideBefore(side[former], route.assets.paths);
      if (route.mirror !== undefined && !raw)
        side[other(route.mirror.to)].mirror = this.tapOf(route.service, route.mirror, taps);
      const gate = this.gateOf(route, gates);
      const lines = route.tls === undefined ? null : strictTransport(route.tls.hstsSeconds);
      const listen = formatAddress(route.listen);
      const preview = route.preview === null ? null : formatAddress(route.preview);
      const redirect = route.tls?.redirect ? formatAddress(route.tls.redirect) : null;
      const entrance = route.entrance ?? null;
      const at = claimsOf(route);
      // What an address that redirects lets through goes where it would go without.
      if (redirect !== null) at.set(redirect, at.get(listen) ?? []);
      for (const address of preview === null ? [listen] : [listen, preview])
        if (route.tls !== undefined && !tls.has(address)) tls.set(address, route.tls);
      for (const [address, claims] of at) {
        manners.set(
          address,
          address === redirect
            ? { raw: false, lines: null, redirect: route.listen.port, entrance }
            : { raw, lines, redirect: null, entrance },
        );
        const targets = new Map<string, Target>();
        const listed = lists.get(address) ?? [];
        lists.set(address, listed);
        for (const { host, prefix, strip, preview } of claims) {
          // The same target for all that goes the same way, so that paths which differ only for us count as alike.
          const cut = strip && prefix !== '/' ? prefix : '';
          const key = `${preview} ${cut}`;
          let target = targets.get(key);
          if (target === undefined) {
            const colour = preview ? other(route.live) : route.live;
            const steering = steeringOf(route, side, preview ? colour : null, tags);
            const line = cut === '' ? noLine : ascii(`X-Forwarded-Prefix: ${cut}\r\n`);
            targets.set(
              key,
              (target = new Target(
                tally,
                side[colour],
                steering,
                preview ? null : gate,
                cut.length,
                line,
                preview,
                door === null || preview ? null : testersOf(door, route, side, tally, tags, cut.length, line),
              )),
            );
          }
          listed.push({ host, prefix, value: target });
        }
      }
    }
    const entries = new Map(
      [...lists].map(
        ([address, listed]) => [address, new Entry(listed, manners.get(address) ?? plain)] as const,
      ),
    );
    return {
      table,
      base: this.table,
      provisions: this.plane.provisions,
      tags,
      gates,
      policies,
      pools,
      entries,
      tls,
      sides,
      taps,
    };
  }

  /** Puts a prepared table in force. One that was prepared beside another table, or other keys and pages, than those in force is made again. */
  commit(prepared: Prepared): void {
    if (prepared.base !== this.table || prepared.provisions !== this.plane.provisions)
      return this.install(prepared.table);
    const { table, tags, gates, policies, pools, entries, tls, sides, taps } = prepared;
    this.table = table;
    this.tags = tags;
    for (const { gate, mode } of gates) gate.become(mode);
    for (const { service, gate } of gates) this.gates.set(service, gate);
    for (const { pool, policy } of policies) pool.policy = policy;
    this.settleQueues(sides);
    for (const [key, pool] of this.pools) if (pools.get(key) !== pool) pool.retire();
    // What a service that was removed holds is answered; nobody would let it go any more.
    const services = new Set(table.routes.map(({ service }) => service));
    for (const [service, gate] of this.gates) if (!services.has(service)) gate.become(openMode);
    this.dialers.keepOnly(services);
    this.pools = pools;
    this.entries = entries;
    for (const tap of this.taps.values()) tap.tell();
    this.taps = taps;
    if (taps.size === 0) this.letGoOfPipe();
    this.tags.sift();
    this.tls = tls;
    this.sides = [...this.sides.filter((side) => side.inFlight > 0), ...sides];
    this.recorders.settle(table.routes);
  }

  /** The tap of a mirror; the same one from table to table. Null where nobody takes copies. */
  private tapOf(service: string, mirror: RouteMirror, taps: Map<string, MirrorTap>): MirrorTap | null {
    const { mirrorSocket } = this.plane.provisions;
    if (mirrorSocket === undefined) return null;
    this.pipe ??= new MirrorPipe(mirrorSocket, this.plane.now, () => {
      for (const tap of this.taps.values()) tap.tell();
    });
    const key = `${service}\n${JSON.stringify(mirror)}`;
    const tap = this.taps.get(key) ?? new MirrorTap(service, mirror, this.pipe);
    taps.set(key, tap);
    return tap;
  }

  /** Copies of requests that began before are still handed on, for a moment. */
  private letGoOfPipe(): void {
    const { pipe } = this;
    if (pipe === null) return;
    this.pipe = null;
    setTimeout(() => pipe.close(), lastCopiesMs).unref();
  }

  private sideOf(
    route: Route,
    colour: Colour,
    tally: ServiceTally,
    pools: Map<string, InstancePool>,
    policies: PolicyChange[],
    limits: Limits,
    recorder: ((colour: Colour) => Recorder) | null,
  ): Side {
    const { release, instances, upstream } = route[colour];
    const dialer = this.dialers.of(route.service, colour, upstream);
    const policy = route.instancePolicy ?? defaultPolicy;
    const fresh: InstancePool[] = [];
    const own = instances.map((address) => {
      const key = instanceKey(route.service, colour, release, formatAddress(address));
      let pool = pools.get(key) ?? this.pools.get(key);
      if (pool?.dialer !== dialer) {
        fresh.push((pool = new InstancePool(this.plane, address, dialer)));
        pool.key = key;
        pool.number = hashOfText(formatAddress(address));
        pool.policy = policy;
      } else policies.push({ pool, policy });
      pools.set(key, pool);
      return pool;
    });
    // One that joins others begins slowly; a side that is new as a whole has nobody else to give its requests to.
    if (fresh.length < own.length)
      for (const pool of fresh) pool.care.ramp(this.plane.coarse, policy.slowStartMs);
    const side = new Side(
      route.service,
      route.epoch,
      colour,
      tally[colour],
      own,
      limits,
      policy,
      route.tracing ?? null,
      recorder === null ? null : recorder(colour),
    );
    side.key = `${route.service} ${colour} ${release}`;
    if (limits.perInstance > 0) side.queue = this.queues.get(side.key) ?? new InstanceQueue();
    return side;
  }

  /** What waits for instances of which no table says how much they may take goes on; a queue that is empty and out of use is forgotten. */
  private settleQueues(sides: readonly Side[]): void {
    const used = new Set<string>();
    for (const { key, queue, pools, limits } of sides) {
      if (queue === null) continue;
      used.add(key);
      this.queues.set(key, queue);
      queue.adapt(pools, limits.perInstance, limits.held, limits.queueMs);
    }
    for (const [key, queue] of this.queues) {
      if (used.has(key)) continue;
      this.queues.delete(key);
      queue.open();
    }
  }

  /** Null if testers have addresses of their own only. */
  private doorOf({ service, testers }: Route): TesterDoor | null {
    if (testers === undefined) return null;
    const { stickyKeys, previewSecrets = {} } = this.plane.provisions;
    const secret = testers.header === null ? undefined : previewSecrets[testers.header.secretFile];
    return new TesterDoor(service, testers, secret, stickyKeys, this.wallNow);
  }

  /** Null if the route names none. One that could not be read is left out. */
  private pagesOf({ errorPages }: Route): Pages | null {
    if (errorPages === undefined) return null;
    const { pages } = this.plane.provisions;
    return new Pages(
      Object.fromEntries(
        Object.entries(errorPages).flatMap(([key, path]) => {
          const page = pages[path];
          return page === undefined ? [] : [[key, page]];
        }),
      ),
    );
  }

  /** Null for a service that is open: nothing stands before it, also while the last of those that were held leave. */
  private gateOf({ service, mode = openMode }: Route, changes: GateChange[]): Gate | null {
    const open = mode.mode === 'open';
    let gate = this.gates.get(service);
    if (gate === undefined && open) return null;
    gate ??= new Gate(mode);
    changes.push({ service, gate, mode });
    return open ? null : gate;
  }

  /** Requests of a service that its mode holds. */
  heldOf(service: string): number {
    return this.gates.get(service)?.waiting ?? 0;
  }
  held(): number {
    let sum = 0;
    for (const gate of this.gates.values()) sum += gate.waiting;
    return sum;
  }

  /** Whether keys and secrets are of any use now. */
  get usesSecrets(): boolean {
    return this.table.routes.some(({ sticky, testers }) => sticky?.by === 'cookie' || testers !== undefined);
  }

  entryOf(address: string): Entry | undefined {
    return this.entries.get(address);
  }

  /** How the address is served over TLS; undefined: it is plain. */
  tlsOf(address: string): RouteTls | undefined {
    return this.tls.get(address);
  }

  services(): IterableIterator<[string, ServiceTally]> {
    return this.tallies.entries();
  }

  /** Exchanges and tunnels in flight, by service, colour and the epoch in which they began. */
  inFlight(): { service: string; colour: Colour; epoch: number; inFlight: number }[] {
    return this.sides
      .filter((side) => side.inFlight > 0)
      .map(({ service, colour, epoch, inFlight }) => ({ service, colour, epoch, inFlight }));
  }

  /** The same of one side, by the addresses of its instances, also of those that left the table. */
  inFlightAt(service: string, colour: Colour): Record<string, number> {
    const pools = new Set<InstancePool>();
    for (const side of this.sides)
      if (side.service === service && side.colour === colour)
        for (const pool of side.pools) if (pool.inFlight > 0) pools.add(pool);
    const at: Record<string, number> = {};
    for (const { address, inFlight } of pools) {
      const name = formatAddress(address);
      at[name] = (at[name] ?? 0) + inFlight;
    }
    return at;
  }

  sicken(keys: ReadonlySet<string>): void {
    const now = this.plane.tick();
    for (const [key, pool] of this.pools) pool.care.sicken(keys.has(key), now, pool.policy);
  }

  sweep(now: number): void {
    for (const tap of this.taps.values()) tap.tell();
    for (const pool of this.pools.values()) pool.sweep(now);
    // An instance may be back, or its last request may have gone another way.
    for (const queue of this.queues.values()) queue.freed();
  }
}

/** Who looks for testers among the requests that go one way: each side is a target for them, past whatever holds users. */
function testersOf(
  door: TesterDoor,
  route: Route,
  sides: Readonly<Record<Colour, Side>>,
  tally: ServiceTally,
  tags: StickyTags,
  strip: number,
  line: Uint8Array,
): Testers {
  const { sticky } = route;
  // A cookie of their own: what keeps users where they were is not to move with a look at the other side.
  const apart = sticky?.cookie && {
    ...sticky,
    cookie: { ...sticky.cookie, name: `${sticky.cookie.name}-preview` },
  };
  const view = (colour: Colour): Target => {
    const steering = steeringOf({ ...route, sticky: apart ?? sticky }, sides, colour, tags);
    const admission = { door, mark: markOf(colour, route[colour].release) };
    return new Target(tally, sides[colour], steering, null, strip, line, true, null, admission);
  };
  return new Testers(door, route, { blue: view('blue'), green: view('green') });
}
