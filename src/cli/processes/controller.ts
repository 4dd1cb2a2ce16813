import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createCommandRunner } from '../../checks/command-runner.ts';
import { selfCommand } from '../self.ts';
import { selfFiles } from '../self-files.ts';
import { createProcessStrategist } from '../../strategists/process.ts';
import { createChecker } from '../../checks/index.ts';
import { systemClock } from '../../clocks/system.ts';
import { readHomeSettings } from '../../config/home-settings.ts';
import { prepareSocketDirectory, socketPath } from '../../config/home.ts';
import { readPage } from '../../config/page-file.ts';
import { parseScrapeAddress, serveMetrics, type ScrapeEndpoint } from '../../config/scrape-endpoint.ts';
import { CutoverError, errorRecord } from '../../core/errors.ts';
import type { Receipt } from '../../core/receipt.ts';
import { Engine } from '../../engine/engine.ts';
import { Tenure } from '../../engine/tenure.ts';
import { createNotifier } from '../../notifiers/index.ts';
import { HolderClient } from '../../holder/client.ts';
import { SocketsOfHolder } from '../../holder/held-sockets.ts';
import { Enrollments } from '../../platforms/host/enrollment.ts';
import { proxyKind } from '../../platforms/host/peer-kind.ts';
import { HostPlatform } from '../../platforms/host/host-platform.ts';
import { SshHosts } from '../../platforms/host/ssh/ssh-hosts.ts';
import { createProcessPlatform } from '../../platforms/process/platform.ts';
import { identityOf, isAlive, ProcessIdentity } from '../../proxy/keeper/process-identity.ts';
import { localProxy } from '../../core/proxies/rules.ts';
import { JointRouter } from '../../routers/joint/joint-router.ts';
import { localMember, remoteMember } from '../../routers/joint/members.ts';
import { RouteCopyFiles } from '../../routers/joint/route-copies.ts';
import { EmbeddedRouter } from '../../routers/embedded/embedded-router.ts';
import type { StopRequest } from '../../server/api.ts';
import { controllerMetrics } from '../../server/metrics.ts';
import { serve } from '../../server/server.ts';
import { openSqliteStore } from '../../stores/sqlite/store.ts';
import { createGauge } from '../../gauges/index.ts';
import { createWebhookSender } from '../../webhooks/sender.ts';
import { receiptPage } from '../receipt-page/page.ts';
import { receiptLines } from '../render/receipt.ts';
import { plain } from '../terminal/paint.ts';
import { version } from '../version.ts';
import { createRouters } from './routers.ts';
import { renewHolder, startHolder, stopHolder } from './holder-starter.ts';
import { withFailPoint } from './fail-point.ts';
import { ProxySupervisor } from './proxy-supervisor.ts';

/** The controller's socket within the home directory. */
export const controllerSocketName = 'controller.sock';

/** A certificate is renewed when two thirds of its time are over: far longer before its end than this. */
const renewEveryMs = 12 * 3_600_000;

const say = (text: string): void => {
  // One line for each message, whatever is in it: what comes from outside cannot forge a line.
  process.stderr.write(`${new Date().toISOString()} controller: ${text.replaceAll(/[\r\n]+/g, ' ⏎ ')}\n`);
};

/**
 * The controller: opens the log, takes the lease, sees to the proxy, goes on with what was under way, and serves the API until
 * it is stopped. Instances and proxy outlive it unless `stop` says otherwise.
 */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      home: { type: 'string' },
      workers: { type: 'string' },
      metrics: { type: 'string' },
      'controller-metrics': { type: 'string' },
    },
  });
  const home = resolve(values.home ?? '.cutover');
  try {
    const settings = readHomeSettings(home);
    await control(home, {
      workers: values.workers === undefined ? undefined : Number(values.workers),
      proxyMetrics: values.metrics ?? settings.metrics,
      metrics: values['controller-metrics'] ?? settings.controllerMetrics,
      webhookAllow: settings.webhooks?.allow ?? null,
    });
    return 0;
  } catch (error) {
    const { code, message, next } = errorRecord(error);
    say(`${code}: ${message}${next === undefined ? '' : `; next: ${next}`}`);
    if (code === 'internal' && error instanceof Error) say(error.stack ?? '');
    return 1;
  }
}

interface ControllerOptions {
  readonly workers: number | undefined;
  /** Where the proxy serves its metrics over TCP. */
  readonly proxyMetrics: string | undefined;
  /** Where the controller does. */
  readonly metrics: string | undefined;
  /** Which hosts and networks webhooks may go to; null: any but those that nobody means. */
  readonly webhookAllow: readonly string[] | null;
}

async function control(
  home: string,
  { workers, proxyMetrics, metrics, webhookAllow }: ControllerOptions,
): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const socket = socketPath(home, controllerSocketName);
  prepareSocketDirectory(socket);
  await expectNone(socket);

  const clock = systemClock;
  const store = withFailPoint(openSqliteStore(join(home, 'log.db')), process.env['CUTOVER_FAIL_POINT']);
  await store.verify();
  const ended = Promise.withResolvers<StopRequest | Error>();
  const tenure = await Tenure.take({
    store,
    clock,
    name: 'controller',
    holder: holderName(),
    isGone,
    onLost: ended.resolve,
  });

  const holder = new HolderClient(home, () => startHolder(home, clock));
  const report = (error: unknown): void => say(errorRecord(error).message);
  const sockets = new SocketsOfHolder(home, holder, [...selfCommand(), 'socket-launch'], report);
  const platform = createProcessPlatform({ home, clock, sockets });
  const enrollments = new Enrollments(home);
  const edges = new Enrollments(home, proxyKind);
  const hosts = new HostPlatform({
    home,
    workshop: platform,
    client: (host) => enrollments.client(host),
    hosts: () => enrollments.names(),
    commands: createCommandRunner({ clock }),
    ssh: new SshHosts({ program: async () => ({ files: await selfFiles() }), say }),
    say,
  });
  const renew = (): void => {
    for (const [noun, known] of [
      ['host', enrollments],
      ['proxy', edges],
    ] as const)
      for (const name of known.names())
        known
          .renewIfDue(name, clock.now())
          .catch((error: unknown) =>
            say(`the certificate for ${noun} ${name}: ${errorRecord(error).message}`),
          );
  };
  renew();
  setInterval(renew, renewEveryMs).unref();
  const router = new EmbeddedRouter(home);
  const decided = (): ReadonlyMap<string, number> =>
    new Map(engine.services().flatMap(({ name, decided }) => (decided === 0 ? [] : [[name, decided]])));
  const joint = new JointRouter({
    local: router,
    clock,
    copies: new RouteCopyFiles(home),
    enrolled: () => edges.names(),
    member: (name) =>
      name === localProxy ? localMember(router.socket) : remoteMember(name, () => edges.client(name)),
    decided,
    inOffice: async () => (await store.readLease(tenure.lease.name))?.fence === tenure.lease.fence,
    say,
  });
  const webhooks = createWebhookSender({ clock, allow: webhookAllow });
  const receipt = {
    text: (each: Receipt) => receiptLines(each, plain).join('\n'),
    page: receiptPage,
  };
  const engine: Engine = new Engine({
    store,
    clock,
    checker: createChecker({ clock }),
    strategist: createProcessStrategist([...selfCommand(), 'strategy']),
    commands: createCommandRunner({ clock }),
    gauge: createGauge(),
    webhooks,
    notifier: (target, base) => createNotifier({ webhooks, receipt }, target, base),
    platform: (driver) => (driver === 'host' ? hosts : platform),
    router: createRouters(joint, holder, clock, home),
    lease: () => tenure.lease,
    readPage,
  });
  engine.watchProgress(({ service, deployment, text }) => say(`${service} ${deployment}: ${text}`));

  const proxy = new ProxySupervisor({
    home,
    router,
    clock,
    workers,
    metrics: proxyMetrics,
    say,
    // A proxy that was restarted may have lost what it knew.
    onRestart: async () => {
      for (const { name } of engine.services()) await engine.reassert(name);
    },
  });
  await proxy.start();
  const warnings: string[] = [];
  await renewHolder(home, holder, clock).catch(report);
  try {
    await platform.adopt();
  } catch (error) {
    // One damaged record must not keep the rest from being looked after.
    warnings.push(errorRecord(error).message);
  }
  // Hosts that do not answer keep nobody waiting.
  hosts.adopt().catch((error: unknown) => say(errorRecord(error).message));
  const resumed = await engine.resume();
  // After the services are known, and what was under way has begun again.
  joint.begin();
  for (const { message } of resumed) warnings.push(message);
  for (const warning of warnings) say(warning);

  const identity = { pid: process.pid, version, startedAt: clock.now(), home, warnings };
  const parts = { engine, clock, identity, lease: () => tenure.lease };
  const server = serve(socket, {
    ...parts,
    proxy: () => proxy.status(),
    proxies: () => joint.seen(),
    stop: ended.resolve,
  });
  let endpoint: ScrapeEndpoint | undefined;
  const address = metrics === undefined ? undefined : parseScrapeAddress(metrics);
  try {
    endpoint = address && serveMetrics(address, () => Promise.resolve(controllerMetrics(parts)));
  } catch (error) {
    // Deployments do not depend on metrics.
    warnings.push(errorRecord(error).message);
    say(errorRecord(error).message);
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => ended.resolve({ by: signal, instances: false, proxy: false }));
  }
  say(`ready at ${socket}`);

  const reason = await ended.promise;
  const request = reason instanceof Error ? null : reason;
  say(request ? `stops, asked by ${request.by}` : `stops: ${errorRecord(reason).message}`);
  await endpoint?.close();
  proxy.release();
  await engine.stop();
  await joint.close();
  if (request?.proxy) await proxy.end();
  if (request?.instances) {
    const environments = engine.services().flatMap(({ name }) => [
      { service: name, colour: 'blue' as const },
      { service: name, colour: 'green' as const },
    ]);
    await Promise.all(
      environments.flatMap((environment) => [platform.stop(environment), hosts.stop(environment)]),
    );
  }
  await hosts.close();
  // While an instance has a socket, nobody else knows its place among the others.
  if (request?.proxy && request.instances) await stopHolder(holder);
  await platform.close();
  if (request) await tenure.end();
  store.close();
  // Last: whoever waits for the socket to fall silent finds everything done.
  await server.stop();
  if (reason instanceof Error) throw reason;
}

async function expectNone(socket: string): Promise<void> {
  try {
    await fetch('http://controller/v1/status', { unix: socket, signal: AbortSignal.timeout(2000) });
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new CutoverError('controller-running', `a controller holds ${socket} but does not answer`, {
        next: 'see what that process is doing, or kill it; nothing is lost by that',
        cause: error,
      });
    }
    return; // Nobody answers there: the socket is absent, or left from one that died.
  }
  throw new CutoverError(
    'controller-running',
    `expected no controller at ${socket}, found one that answers`,
    {
      next: 'use it as it is, or stop it first with cutover down',
    },
  );
}

/** Names this very process, so that the next controller can tell whether the one before can come back. */
function holderName(): string {
  return JSON.stringify({ host: hostname(), process: identityOf(process.pid) ?? null });
}

function isGone(holder: string): boolean {
  let found: unknown;
  try {
    found = JSON.parse(holder);
  } catch {
    return false; // Not one of our names: wait for its time to pass.
  }
  if (typeof found !== 'object' || found === null || !('host' in found) || !('process' in found))
    return false;
  const identity = ProcessIdentity.safeParse(found.process);
  return found.host === hostname() && identity.success && !isAlive(identity.data);
}
