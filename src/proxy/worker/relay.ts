import type { FailureCause } from '../../core/traffic.ts';
import { renderProxyHeader } from '../proxy-protocol/header.ts';
import type { Account } from '../record/account.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';
import type { InstanceQueue, Waiter } from './instance-queue.ts';
import type { InstancePool } from './instance-pool.ts';
import type { Plane } from './plane.ts';
import type { Side } from './side.ts';
import { Tunnel } from './tunnel.ts';
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.ts';

const nothing = new Uint8Array(0);

/**
 * The beginning of a connection of a service that is switched as TCP: it finds an instance, and becomes a tunnel as soon as that has taken
 * a connection. It counts as one request of the side in which it began, and is in flight there until it ends.
 */
export class Relay implements ClientUser, UpstreamUser, Waiter {
  private upstream: UpstreamConnection | null = null;
  private queue: InstanceQueue | null = null;
  private pool: InstancePool | null = null;
  private tried: InstancePool[] | null = null;
  private account: Account | null = null;
  readonly begunAt = 0;
  readonly lasting = true;

  constructor(
    private readonly plane: Plane,
    private readonly client: ClientConnection,
    readonly side: Side,
    /** The instance that should get it; null: any of the side. */
    private wanted: InstancePool | null,
  ) {}

  /** `waited`: it was held at a switch. */
  begin(waited: boolean): void {
    const { side, client } = this;
    side.inFlight++;
    side.tally.inFlight++;
    side.tally.requests++;
    if (waited) side.tally.held++;
    client.handTo(this);
    if (side.recorder !== null)
      this.account = client.openAccount(side.recorder, nothing, null, this.plane.tick(), waited);
    this.attempt();
  }

  private attempt(): void {
    const { plane, side, client } = this;
    if (side.queue !== null && this.waits(side.queue)) return;
    const pool = this.wanted ?? side.pick(plane.tick(), this.tried);
    this.wanted = null;
    if (pool === undefined) return this.fail(this.tried === null ? 'no-instance' : 'connect-failed');
    this.pool = pool;
    pool.inFlight++;
    this.account?.asked(pool.address, plane.coarse);
    client.deadline = plane.coarse + side.limits.connectMs;
    const greeting = pool.sendProxy === null ? null : renderProxyHeader(pool.sendProxy, client.ends);
    this.upstream = new UpstreamConnection(plane, pool, this, greeting);
    this.upstream.connect();
  }

  /** True if it waits until an instance has room for it, or was ended because too many do. */
  private waits(queue: InstanceQueue): boolean {
    const { side, client, plane } = this;
    const turn = this.queue !== null;
    this.queue = null;
    if (this.wanted !== null && queue.isFull(this.wanted)) this.wanted = null;
    if (!side.hasToWait(this.tried, turn)) return false;
    if (queue.join(this)) {
      this.queue = queue;
      client.deadline = plane.tick() + queue.waitMs;
    } else this.fail('instances-full');
    return true;
  }
  goOn(): void {
    this.attempt();
  }

  onUpstreamOpen(): void {
    const { client, side } = this;
    const upstream = this.upstream!;
    const pool = this.pool!;
    if (pool.care.strikes !== 0) pool.care.strikes = 0;
    this.account?.connected(this.plane.tick());
    new Tunnel(client, upstream, side, pool, this.account, 'connections').begin(nothing, 0, 0);
  }
  onUpstreamRefused(): void {
    const { plane, side } = this;
    const pool = this.pool!;
    pool.care.avoid(plane.tick() + plane.limits.avoidMs);
    side.strike(pool, plane.coarse);
    this.letGo();
    (this.tried ??= []).push(pool);
    if (side.pick(plane.coarse, this.tried) !== undefined) side.tally.retried++;
    this.attempt();
  }
  onClientData(bytes: Uint8Array): void {
    const { client, plane } = this;
    client.keep(bytes, 0, bytes.length);
    if (client.to - client.from > plane.limits.aheadBytes) client.pause();
  }
  /** It only says that it sends no more; the tunnel passes that on. */
  onClientEnd(): void {}
  onClientGone(): void {
    this.side.tally.clientClosed++;
    this.account?.close(this.plane.tick(), 'client-closed');
    this.letGo();
    this.leave();
  }
  onDeadline(): void {
    if (this.queue !== null) return this.fail('instances-full');
    this.onUpstreamRefused();
  }
  onOverdue(): void {}
  onClientDrain(): void {}
  onCut(): void {
    this.fail('upstream-timeout');
  }
  onEvict(): void {
    this.side.tally.cut.connections++;
    this.account?.close(this.plane.tick(), 'cut');
    this.letGo();
    this.leave();
    this.client.terminate();
  }
  onUpstreamData(): void {}
  onUpstreamUnprocessed(): void {
    this.onUpstreamRefused();
  }
  onUpstreamInvalid(): void {
    this.onUpstreamRefused();
  }
  onUpstreamDrain(): void {}
  onUpstreamEnd(): void {}
  onUpstreamClose(): void {
    this.onUpstreamRefused();
  }

  private fail(cause: FailureCause): void {
    this.side.tally.failedFor(cause);
    this.account?.close(this.plane.tick(), cause);
    this.letGo();
    this.leave();
    this.client.terminate();
  }
  private letGo(): void {
    const { upstream, pool } = this;
    this.upstream = null;
    this.pool = null;
    upstream?.destroy(true);
    if (pool === null) return;
    pool.inFlight--;
    this.side.queue?.freed();
  }
  private leave(): void {
    this.queue?.waiting.delete(this);
    this.queue = null;
    this.side.inFlight--;
    this.side.tally.inFlight--;
  }
}
