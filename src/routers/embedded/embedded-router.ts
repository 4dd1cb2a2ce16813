import { z } from 'zod';
import { socketPath } from '../../config/home.ts';
import { CutoverError } from '../../core/errors.ts';
import { Applied, Counters, Evicted, type Eviction, Route } from '../../core/traffic.ts';
import { DiffReport } from '../../core/mirror/diff-report.ts';
import type { RouteMirror } from '../../core/mirror/route-mirror.ts';
import type { Mode } from '../../core/mode.ts';
import { Pass, type PassOrder } from '../../core/testers.ts';
import type { Weights } from '../../core/weights.ts';
import type { Router, RouterCapabilities } from '../../ports/router.ts';
import type { Colour } from '../../core/colour.ts';
import {
  adminSocketName,
  AppliedTogether,
  ProxyStatus,
  Removed,
  type StopOrder,
  Upgrading,
} from '../../proxy/admin/protocol.ts';
import { askProxy } from './admin-client.ts';

const applyMs = 10_000;
const readMs = 2_000;
/** The program on disk is asked for its version meanwhile. */
const upgradeMs = 15_000;

const pathOf = (service: string): string => `/v1/services/${encodeURIComponent(service)}`;

/** The router that is our own proxy, told over its admin socket. Each call may be made again after `proxy-absent`. */
export class EmbeddedRouter implements Router {
  readonly capabilities: RouterCapabilities = {
    carries: 'all',
    preview: true,
    counters: true,
    inFlight: true,
    instances: true,
    weights: true,
    modes: true,
    evict: true,
    mirror: true,
    together: true,
  };
  readonly socket: string;

  /**
   * @param home absolute path of the home directory that the keeper was started with
   * @param socket where its admin API answers, if not in the home
   */
  constructor(home: string, socket = socketPath(home, adminSocketName)) {
    this.socket = socket;
  }

  apply(route: Route): Promise<Applied> {
    return askProxy(
      this.socket,
      { method: 'PUT', path: pathOf(route.service), body: route, timeoutMs: applyMs },
      Applied,
    );
  }

  async applyTogether(routes: readonly Route[]): Promise<readonly Applied[]> {
    const { applied } = await askProxy(
      this.socket,
      { method: 'PUT', path: '/v1/services', body: { routes }, timeoutMs: applyMs },
      AppliedTogether,
    );
    return applied;
  }

  async read(service: string): Promise<Route | null> {
    try {
      return await askProxy(this.socket, { method: 'GET', path: pathOf(service), timeoutMs: readMs }, Route);
    } catch (error) {
      if (error instanceof CutoverError && error.code === 'service-unknown') return null;
      throw error;
    }
  }

  counters(service: string): Promise<Counters> {
    return askProxy(
      this.socket,
      { method: 'GET', path: `${pathOf(service)}/counters`, timeoutMs: readMs },
      Counters,
    );
  }

  evict(service: string, eviction: Eviction): Promise<Evicted> {
    return askProxy(
      this.socket,
      { method: 'POST', path: `${pathOf(service)}/evict`, body: eviction, timeoutMs: applyMs },
      Evicted,
    );
  }

  async mirrored(service: string, id: string | null): Promise<DiffReport | null> {
    const query = id === null ? '' : `?id=${encodeURIComponent(id)}`;
    const Reported = z.object({ report: DiffReport.nullable() });
    return (
      await askProxy(
        this.socket,
        { method: 'GET', path: `${pathOf(service)}/mirror${query}`, timeoutMs: applyMs },
        Reported,
      )
    ).report;
  }

  /** Has a proxy that runs alone copy requests to the side that is not live; null: none any more. */
  mirror(service: string, mirror: Omit<RouteMirror, 'to'> | null): Promise<Applied> {
    return askProxy(
      this.socket,
      { method: 'POST', path: `${pathOf(service)}/mirror`, body: { mirror }, timeoutMs: applyMs },
      Applied,
    );
  }

  pass(service: string, order: PassOrder): Promise<Pass> {
    return askProxy(
      this.socket,
      { method: 'POST', path: `${pathOf(service)}/pass`, body: order, timeoutMs: readMs },
      Pass,
    );
  }

  async remove(service: string, epoch: number): Promise<void> {
    await askProxy(
      this.socket,
      { method: 'DELETE', path: `${pathOf(service)}?epoch=${epoch}`, timeoutMs: applyMs },
      Removed,
    );
  }

  /** The proxy's own state, beyond the port. */
  status(): Promise<ProxyStatus> {
    return askProxy(this.socket, { method: 'GET', path: '/v1/status', timeoutMs: readMs }, ProxyStatus);
  }

  /** Sends the traffic of a proxy that runs alone to the other side. */
  switchTo(service: string, to: Colour): Promise<Applied> {
    return askProxy(
      this.socket,
      { method: 'POST', path: `${pathOf(service)}/switch`, body: { to }, timeoutMs: applyMs },
      Applied,
    );
  }

  /** Divides the traffic of a proxy that runs alone between both sides. */
  divide(service: string, weights: Weights): Promise<Applied> {
    return askProxy(
      this.socket,
      { method: 'POST', path: `${pathOf(service)}/weights`, body: weights, timeoutMs: applyMs },
      Applied,
    );
  }

  /** Sets how a proxy that runs alone meets requests. */
  setMode(service: string, mode: z.input<typeof Mode>): Promise<Applied> {
    return askProxy(
      this.socket,
      { method: 'POST', path: `${pathOf(service)}/mode`, body: mode, timeoutMs: applyMs },
      Applied,
    );
  }

  /** Has the proxy become the program that is now on disk; that goes on after the answer. */
  upgrade(): Promise<Upgrading> {
    return askProxy(
      this.socket,
      { method: 'POST', path: '/v1/upgrade', body: {}, timeoutMs: upgradeMs },
      Upgrading,
    );
  }

  /** Asks the proxy to end; it drains after the answer. Returns the keeper's pid, whose end is the end of the stop. */
  async stop(order: StopOrder): Promise<number> {
    const Stopping = z.object({ stopping: z.literal(true), pid: z.int() });
    return (
      await askProxy(
        this.socket,
        { method: 'POST', path: '/v1/stop', body: order, timeoutMs: readMs },
        Stopping,
      )
    ).pid;
  }
}
