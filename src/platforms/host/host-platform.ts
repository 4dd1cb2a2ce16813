import { type Colour, colours } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import type { Instance, Placement } from '../../core/placement.ts';
import type { Release } from '../../core/release.ts';
import { Turn } from '../../core/turn.ts';
import type {
  EnvironmentRef,
  Excluded,
  InstanceCounts,
  InstanceStatus,
  Logs,
  LogQuery,
  Platform,
  Shipped,
} from '../../ports/platform.ts';
import type { CommandRunner } from '../../ports/command.ts';
import { Disk } from '../process/disk.ts';
import { AgentPlatform, type Workshop } from './agent-platform.ts';
import { eachHost, failureOf, type HostResult } from './each-host.ts';
import type { HostClient } from './host-client.ts';
import { Hello } from './protocol.ts';
import { shipByCommand } from './ship-command.ts';
import { type Seat, spread } from './spread.ts';
import type { SshHosts } from './ssh/ssh-hosts.ts';
import { type SshWay, wayTo } from './ssh/way.ts';
import { formatStackCursor, parseStackCursor } from './stack-cursor.ts';
import { type Seats, type StackRecord, StackRecords } from './stack-record.ts';

/** A host that says nothing for so long is not there. */
const helloMs = 5_000;
/** Hosts that are asked at once where a spec does not say. */
const usualParallel = 8;

export interface HostPlatformOptions {
  /** Absolute path of the home directory. */
  readonly home: string;
  /** Where releases are made, on this machine. */
  readonly workshop: Workshop;
  /** For a host with an agent; throws `agent-refused` for one that is not enrolled. */
  readonly client: (host: string) => HostClient;
  /** All hosts that are enrolled. */
  readonly hosts: () => readonly string[];
  /** For hosts that are reached by SSH. */
  readonly ssh: Pick<SshHosts, 'client' | 'close'>;
  /** For commands that ready hosts. */
  readonly commands: CommandRunner;
  readonly say: (text: string) => void;
}

/**
 * The platform `host`: each environment is on hosts of its own, a stack, whose instances are divided between them. What a step does it does at all hosts, and it
 * is done only when it is done at each of them; if one fails, the step fails, and the deployment takes the whole stack back.
 * A host that does not answer when addresses are chosen is passed over, if the spec allows so many; one that does not answer later fails its step. What runs on a
 * host that cannot be told to stop is stopped before the host is used again.
 */
export class HostPlatform implements Platform {
  readonly capabilities = { addressPerColour: true, restarts: true };
  readonly #disk = new Disk();
  readonly #records: StackRecords;
  readonly #turns = new Map<string, Turn>();

  constructor(private readonly options: HostPlatformOptions) {
    this.#records = new StackRecords(options.home, this.#disk);
  }

  place(environment: EnvironmentRef, release: Release, previous: Placement | null): Promise<Placement> {
    return this.#turn(environment).take(async () => {
      const record = await this.#settle(environment, await this.#records.read(environment));
      const { parallel, mayMiss } = release.spec.platform;
      const hosts = hostsOf(release, environment.colour);
      const ways = waysOf(release, hosts, record.ways);
      const asked = await eachHost(hosts, parallel, (host) =>
        this.#client(host, ways).call('hello', {}, Hello, { timeoutMs: helloMs }),
      );
      const there = this.#present(`${environment.colour}: choosing addresses`, asked, mayMiss).filter(
        (host) => !record.owed.includes(host),
      );
      if (there.length === 0)
        throw new CutoverError(
          'agent-absent',
          `${environment.colour}: expected a host that has stopped what ran there, found none`,
          { next: 'see what the agents of these hosts say' },
        );
      const layers = Object.entries(release.spec.environments.layers).map(([layer, { instances }]) => ({
        layer,
        instances,
      }));
      const seats = spread(layers, there);
      const used = there.filter((host) => seats.some((seat) => seat.host === host));
      const placed = await eachHost(used, parallel, (host) =>
        this.#agent(host, ways, seats).place(
          environment,
          release,
          localPlacement(previous, record.placed, host),
        ),
      );
      const failure = failureOf(`${environment.colour}: choosing addresses`, placed);
      if (failure) throw failure;
      const chosen = seats.map((seat) => {
        const onHost = placed.find(({ host }) => host === seat.host)?.value;
        const found = onHost?.instances.find(
          ({ layer, index }) => layer === seat.layer && index === seat.local,
        );
        if (!found)
          throw new CutoverError(
            'internal',
            `${seat.host}: expected an address for ${seat.layer} ${seat.local}, found none`,
          );
        return { ...seat, address: found.address };
      });
      await this.#records.write(environment, withWays({ ...record, placed: chosen }, ways));
      return { instances: chosen.map(({ layer, index, address }) => ({ layer, index, address })) };
    });
  }

  /** Without a colour the release is made, and sent nowhere. */
  async ship(service: string, release: Release, signal?: AbortSignal, colour?: Colour): Promise<Shipped> {
    const made = await this.options.workshop.ship(service, release, signal);
    if (colour === undefined) return made;
    const { parallel, mayMiss } = release.spec.platform;
    const hosts = hostsOf(release, colour);
    const ways = waysOf(release, hosts);
    const doing = `${colour}: shipping release ${release.number}`;
    let there: readonly string[] = hosts;
    if (release.spec.platform.ship) {
      const asked = await eachHost(hosts, parallel, (host) =>
        this.#client(host, ways).call('hello', {}, Hello, { timeoutMs: helloMs }),
      );
      there = this.#present(doing, asked, mayMiss);
      const listed = there.map((name) => ({
        name,
        at: this.#client(name, ways).at,
        way: ways[name] ?? null,
      }));
      await shipByCommand(
        { ...this.options, disk: this.#disk },
        { service, colour, release, made },
        listed,
        signal,
      );
    }
    // One that has gone since counts with those that were away before.
    const sent = await eachHost(there, parallel, (host) =>
      this.#agent(host, ways).send(service, release, made, signal),
    );
    this.#present(doing, sent, mayMiss - (hosts.length - there.length));
    return made;
  }

  start(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
    only?: InstanceCounts,
  ): Promise<void> {
    return this.#turn(environment).take(async () => {
      const made = await this.options.workshop.find(environment.service, release.number);
      if (!made)
        throw new CutoverError(
          'release-unknown',
          `Release ${release.number} of ${environment.service}: expected it to be shipped; found nothing`,
          { next: 'Ship it first: deploy it again.' },
        );
      const record = await this.#settle(environment, await this.#records.read(environment));
      const seats = seatsFor(placement, [...record.placed, ...record.started]);
      const hosts = usedBy(seats);
      const ways = waysOf(release, hosts, record.ways);
      // What another release has left there goes first, also on hosts that this one does not use.
      const others = record.up ? usedBy(record.started).filter((host) => !hosts.includes(host)) : [];
      const { parallel } = release.spec.platform;
      const stopped = failureOf(
        `${environment.colour}: stopping what ran`,
        await eachHost(others, parallel, (host) => this.#agent(host, ways).stop(environment)),
      );
      if (stopped) throw stopped;
      await this.#records.write(environment, withWays({ ...record, started: seats, up: true, only }, ways));
      const started = await eachHost(hosts, parallel, async (host) => {
        const agent = this.#agent(host, ways, seats);
        await agent.send(environment.service, release, made);
        await agent.start(environment, release, onHost(seats, host), only && onlyAt(seats, host, only));
      });
      const failure = failureOf(`${environment.colour}: starting release ${release.number}`, started);
      if (failure) throw failure;
    });
  }

  /** A host that does not answer is owed its stop: it gets it before it is used again. */
  stop(environment: EnvironmentRef): Promise<void> {
    return this.#turn(environment).take(async () => {
      const record = await this.#records.read(environment);
      const hosts = [...new Set([...(record.up ? usedBy(record.started) : []), ...record.owed])];
      const stopped = await eachHost(hosts, usualParallel, (host) =>
        this.#agent(host, record.ways).stop(environment),
      );
      const absent = stopped.filter(({ error }) => error?.code === 'agent-absent').map(({ host }) => host);
      const failure = failureOf(
        `${environment.colour}: stopping`,
        stopped.filter(({ error }) => error?.code !== 'agent-absent'),
      );
      if (failure) throw failure;
      for (const host of absent)
        this.options.say(
          `${environment.service} ${environment.colour}: host ${host} does not answer; it is stopped when it does`,
        );
      if (hosts.length > 0) await this.#records.write(environment, { ...record, up: false, owed: absent });
    });
  }

  async inspect(environment: EnvironmentRef): Promise<readonly InstanceStatus[]> {
    const { started, up, ways, only = {} } = await this.#records.read(environment);
    if (!up) return [];
    const seen = await eachHost(usedBy(started), usualParallel, (host) =>
      this.#agent(host, ways).inspect(environment),
    );
    return started.flatMap(({ layer, index, host, local, address }) => {
      const found = seen.find((each) => each.host === host);
      const status = found?.value?.find((each) => each.layer === layer && each.index === local);
      if (status) return [{ ...status, index }];
      if (!found?.error || index >= (only[layer] ?? Infinity)) return [];
      const gone = { state: 'stopped', pid: null, startedAt: null, restarts: 0 } as const;
      return [{ layer, index, address, release: 0, ...gone, lastExit: found.error.message }];
    });
  }

  async listening(
    environment: EnvironmentRef,
    layer: string,
    index: number,
  ): ReturnType<Platform['listening']> {
    const { started, ways } = await this.#records.read(environment);
    const seat = started.find((each) => each.layer === layer && each.index === index);
    return seat ? this.#agent(seat.host, ways).listening(environment, layer, seat.local) : [];
  }

  async logs(environment: EnvironmentRef, { after, ...query }: LogQuery): Promise<Logs> {
    const cursors = after === undefined ? {} : parseStackCursor(after);
    const { started, ways } = await this.#records.read(environment);
    const hosts = usedBy(started);
    const read = await eachHost(hosts, usualParallel, (host) =>
      this.#agent(host, ways).logs(environment, {
        ...query,
        // A host that the cursor does not know gives all of its run.
        ...(after === undefined ? {} : { after: cursors[host] ?? everything }),
      }),
    );
    const failure = failureOf(
      `${environment.colour}: reading logs`,
      read.filter(({ error }) => error?.code !== 'agent-absent'),
    );
    if (failure) throw failure;
    const next = { ...cursors };
    for (const { host, value } of read) if (value) next[host] = value.next;
    const all = read.flatMap(({ host, value }) => (value?.lines ?? []).map((line) => ({ host, line })));
    return {
      release: read.find(({ value }) => value !== null && value.release !== null)?.value?.release ?? null,
      lines: started.flatMap(({ layer, index, host, local }) =>
        all
          .filter((each) => each.host === host && each.line.layer === layer && each.line.index === local)
          .map(({ line }) => ({ ...line, index })),
      ),
      next: formatStackCursor(next),
      more: read.some(({ value }) => value?.more === true),
    };
  }

  /**
   * A host that does not answer is away. What it still runs goes on until it can be told to stop, which it is before it is used again; traffic does not go there
   * meanwhile.
   */
  exclude(environment: EnvironmentRef, release: Release, placement: Placement): Promise<Excluded | null> {
    return this.#turn(environment).take(async () => {
      const record = await this.#records.read(environment);
      const seats = knownSeats(placement, [...record.placed, ...record.started]);
      if (seats === null) return null; // It is not on hosts of ours.
      const { parallel, mayMiss, hosts: named } = release.spec.platform;
      const hosts = [...new Set([...(named?.[environment.colour] ?? []), ...usedBy(seats)])];
      const ways = waysOf(release, hosts, record.ways);
      const asked = await eachHost(hosts, parallel, (host) =>
        this.#client(host, ways).call('hello', {}, Hello, { timeoutMs: helloMs }),
      );
      const away = asked.filter(({ error }) => error?.code === 'agent-absent').map(({ host }) => host);
      const lost = usedBy(seats).filter((host) => away.includes(host));
      const left = seats.filter(({ host }) => !lost.includes(host));
      const layers = new Set(seats.map(({ layer }) => layer));
      const isWhole = [...layers].every((layer) => left.some((seat) => seat.layer === layer));
      if (lost.length === 0 || away.length > mayMiss || !isWhole) return null;
      // Where they were to be stays known: whoever has not heard of this yet asks for it again.
      await this.#records.write(
        environment,
        withWays(
          {
            ...record,
            started: record.started.filter(({ host }) => !lost.includes(host)),
            owed: [...new Set([...record.owed, ...lost])],
          },
          ways,
        ),
      );
      for (const host of lost)
        this.options.say(
          `${environment.service} ${environment.colour}: host ${host} does not answer, and is left out`,
        );
      return {
        placement: { instances: left.map(({ layer, index, address }) => ({ layer, index, address })) },
        lost,
      };
    });
  }

  async prune(service: string, keep: readonly number[]): Promise<readonly number[]> {
    const records = await Promise.all(colours.map((colour) => this.#records.read({ service, colour })));
    const ways: Ways = Object.fromEntries(records.flatMap((record) => Object.entries(record.ways)));
    const all = [...new Set([...this.options.hosts(), ...Object.keys(ways)])];
    const pruned = await eachHost(all, usualParallel, (host) =>
      this.#agent(host, ways).pruneThere(service, keep),
    );
    // What is left there is removed the next time.
    for (const { host, error } of pruned)
      if (error)
        this.options.say(`${service}: host ${host} keeps releases that are not needed: ${error.message}`);
    // What runs on a host is not removed there; what the workshop has of it may be needed to start it elsewhere.
    const removed = new Set(await this.options.workshop.prune(service, await this.#needed(service, keep)));
    for (const { value } of pruned) for (const number of value ?? []) removed.add(number);
    return [...removed].sort((a, b) => a - b);
  }

  variables(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
  ): Promise<Readonly<Record<string, string>>> {
    return AgentPlatform.variables(environment, release, placement);
  }

  /** Agents do so by themselves; on hosts that are reached by SSH, what looks after the instances is started where it is not, as after a reboot. */
  async adopt(): Promise<void> {
    for (const { environment, record } of await this.#records.all()) {
      if (!record.up) continue;
      const hosts = usedBy(record.started).filter((host) => record.ways[host] !== undefined);
      const seen = await eachHost(hosts, usualParallel, (host) =>
        this.#client(host, record.ways).call('hello', {}, Hello, { timeoutMs: helloMs }),
      );
      for (const { host, error } of seen)
        if (error)
          this.options.say(
            `${environment.service} ${environment.colour}: host ${host}: nobody starts what crashes there again: ${error.message}`,
          );
    }
  }

  close(): Promise<void> {
    return this.options.ssh.close();
  }

  /** What is to be kept, and what runs. */
  async #needed(service: string, keep: readonly number[]): Promise<readonly number[]> {
    const running = await Promise.all(colours.map((colour) => this.inspect({ service, colour })));
    return [...keep, ...running.flat().map(({ release }) => release)];
  }

  /** Tells hosts that came back to stop what they had been left with. */
  async #settle(environment: EnvironmentRef, record: StackRecord): Promise<StackRecord> {
    if (record.owed.length === 0) return record;
    const told = await eachHost(record.owed, usualParallel, (host) =>
      this.#agent(host, record.ways).stop(environment),
    );
    const settled = { ...record, owed: told.filter(({ error }) => error !== null).map(({ host }) => host) };
    await this.#records.write(environment, settled);
    return settled;
  }

  /** The hosts at which it went well; throws if more do not answer than may, or one failed otherwise. */
  #present<T>(doing: string, results: readonly HostResult<T>[], mayMiss: number): string[] {
    const absent = results.filter(({ error }) => error?.code === 'agent-absent');
    const failure = failureOf(
      doing,
      absent.length > mayMiss ? results : results.filter(({ error }) => error?.code !== 'agent-absent'),
    );
    if (failure) throw failure;
    for (const { host } of absent)
      this.options.say(`${doing}: host ${host} does not answer, and is passed over`);
    return results.filter(({ error }) => error === null).map(({ host }) => host);
  }

  #client(host: string, ways: Ways): HostClient {
    const way = ways[host];
    return way === undefined ? this.options.client(host) : this.options.ssh.client(host, way);
  }

  /** @param seats where instances are; absent: for what does not depend on it */
  #agent(host: string, ways: Ways, seats?: readonly Seat[]): AgentPlatform {
    const share =
      seats &&
      ((_: Release, layer: string): number =>
        seats.filter((seat) => seat.host === host && seat.layer === layer).length);
    return new AgentPlatform(this.#client(host, ways), this.options.workshop, share);
  }

  #turn({ service, colour }: EnvironmentRef): Turn {
    const key = `${service}/${colour}`;
    let turn = this.#turns.get(key);
    if (!turn) this.#turns.set(key, (turn = new Turn()));
    return turn;
  }
}

/** A cursor that knows no instance (log-cursor.ts). */
const everything = '1';

function hostsOf({ spec }: Release, colour: Colour): readonly string[] {
  const hosts = spec.platform.hosts?.[colour] ?? [];
  if (hosts.length > 0) return hosts;
  throw new CutoverError('spec-invalid', `platform.hosts.${colour}: expected at least one host, found none`);
}

type Ways = Readonly<Record<string, SshWay>>;

/** How hosts are reached: those of a release as it says, others as they were. */
function waysOf(release: Release, hosts: readonly string[], before: Ways = {}): Ways {
  const others = Object.entries(before).filter(([host]) => !hosts.includes(host));
  const named = hosts.map((host) => [host, wayTo(host, release)] as const);
  return Object.fromEntries([
    ...others,
    ...named.flatMap(([host, way]) => (way ? [[host, way] as const] : [])),
  ]);
}

/** With the ways to the hosts that it speaks of, and no others. */
function withWays(record: StackRecord, ways: Ways): StackRecord {
  const { placed, started, owed } = record;
  const hosts = new Set([...usedBy(placed), ...usedBy(started), ...owed]);
  return { ...record, ways: Object.fromEntries(Object.entries(ways).filter(([host]) => hosts.has(host))) };
}

const usedBy = (seats: readonly { readonly host: string }[]): string[] => [
  ...new Set(seats.map(({ host }) => host)),
];

/** The part of a stack that is on one host, in its own numbers. */
const onHost = (seats: Seats, host: string): Placement => ({
  instances: seats
    .filter((seat) => seat.host === host)
    .map(({ layer, local, address }) => ({ layer, index: local, address })),
});

/** How many of the instances on a host are among the first so many of their layers: its own first ones. */
const onlyAt = (seats: Seats, host: string, only: InstanceCounts): InstanceCounts =>
  Object.fromEntries(
    Object.entries(only).map(([layer, count]) => [
      layer,
      seats.filter((seat) => seat.host === host && seat.layer === layer && seat.index < count).length,
    ]),
  );

function localPlacement(previous: Placement | null, placed: Seats, host: string): Placement | null {
  const own = onHost(placed, host);
  return previous === null || own.instances.length === 0 ? null : own;
}

/** Which host each address is on; null if one is not known. */
function knownSeats(placement: Placement, known: Seats): Seats | null {
  const seats = placement.instances.map((instance) => seatOf(instance, known));
  return seats.every((seat) => seat !== undefined) ? seats : null;
}

const seatOf = ({ layer, index, address }: Instance, known: Seats): Seats[number] | undefined =>
  known.find(
    (each) =>
      each.layer === layer &&
      each.index === index &&
      each.address.host === address.host &&
      each.address.port === address.port,
  );

/** Which host each address is on. */
function seatsFor(placement: Placement, known: Seats): Seats {
  return placement.instances.map((instance) => {
    const seat = seatOf(instance, known);
    if (seat) return seat;
    const { layer, index, address } = instance;
    throw new CutoverError(
      'internal',
      `${layer} ${index}: expected the host of ${address.host}:${address.port} to be recorded, found none`,
    );
  });
}
