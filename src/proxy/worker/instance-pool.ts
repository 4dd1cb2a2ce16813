import type { Address } from '../../core/address.ts';
import { formatAddress } from '../../core/address-text.ts';
import type { InstancePolicy } from '../../core/instance-policy.ts';
import type { ProxyVersion } from '../../core/proxy-header.ts';
import type { Dialer } from '../upstream/dialer.ts';
import { InstanceSessions } from '../upstream/instance-sessions.ts';
import { defaultPolicy, InstanceCare } from './instance-care.ts';
import type { Plane } from './plane.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** One instance of one release, and the idle connections to it. */
export class InstancePool {
  inFlight = 0;
  /** What it is across processes (`instanceKey`), and the number of its address. */
  key = '';
  number = 0;
  policy: InstancePolicy = defaultPolicy;
  readonly care = new InstanceCare();
  /** It left the table: connections to it are closed when they get idle. */
  retired = false;
  /** Why no connection to it could be used, when that was tried last; null: there is nothing to say. */
  problem: string | null = null;
  /** In which version its connections begin with a PROXY header, which makes each of them one client's; null: they do not. */
  readonly sendProxy: ProxyVersion | null;
  /** If it speaks HTTP/2: a connection is one stream then, and never idle. */
  readonly sessions: InstanceSessions | null;
  /** The one used last is taken first: the others get old and are closed. */
  private readonly idle: UpstreamConnection[] = [];

  constructor(
    readonly plane: Plane,
    readonly address: Address,
    readonly dialer: Dialer,
  ) {
    this.sendProxy = dialer.sendProxy;
    this.sessions =
      dialer.protocol === 'h2'
        ? new InstanceSessions(
            {
              now: plane.now,
              onDefect: plane.defect,
              connectMs: plane.limits.connectMs,
              idleMs: plane.limits.upstreamIdleMs,
              alive: plane.sessions,
            },
            address,
            dialer,
          )
        : null;
  }

  /** Begins a connection; see `UpstreamConnection.connect`. */
  connect(connection: UpstreamConnection): void {
    if (this.sessions === null) this.dialer.dial(this.address, connection);
    else this.sessions.connect(connection);
  }

  /** Says once what is wrong with connections to it, until it is something else. */
  complain(why: string): void {
    if (this.problem === why) return;
    this.problem = why;
    this.plane.warn(`instance ${formatAddress(this.address)}: ${why}`);
  }

  /** An idle connection, used within `freshMs` if `fresh`; undefined if there is none. */
  take(fresh: boolean): UpstreamConnection | undefined {
    const connection = this.idle.at(-1);
    if (connection === undefined) return undefined;
    if (fresh && this.plane.coarse - connection.usedAt > this.plane.limits.freshMs) return undefined;
    this.idle.pop();
    return connection;
  }

  /** The same, of connections that began with this PROXY header: those of one client, by its address and port. */
  takeOwn(greeting: Uint8Array, fresh: boolean): UpstreamConnection | undefined {
    const at = this.idle.findLastIndex((connection) => Bun.deepEquals(connection.greeting, greeting));
    const connection = this.idle[at];
    if (connection === undefined) return undefined;
    if (fresh && this.plane.coarse - connection.usedAt > this.plane.limits.freshMs) return undefined;
    this.idle.splice(at, 1);
    return connection;
  }

  give(connection: UpstreamConnection): void {
    const full = this.idle.length >= this.plane.limits.upstreamIdle;
    if (this.retired || (full && this.sendProxy === null)) return connection.destroy();
    // Whose client has gone is of no use to others: the one that waits longest makes room.
    if (full) this.idle.shift()?.destroy();
    this.idle.push(connection);
  }

  forget(connection: UpstreamConnection): void {
    const at = this.idle.lastIndexOf(connection);
    if (at !== -1) this.idle.splice(at, 1);
  }

  retire(): void {
    this.retired = true;
    // A request that began before and is tried again goes to one that stays, if there is one.
    this.care.sicken(true, this.plane.coarse, this.policy);
    this.sessions?.retire();
    for (const connection of this.idle.splice(0)) connection.destroy();
  }

  /** Closes what has been idle for long. */
  sweep(now: number): void {
    this.sessions?.sweep(now);
    for (const connection of this.idle.filter(({ idleUntil }) => now >= idleUntil)) {
      this.forget(connection);
      connection.destroy();
    }
  }
}
