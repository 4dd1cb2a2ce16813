import { createServer } from 'node:net';
import { formatAddress, parseAddress, type Address } from '../../core/address.ts';
import { colours, type Colour } from '../../core/colour.ts';
import { CutoverError } from '../../core/errors.ts';
import { parseIp } from '../../core/ip.ts';
import type { KernelSettings } from '../../core/spec/kernel.ts';
import {
  emptySide,
  nothingTold,
  type Applied,
  type Counters,
  type Evicted,
  type Route,
} from '../../core/traffic.ts';
import { Turn } from '../../core/turn.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import {
  addressesOf,
  emptyTable,
  routeOf,
  withoutService,
  withPortsOf,
  withRoute,
  type ProxyTable,
} from '../../proxy/table/table.ts';
import { parseTracked } from './conntrack.ts';
import { runProgram, type Run } from './program.ts';
import { readListing, transaction, type Found } from './ruleset.ts';

/** What is to be in force; null: what is. */
interface Decision<T> {
  readonly next: ProxyTable | null;
  readonly result: T;
}

/** Others may write the same table, if they are quick; each time what they wrote is read first. */
const mostTries = 20;

/**
 * The router that is the kernel of this machine: nftables sends each new connection to an instance (DNAT), and no program is in the path. All
 * that is known of the services stands in the kernel too, in the same transaction as what it does.
 */
export class KernelRouter implements Router {
  readonly capabilities: RouterCapabilities = {
    carries: ['protocol=tcp', 'preview'],
    preview: true,
    counters: false,
    inFlight: true,
    instances: false,
    weights: true,
    modes: false,
    evict: false,
    mirror: false,
  };
  readonly #turn = new Turn();
  /** What was in force when it was last written or read; whoever writes finds out if it is not any more. */
  #known: ProxyTable | null = null;
  readonly #prefix: readonly string[];

  constructor(
    private readonly settings: KernelSettings,
    private readonly now: () => number,
    private readonly run: Run = runProgram,
  ) {
    this.#prefix = settings.netns === undefined ? [] : ['ip', 'netns', 'exec', settings.netns];
  }

  apply(route: Route): Promise<Applied> {
    return this.#change(async (table) => {
      const inForce = routeOf(table, route.service);
      const asked = withPortsOf(inForce, route);
      if (withRoute(table, asked) === null) return { next: null, result: this.#applied(route, false) };
      expectNumbers(asked);
      await this.#expectReachable(asked);
      const settled = await this.#withPorts(asked, inForce);
      return { next: withRoute(table, settled), result: this.#applied(route, true) };
    });
  }

  async read(service: string): Promise<Route | null> {
    const found = await this.#found();
    // What is not as the table says is not in force: who asks then orders it anew.
    return (found?.intact ? routeOf(found.table, service) : undefined) ?? null;
  }

  async counters(service: string): Promise<Counters> {
    const table = this.#known ?? (await this.#found())?.table;
    const route = table && routeOf(table, service);
    if (!route)
      throw new CutoverError(
        'service-unknown',
        `the kernel has no service ${service} in table ${this.settings.table}`,
        {
          next: 'deploy it first',
        },
      );
    const inFlight = await this.#inFlight(route);
    const side = (colour: Colour) => ({ ...emptySide(), inFlight: inFlight[colour] });
    return this.#counted(side('blue'), side('green'));
  }

  evict(service: string): Promise<Evicted> {
    return Promise.reject(
      new CutoverError('router-cannot', `service ${service}: the kernel ends no connections`, {
        next: 'they end with the instances that have them',
      }),
    );
  }

  /** It sees no requests, so there is never one. */
  mirrored(): Promise<null> {
    return Promise.resolve(null);
  }

  async remove(service: string, epoch: number): Promise<void> {
    await this.#change((table) => ({ next: withoutService(table, service, epoch), result: undefined }));
  }

  #counted(blue: Counters['blue'], green: Counters['green']): Counters {
    return { bootId: 'kernel', at: this.now(), blue, green, refused: {}, told: nothingTold, queued: 0 };
  }

  #applied({ epoch }: Route, changed: boolean): Applied {
    return { epoch, changed, holdMs: 0, held: 0, counters: this.#counted(emptySide(), emptySide()) };
  }

  /**
   * Decides on what is in force and puts what follows in its place, in one transaction that fails if something else is in force by now: then
   * that is read and decided on. What the kernel has lost, or somebody has changed, is put right with it.
   */
  #change<T>(decide: (table: ProxyTable) => Decision<T> | Promise<Decision<T>>): Promise<T> {
    return this.#turn.take(async () => {
      const begun = this.#known === null ? await this.#found() : null;
      let table = this.#known ?? begun?.table ?? emptyTable;
      let there: 'as known' | 'otherwise' | 'gone' = this.#known || begun?.intact ? 'as known' : 'otherwise';
      if (this.#known === null && begun === null) there = 'gone';
      for (let tried = 1; ; tried++) {
        const decided = await decide(table);
        let { next } = decided;
        if (next === null) {
          const found = await this.#found();
          const same = found?.table.version === table.version;
          if ((same && found.intact) || (found === null && table.routes.length === 0)) return decided.result;
          if (found && !same) {
            table = found.table;
            continue;
          }
          there = found ? 'otherwise' : 'gone';
          next = { ...table, version: table.version + 1 };
        }
        const { exitCode, stderr } = await this.#nft(
          ['-f', '-'],
          transaction(this.settings, there, table, next),
        );
        if (exitCode === 0) {
          this.#known = next;
          return decided.result;
        }
        const found = await this.#found();
        const overtaken = found !== null && found.table.version !== table.version;
        const put = there === 'as known' || (there === 'otherwise' && found === null);
        if (tried === mostTries || (!overtaken && !put)) throw this.#refused(stderr);
        there = found === null ? 'gone' : overtaken && found.intact ? 'as known' : 'otherwise';
        if (overtaken) table = found.table;
      }
    });
  }

  async #found(): Promise<Found | null> {
    const { table } = this.settings;
    const { exitCode, stdout, stderr } = await this.#nft(['-j', 'list', 'table', 'inet', table], '');
    if (exitCode === 0) return readListing(stdout, table);
    if (/No such file or directory/.test(stderr) && !/netns|network namespace/.test(stderr)) return null;
    throw this.#refused(stderr);
  }

  #nft(args: readonly string[], input: string): ReturnType<Run> {
    return this.run([...this.#prefix, 'nft', ...args], input);
  }

  #refused(stderr: string): CutoverError {
    const output = stderr.trim().split('\n').slice(0, 20);
    const where = this.settings.netns === undefined ? '' : ` in the namespace ${this.settings.netns}`;
    if (/Operation not permitted|must be root|Permission denied/i.test(stderr))
      return new CutoverError(
        'router-refused',
        `nftables${where}: expected the right to change it, found none (${output[0] ?? ''})`,
        {
          next: 'run the controller as root, or give it CAP_NET_ADMIN; or choose router.driver embedded, which needs neither',
          detail: { output },
        },
      );
    return new CutoverError(
      'router-refused',
      `nftables${where}: expected it to take table inet ${this.settings.table}, found: ${output[0] ?? 'no word of why'}`,
      {
        next: 'see what nft list ruleset says; kernels before 5.10 and nft before 1.0 lack what is needed',
        detail: { output },
      },
    );
  }

  /** Connections that are not over, for users of the service and not for testers, by the side that has them. */
  async #inFlight(route: Route): Promise<Record<Colour, number>> {
    const { exitCode, stdout, stderr } = await this.run(
      [...this.#prefix, 'conntrack', '-L', '-p', 'tcp', '--orig-port-dst', String(route.listen.port)],
      '',
    );
    if (exitCode !== 0) throw this.#refused(stderr);
    const sides = new Map(
      colours.flatMap((colour) =>
        route[colour].instances.map((instance) => [keyOf(instance), colour] as const),
      ),
    );
    const seen = { blue: 0, green: 0 };
    for (const line of stdout.split('\n')) {
      const tracked = parseTracked(line);
      if (!tracked || tracked.over) continue;
      const side = sides.get(keyOf(tracked.instance));
      if (side) seen[side]++;
    }
    return seen;
  }

  /** @throws CutoverError `router-cannot` if clients of other machines would not get to instances that are on the loopback interface */
  async #expectReachable(route: Route): Promise<void> {
    if (isLoopback(route.listen.host)) return;
    const hidden = colours.flatMap((colour) => route[colour].instances).find(({ host }) => isLoopback(host));
    if (!hidden) return;
    if (hidden.host.startsWith('127.')) {
      const { stdout } = await this.run([...this.#prefix, 'cat', localnet], '');
      if (stdout.trim() === '1') return;
    }
    throw new CutoverError(
      'router-cannot',
      `service ${route.service}: expected instances that can be reached from ${formatAddress(route.listen)}, found ${formatAddress(hidden)}, which the kernel gives no packet of another machine`,
      {
        next: 'sysctl -w net.ipv4.conf.all.route_localnet=1 lets it (keep strangers off 127.0.0.0/8 by a firewall then), or let the instances listen on an address of this machine',
      },
    );
  }

  /** With a free port where any is asked for, and refused where a program listens: it would hear of no connection any more. */
  async #withPorts(route: Route, inForce: Route | undefined): Promise<Route> {
    const own = new Set(inForce ? addressesOf(inForce).map(formatAddress) : []);
    const settle = async (address: Address): Promise<Address> =>
      own.has(formatAddress(address)) ? address : { ...address, port: await this.#free(address) };
    return {
      ...route,
      listen: await settle(route.listen),
      preview: route.preview && (await settle(route.preview)),
    };
  }

  /** The port, or a free one for 0. In another namespace only programs that listen there can be looked for. */
  async #free(address: Address): Promise<number> {
    if (this.settings.netns === undefined) return freePort(address);
    if (address.port === 0)
      throw new CutoverError(
        'router-cannot',
        `${formatAddress(address)}: expected a port, since a free one cannot be found in another network namespace`,
        { next: 'choose one for router.listen' },
      );
    const { exitCode, stdout, stderr } = await this.run([...this.#prefix, 'ss', '-ltnH'], '');
    if (exitCode !== 0) throw this.#refused(stderr);
    const taken = stdout.split('\n').some((line) => {
      const listens = parseAddress((line.trim().split(/\s+/)[3] ?? '').replace(/^\*:/, '0.0.0.0:'));
      return listens?.port === address.port && [address.host, '0.0.0.0', '::'].includes(listens.host);
    });
    if (taken) throw addressTaken(address);
    return address.port;
  }
}

/** An address by its bytes: IPv6 can be written in many ways. */
const keyOf = ({ host, port }: Address): string => `${(parseIp(host) ?? [host]).join('.')} ${port}`;

/** @throws CutoverError `router-cannot` for what is no IP address: the kernel knows no names */
function expectNumbers(route: Route): void {
  const v6 = ({ host }: Address): boolean => host.includes(':');
  for (const address of [...addressesOf(route), ...colours.flatMap((colour) => route[colour].instances)]) {
    if (parseIp(address.host) === null)
      throw new CutoverError(
        'router-cannot',
        `service ${route.service}: expected IP addresses, found ${formatAddress(address)}: the kernel knows no names`,
        { next: 'write the address in numbers' },
      );
    if (v6(address) !== v6(route.listen))
      throw new CutoverError(
        'router-cannot',
        `service ${route.service}: expected addresses of the same family, found ${formatAddress(route.listen)} and ${formatAddress(address)}: the kernel does not turn one into the other`,
        { next: 'let router.listen and the instances both be IPv4, or both IPv6' },
      );
  }
}

/** Whether packets of other machines may be for 127.0.0.0/8. */
const localnet = '/proc/sys/net/ipv4/conf/all/route_localnet';

const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1';

const addressTaken = (address: Address, cause?: unknown): CutoverError =>
  new CutoverError(
    'address-in-use',
    `${formatAddress(address)} is taken: a program listens there, which would hear of no connection any more`,
    { next: 'stop it (ss -ltnp shows it), or choose another address', cause },
  );

/**
 * The port, or a free one for 0.
 *
 * @throws CutoverError `address-in-use` if a program listens there; `address-refused` if this machine has no such address
 */
function freePort({ host, port }: Address): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    const at = formatAddress({ host, port });
    // Another machine's address can be listened on here if this one forwards its packets.
    if (error.code === 'EADDRNOTAVAIL' && port !== 0) return resolve(port);
    reject(
      error.code === 'EADDRINUSE'
        ? addressTaken({ host, port }, error)
        : new CutoverError('address-refused', `${at} cannot be used: ${error.message}`, {
            next: 'choose another router.listen',
            cause: error,
          }),
    );
  });
  server.listen({ host, port, exclusive: true }, () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
  });
  return promise;
}
