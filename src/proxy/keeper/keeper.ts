import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { prepareSocketDirectory, socketPath } from '../../config/home.ts';
import { formatAddress, type Address } from '../../core/address.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { Applied, Counters, Evicted, Eviction, Route } from '../../core/traffic.ts';
import type { ProxyStatus, StopOrder } from '../admin/protocol.ts';
import { proxyMetrics } from '../admin/metrics.ts';
import type { Listener, Table } from '../data-plane.ts';
import { TableFile } from '../table/table-file.ts';
import {
  addressesOf,
  listenAddresses,
  routeOf,
  sameButMirrors,
  tlsOf,
  withPortsOf,
  withFreeSide,
  withRoutes,
  withoutService,
  type ProxyTable,
} from '../table/table.ts';
import { Steward } from '../acme/steward.ts';
import { CertificateWatch, examineCertificates, examineUpstream } from '../tls/certificate-watch.ts';
import { switchTogether } from './barrier.ts';
import { Fleet } from './fleet.ts';
import { deferAccept } from './listening-socket.ts';
import { Joint } from './joint.ts';
import { InstanceChecks } from './instance-checks.ts';
import { MirrorSteward } from './mirror-steward.ts';
import { lockKeeper } from './keeper-lock.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { examineAccessLog, LogRotation } from './log-rotation.ts';
import { ListenerSet } from './listener-set.ts';
import { PageShelf } from './page-shelf.ts';
import { rehearseChange } from './rehearsal.ts';
import { RosterFile } from './roster.ts';
import { Serial } from './serial.ts';
import type { Pass, PassOrder } from '../../core/testers.ts';
import { signToken } from '../preview/token.ts';
import { PreviewSecrets } from './preview-secrets.ts';
import { StickyKeys } from './sticky-keys.ts';
import { reap } from './succession.ts';
import { Takeover } from './takeover.ts';
import type { WorkerHandle } from './worker-handle.ts';

export interface KeeperOptions {
  /** Absolute path of the home directory; everything of the keeper is in `proxy/` within it. */
  readonly home: string;
  /** Argument vector that starts a worker: a program that calls `runWorker`. */
  readonly workerCommand: readonly string[];
  /** Argument vector that starts the process that asks an authority: a program that calls `runIssuer`. */
  readonly issuerCommand: readonly string[];
  /** Argument vector that starts the process that mirrors: a program that calls `runMirror`. Absent: nothing can be mirrored. */
  readonly mirrorCommand?: readonly string[];
  /** How long after the first failure an authority is asked again (default 1 minute). */
  readonly issuerRetryMs?: number;
  readonly workers: number;
  /** Of the program, for `status`. */
  readonly version: string;
  /** How long a worker that is replaced may finish what it has begun (default 60 s). */
  readonly drainMs?: number;
  /** How long a worker may take to answer before it is killed and replaced (default 1 s). */
  readonly answerMs?: number;
  /** It runs by itself, with no controller (`ProxyStatus.alone`). Default: false. */
  readonly alone?: boolean;
  /** Where lines for people go. */
  readonly log: (line: string) => void;
}

/** Whether a route has cookies of our own. */
const signsCookies = ({ sticky, testers }: Route): boolean =>
  sticky?.by === 'cookie' || (testers?.cookie ?? null) !== null;

const mirrorSocketOf = (home: string): string => socketPath(home, 'proxy/mirror.sock');

const readyMs = 10_000;
const pulseMs = 1000;
const bindAgainMs = 10;

/**
 * The one process of a home directory that owns the listening sockets and the routing table, and tells the workers what to do.
 * It never touches traffic: when it dies, traffic goes on, and the next keeper takes over sockets, table and all.
 */
export class Keeper {
  readonly bootId = randomUUID();
  readonly stopped: Promise<void>;
  private readonly startedAt = Date.now();
  private readonly turns = new Serial();
  private readonly resolveStopped: () => void;
  private pulse: Timer | undefined;
  private readonly checks = new InstanceChecks((instance, sick) => {
    this.options.log(`instance ${instance} is ${sick ? 'sick and gets no new requests' : 'healthy again'}`);
    void this.fleet.sicken(this.checks.sick());
  });
  private stopping = false;
  /** What the workers in their slots accept on. */
  private served: readonly Listener[] = [];
  /** Workers of the program before this one, until they have ended. */
  private orphans: readonly ProcessIdentity[] = [];
  private readonly certificates: CertificateWatch;
  private readonly steward: Steward;
  private readonly rotation: LogRotation;
  private readonly mirrors: MirrorSteward;
  /** What it is told as one of several proxies. */
  readonly joint: Joint;
  /** Addresses of the table that could not be bound, with the reason. */
  private readonly unbound = new Map<string, { readonly address: Address; readonly reason: string }>();

  private constructor(
    private readonly options: KeeperOptions,
    private readonly file: TableFile,
    private readonly listeners: ListenerSet,
    private readonly fleet: Fleet,
    private readonly roster: RosterFile,
    /** Lets another keeper start in this home: the last thing to do, when nothing of this one is left there. */
    readonly unlock: () => void,
    private readonly shelf: PageShelf,
    private readonly stickyKeys: StickyKeys,
    private readonly previewSecrets: PreviewSecrets,
    private inForce: ProxyTable,
    private readonly warnings: string[],
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.certificates = new CertificateWatch(options.log);
    this.steward = new Steward({
      folder: join(options.home, 'proxy', 'acme'),
      command: options.issuerCommand,
      publish: (challenges) => fleet.prove(challenges),
      log: options.log,
      ...(options.issuerRetryMs === undefined ? {} : { firstRetryMs: options.issuerRetryMs }),
    });
    this.rotation = new LogRotation(options.log);
    this.mirrors = new MirrorSteward({
      command: options.mirrorCommand,
      socket: mirrorSocketOf(options.home),
      folder: join(options.home, 'proxy', 'mirror'),
      log: options.log,
    });
    this.joint = new Joint({
      bootId: this.bootId,
      log: options.log,
      table: () => this.inForce,
      change: (task) => this.change(task),
      write: (table) => this.write(table),
      ready: (route) => this.ready(route),
      unready: () => this.listeners.keepOnly(listenAddresses(this.inForce)),
      put: async (next, service) => {
        const { held, counters } = await this.put(next, [service]);
        return { held, counters: counters[0] ?? fleet.counters(service, this.bootId) };
      },
      face: () => this.face(),
      lease: (leases) => fleet.lease(leases),
      counters: (service) => this.counters(service),
      evict: (service, eviction) => this.evict(service, eviction),
      about: () => {
        const { version, pid, workers, warnings } = this.status();
        return { version, pid, workers: workers.filter(({ ready }) => ready).length, warnings };
      },
    });
    this.stopped = promise;
    this.resolveStopped = resolve;
  }

  /**
   * Starts to serve by the table on disk, taking over from the workers of a keeper that died. When it resolves, no worker of
   * the former keeper routes a new request.
   *
   * @throws CutoverError `proxy-running` if another keeper lives; `io-failed` if no worker comes up
   */
  static async start(options: KeeperOptions): Promise<Keeper> {
    const directory = join(options.home, 'proxy');
    const unlock = lockKeeper(directory);
    try {
      return await Keeper.startLocked(options, directory, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  private static async startLocked(
    options: KeeperOptions,
    directory: string,
    unlock: () => void,
  ): Promise<Keeper> {
    const file = new TableFile(directory);
    const { table, warnings } = file.load();
    for (const warning of warnings) options.log(warning);
    const roster = new RosterFile(directory);
    const former = roster.read();
    for (const { pid } of former) reap(pid);
    const orphans = former.filter(isAlive);
    const answerMs = options.answerMs ?? 1000;
    const inbox = socketPath(options.home, 'proxy/takeover.sock');
    prepareSocketDirectory(inbox);
    const takeover = orphans.length ? new Takeover(inbox, orphans, answerMs) : undefined;
    try {
      if (takeover) options.log(`taking over from ${orphans.length} workers of a keeper that is gone`);
      const listeners = new ListenerSet((await takeover?.listeners()) ?? new Map());
      listeners.keepOnly(listenAddresses(table));
      const shelf = new PageShelf(directory, options.log);
      shelf.fill(table.routes);
      const stickyKeys = new StickyKeys(directory, options.log);
      try {
        if (table.routes.some(signsCookies)) stickyKeys.need();
      } catch (error) {
        // Without a key each request goes by itself; without a keeper none would.
        options.log(errorRecord(error).message);
      }
      const previewSecrets = new PreviewSecrets(options.log);
      const problems = previewSecrets.fill(table.routes);
      const fleet: Fleet = new Fleet({
        command: options.workerCommand,
        size: options.workers,
        inbox,
        drainMs: options.drainMs ?? 60_000,
        answerMs,
        readyMs,
        roster,
        orphans,
        log: options.log,
        listeners: () => listeners.all(),
        provisions: () => ({
          pages: shelf.pages,
          stickyKeys: stickyKeys.keys,
          previewSecrets: previewSecrets.secrets,
          ...(options.mirrorCommand && { mirrorSocket: mirrorSocketOf(options.home) }),
        }),
        inTurn: (task) => keeper.turns.run(() => task(keeper.tableOf(keeper.inForce), listeners.all())),
      });
      const keeper: Keeper = new Keeper(
        options,
        file,
        listeners,
        fleet,
        roster,
        unlock,
        shelf,
        stickyKeys,
        previewSecrets,
        table,
        [...warnings, ...problems],
      );
      await keeper.bindTable();
      for (const { service, tls } of table.routes)
        if (tls?.acme)
          // Traffic of other hosts does not wait for it to be mended.
          await keeper.steward
            .prepare(service, tls.acme)
            .catch((error: unknown) => keeper.warn(errorRecord(error).message));
      await keeper.replaceWorkers();
      await takeover?.drain();
      // An orphan that did not answer held its sockets until now, and the last of its threads ends a moment after it.
      for (
        const end = performance.now() + answerMs;
        takeover && keeper.unbound.size && performance.now() < end;
      ) {
        await keeper.bindAgain();
        if (keeper.unbound.size) await Bun.sleep(bindAgainMs);
      }
      void keeper.mirrors.follow(keeper.inForce.routes);
      keeper.certificates.look(keeper.inForce.routes);
      keeper.steward.follow(keeper.inForce.routes);
      rehearseChange();
      keeper.checks.follow(table);
      keeper.orphans = orphans;
      keeper.pulse = setInterval(() => keeper.beat(), pulseMs);
      return keeper;
    } finally {
      takeover?.close();
    }
  }

  /** As `Router.apply` (ports/router.ts). */
  async apply(route: Route): Promise<Applied> {
    const [applied] = await this.applyTogether([route]);
    if (!applied) throw new Error('a route was put in force, and nothing was said of it');
    return applied;
  }

  /** As `Router.applyTogether`: one table with all of them, and one barrier. */
  applyTogether(routes: readonly Route[]): Promise<Applied[]> {
    return this.change(async () => {
      const asked = routes.map((route) => withPortsOf(routeOf(this.inForce, route.service), route));
      const former = this.inForce.routes;
      if (!withRoutes(this.inForce, asked)) {
        // A secret may have changed in its file.
        const read = asked.map((route) => this.previewSecrets.read(route, former));
        if (read.includes(true)) await this.fleet.provide();
        await this.fleet.refreshCounters();
        return asked.map((route) => this.applied(route, { changed: false, holdMs: 0, held: 0 }));
      }
      const before = this.listeners.all();
      try {
        let unprovided = false;
        for (const route of asked) unprovided = (await this.examined(route)) || unprovided;
        if (unprovided) await this.fleet.provide();
        const opened: Route[] = [];
        for (const route of asked) opened.push(await this.opened(route));
        const entered = withRoutes(this.inForce, opened);
        const next =
          entered &&
          this.joint.overtaken(
            entered,
            opened.map(({ service }) => service),
          );
        if (!next) throw new Error('a route that differed is the same with its ports settled');
        const changed = opened.map(({ service, epoch }) => this.route(service)?.epoch !== epoch);
        const { holdMs, held, counters } = await this.put(
          next,
          opened.map(({ service }) => service),
        );
        return opened.map((route, index) => ({
          epoch: route.epoch,
          changed: changed[index] ?? true,
          holdMs,
          held,
          counters: counters[index] ?? this.fleet.counters(route.service, this.bootId),
        }));
      } catch (error) {
        this.listeners.keepOnly(new Map(before.map(({ address }) => [formatAddress(address), address])));
        throw error;
      }
    });
  }

  private applied({ service, epoch }: Route, more: Pick<Applied, 'changed' | 'holdMs' | 'held'>): Applied {
    return { epoch, ...more, counters: this.fleet.counters(service, this.bootId) };
  }

  /** Whether the workers are to be provided with something before they route by it. Throws for what they could not route by. */
  private async examined(asked: Route): Promise<boolean> {
    if (asked.tls) examineCertificates(asked.service, asked.tls);
    if (asked.tls?.acme) await this.steward.prepare(asked.service, asked.tls.acme);
    await examineAccessLog(asked);
    examineUpstream(asked);
    this.examineMirror(asked);
    const newKey = signsCookies(asked) && this.stickyKeys.need();
    const newSecret = this.previewSecrets.read(asked, this.inForce.routes);
    return this.shelf.read(asked, this.inForce.routes) || newKey || newSecret;
  }

  /** As it may come in force: checked, with what it needs at hand. */
  private async ready(route: Route): Promise<Route> {
    const asked = withPortsOf(routeOf(this.inForce, route.service), route);
    if (!withRoutes(this.inForce, [asked])) return asked;
    if (await this.examined(asked)) await this.fleet.provide();
    try {
      return await this.opened(asked);
    } catch (error) {
      this.listeners.keepOnly(listenAddresses(this.inForce));
      throw error;
    }
  }

  /** Has a table on disk and in memory by which users meet nothing else. */
  private write(table: ProxyTable): void {
    const prepared = this.file.prepare(table);
    this.commit(prepared, this.inForce);
    this.inForce = table;
  }

  /** Has the workers route by the table in force as they are to meet requests just now. No worker waits for another. */
  private async face(): Promise<void> {
    await switchTogether(this.fleet.routing(), this.tableOf(this.inForce), {
      takeOver: () => undefined,
      counted: () => undefined,
      startOthers: null,
      answerMs: this.options.answerMs ?? 1000,
      holds: false,
    });
  }

  /** The route with the addresses that are now listened on. */
  private async opened(asked: Route): Promise<Route> {
    const [listen = asked.listen, ...others] = await this.listeners.open(addressesOf(asked));
    const preview = asked.preview && (others.shift() ?? null);
    const redirect = asked.tls?.redirect ? (others.shift() ?? null) : null;
    return { ...asked, listen, preview, ...(asked.tls && { tls: { ...asked.tls, redirect } }) };
  }

  /** As `Router.remove`; false if there was no such service. */
  remove(service: string, epoch: number): Promise<boolean> {
    return this.change(async () => {
      const next = withoutService(this.inForce, service, epoch);
      if (next) await this.put(next, [service]);
      return next !== null;
    });
  }

  /** Signs cookies with another key from now on; those by the one before are still taken, and renewed. */
  rotateStickyKey(): Promise<void> {
    return this.change(() => this.stickyKeys.rotate(() => this.fleet.provide()));
  }

  /**
   * As `Router.pass`.
   *
   * @throws CutoverError `service-unknown`; `request-invalid` if testers of the service get no cookies
   */
  pass(service: string, { forS, release }: PassOrder): Promise<Pass> {
    return this.change(() => {
      const cookie = this.route(service)?.testers?.cookie ?? null;
      const [key] = this.stickyKeys.keys;
      if (cookie === null || key === undefined)
        throw new CutoverError(
          'request-invalid',
          `service ${service}: expected router.previewCookie in what is in force, found none`,
          { next: 'add router.previewCookie: {} to the spec and deploy' },
        );
      const expiresS = Math.floor(Date.now() / 1000) + forS;
      const token = signToken(key, service, { expiresS, release });
      return Promise.resolve({ token, expiresS, release, door: cookie.door, cookie: cookie.name });
    });
  }

  /** As `Router.evict`. */
  evict(service: string, eviction: Eviction): Promise<Evicted> {
    return this.change(async () => {
      withFreeSide(this.inForce, service, eviction);
      const { colour, overMs } = eviction;
      const { inFlight } = (await this.counters(service))[colour];
      await this.fleet.evict(service, colour, overMs);
      return { inFlight };
    });
  }

  /** The report of a mirror, as text; without an id that of the one that was begun last. */
  diffReport(service: string, id: string | null): Promise<string | null> {
    return this.mirrors.report(service, id);
  }

  private examineMirror({ service, mirror }: Route): void {
    if (mirror === undefined || this.mirrors.able) return;
    throw new CutoverError(
      'router-cannot',
      `service ${service}: this proxy was started without what mirrors`,
      {
        next: 'run it by cutover up or cutover proxy',
      },
    );
  }

  route(service: string): Route | null {
    return routeOf(this.inForce, service) ?? null;
  }

  get table(): ProxyTable {
    return this.inForce;
  }

  async counters(service: string): Promise<Counters> {
    await this.fleet.refreshCounters();
    return this.fleet.counters(service, this.bootId);
  }

  /** All counters of all services as Prometheus text. */
  async metrics(): Promise<string> {
    await this.fleet.refreshCounters();
    const services = this.inForce.routes.map((route) => ({
      route,
      counters: this.fleet.counters(route.service, this.bootId),
    }));
    const certificates = this.certificates.validity();
    return proxyMetrics({ status: this.status(), services, certificates, mirrors: this.mirrors.found() });
  }

  status(): ProxyStatus {
    return {
      pid: process.pid,
      bootId: this.bootId,
      version: this.options.version,
      startedAt: this.startedAt,
      workers: this.fleet.status(),
      draining: this.fleet.draining(),
      table: { version: this.inForce.version, services: this.inForce.routes.map(({ service }) => service) },
      listeners: this.listeners.all().map(({ address }) => address),
      sick: this.checks.sick(),
      certificates: [...this.certificates.status(), ...this.steward.status()],
      alone: this.options.alone ?? false,
      joint: this.joint.stands(),
      warnings: [
        ...this.warnings,
        ...[...this.unbound.values()].map(({ reason }) => reason),
        ...this.certificates.problems(Date.now()),
        ...this.steward.problems(),
        ...this.shelf.warnings,
      ],
    };
  }

  /** Ends the keeper, and the workers after their drain unless they are to be kept. Idempotent; `stopped` says when it is done. */
  stop({ drainMs, keepWorkers }: StopOrder): Promise<void> {
    if (!this.stopping) {
      this.stopping = true;
      clearInterval(this.pulse);
      this.checks.stop();
      this.joint.stop();
      void this.turns.run(() => this.end(drainMs, keepWorkers)).finally(() => this.resolveStopped());
    }
    return this.stopped;
  }

  private async end(drainMs: number, keepWorkers: boolean): Promise<void> {
    await this.steward.stop();
    await this.mirrors.stop();
    if (keepWorkers) this.fleet.abandon();
    else {
      this.listeners.keepOnly(new Map());
      await this.fleet.stop(drainMs);
      this.roster.remove();
    }
  }

  /** What workers route by: the table, with the files of what authorities have signed. */
  private tableOf(table: ProxyTable): Table {
    // First: what ends in between is closed in the routes.
    const leases = this.joint.leases(table);
    return {
      version: table.version,
      leases,
      routes: table.routes.map((known) => {
        const route = this.joint.faced(known, table);
        return route.tls?.acme ? { ...route, tls: this.steward.served(route.tls) } : route;
      }),
    };
  }

  private change<T>(task: () => Promise<T>): Promise<T> {
    return this.turns.run(() => {
      if (this.stopping)
        throw new CutoverError('proxy-absent', 'the proxy is stopping and takes no change', {
          next: 'start it again: cutover up',
        });
      return task();
    });
  }

  /** Puts a table in force: on disk, in every worker, with the sockets that it needs and no others. */
  private async put(
    next: ProxyTable,
    services: readonly string[],
  ): Promise<{ holdMs: number; held: number; counters: readonly Counters[] }> {
    const prepared = this.file.prepare(next);
    let fresh: WorkerHandle[] | null = null;
    const table = this.tableOf(next);
    const former = this.inForce;
    const counted = (): Counters[] => services.map((service) => this.fleet.counters(service, this.bootId));
    let counters: Counters[] | undefined;
    try {
      const wanted = listenAddresses(next);
      const needed = this.listeners.all().filter(({ address }) => wanted.has(formatAddress(address)));
      // How a socket is listened on is settled when a worker begins to: other TLS takes other workers, too.
      if (
        needed.length !== this.served.length ||
        needed.some((listener) => !this.served.includes(listener)) ||
        !Bun.deepEquals(tlsOf(former), tlsOf(next))
      )
        fresh = await this.fleet.prepareSet(needed);
      // Before anyone holds: a disk takes as long as it takes, and requests must not wait for it. A keeper that dies between
      // this and the swap is followed by one that starts from the new table.
      this.commit(prepared, former);
      this.deferAccepts(next);
      // Before the first copy comes; no user waits for it.
      await this.mirrors.follow(next.routes);
      const others = fresh;
      const { holdMs, held } = await switchTogether(this.fleet.routing(), table, {
        takeOver: () => (this.inForce = next),
        counted: () => (counters = counted()),
        startOthers: others && (() => this.fleet.startSet(others, table)),
        answerMs: this.options.answerMs ?? 1000,
        // Who gets the requests of users stays as it is: nobody has to wait for anybody.
        holds: !sameButMirrors(former, next),
      });
      if (fresh) this.fleet.installSet(fresh);
      this.served = needed;
      this.checks.follow(next);
      this.listeners.keepOnly(wanted);
      this.certificates.look(next.routes);
      this.steward.follow(next.routes);
      for (const key of this.unbound.keys()) if (!wanted.has(key)) this.unbound.delete(key);
      return { holdMs, held, counters: counters ?? counted() };
    } catch (error) {
      prepared.discard();
      for (const worker of fresh ?? []) worker.kill();
      throw error;
    }
  }

  /** A commit that fails half-way may have put the new table on disk, which nobody routes by: the former one is put back. */
  private commit(prepared: { commit(): void }, former: ProxyTable): void {
    try {
      prepared.commit();
    } catch (error) {
      try {
        this.file.prepare(former).commit();
      } catch (second) {
        this.warn(
          `the table on disk may be newer than the one in force: ${second instanceof Error ? second.message : String(second)}`,
        );
      }
      throw error;
    }
  }

  private async bindTable(): Promise<void> {
    for (const [key, { address, service }] of listenAddresses(this.inForce)) {
      try {
        await this.listeners.open([address]);
        this.unbound.delete(key);
      } catch (error) {
        const reason = `service ${service} is not served at ${key}: ${error instanceof Error ? error.message : String(error)}`;
        if (!this.unbound.has(key)) this.options.log(reason);
        this.unbound.set(key, { address, reason });
      }
    }
  }

  /** Where clients begin with a PROXY header, they speak first. */
  private deferAccepts(table: ProxyTable): void {
    const greeted = new Set(
      table.routes.flatMap((route) =>
        route.entrance?.proxyProtocol === true ? addressesOf(route).map(formatAddress) : [],
      ),
    );
    for (const { address, fd } of this.listeners.all()) deferAccept(fd, greeted.has(formatAddress(address)));
  }

  /** A fresh set of workers with all the sockets, by the table in force. */
  private async replaceWorkers(): Promise<void> {
    const listeners = this.listeners.all();
    this.deferAccepts(this.inForce);
    const fresh = await this.fleet.prepareSet(listeners);
    await this.fleet.startSet(fresh, this.tableOf(this.inForce));
    this.fleet.installSet(fresh);
    this.served = listeners;
  }

  private async bindAgain(): Promise<void> {
    const before = this.unbound.size;
    await this.bindTable();
    if (this.unbound.size < before) await this.replaceWorkers();
  }

  /** Each second: what workers counted is fetched, so that little is lost with one, and missing addresses are tried again. */
  private beat(): void {
    void this.fleet.refreshCounters();
    // Also none: a worker may have taken the place of one that was told of some.
    void this.fleet.sicken(this.checks.sick());
    // After an upgrade the former workers are still children of this process.
    this.orphans = this.orphans.filter(({ pid }) => !reap(pid));
    this.certificates.look(this.inForce.routes);
    this.steward.look();
    this.rotation.look(this.inForce.routes);
    if (!this.unbound.size) return;
    this.turns
      .run(() => this.bindAgain())
      .catch((error: unknown) =>
        this.options.log(`trying the missing addresses again failed: ${String(error)}`),
      );
  }

  /** Tells a person: in the log now, and in `status` from now on. */
  warn(warning: string): void {
    this.options.log(warning);
    this.warnings.push(warning);
    // Only the latest are of use, and a disk that stays full must not fill the memory too.
    if (this.warnings.length > 20) this.warnings.shift();
  }
}
