import type { Account } from '../record/account.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';
import type { InstancePool } from './instance-pool.ts';
import type { Side } from './side.ts';
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts';

/**
 * What an exchange becomes after 101 (RFC 9110 §7.8): bytes both ways, with back-pressure, each direction ended by itself.
 * It is in flight on its side until both directions have ended.
 */
export class Tunnel implements ClientUser, UpstreamUser {
  private over = false;

  constructor(
    private readonly client: ClientConnection,
    private readonly upstream: UpstreamConnection,
    private readonly side: Side,
    private readonly pool: InstancePool,
    /** What is told of it at its end; null: nothing. */
    private readonly account: Account | null,
  ) {}

  /** `bytes[from, to)` is the 101; what follows belongs to the tunnel, as does what the client has sent after its request. */
  begin(bytes: Uint8Array, from: number, to: number): void {
    const { client, upstream, side } = this;
    upstream.user = this;
    client.handTo(this);
    client.deadline = 0;
    client.until = 0;
    // Nobody times a tunnel; a peer that vanished is found by the kernel's probes.
    client.keepAlive();
    upstream.keepAlive();
    client.resume();
    side.tally.bytesOut += to - from;
    if (this.account !== null) this.account.bytesOut += to - from;
    client.write(bytes, from, to, true);
    if (to < bytes.length) this.onUpstreamData(bytes.subarray(to));
    if (client.from < client.to) {
      const early = client.bytes!.subarray(client.from, client.to);
      client.bytes = null;
      client.from = client.to = 0;
      this.onClientData(early);
    }
    if (client.ended) this.onClientEnd();
  }

  onClientData(bytes: Uint8Array): void {
    this.side.tally.bytesIn += bytes.length;
    if (this.account !== null) this.account.bytesIn += bytes.length;
    if (!this.upstream.write(bytes, 0, bytes.length, true)) this.client.pause();
  }
  onUpstreamData(bytes: Uint8Array): void {
    this.side.tally.bytesOut += bytes.length;
    if (this.account !== null) this.account.bytesOut += bytes.length;
    if (!this.client.write(bytes, 0, bytes.length, true)) this.upstream.pause();
  }
  onClientDrain(): void {
    this.upstream.resume();
    if (this.upstream.ended) this.onUpstreamEnd();
  }
  onUpstreamUnprocessed(): void {
    this.end(false);
  }
  onUpstreamInvalid(): void {
    this.end(false);
  }
  onUpstreamDrain(): void {
    this.client.resume();
    if (this.client.ended) this.onClientEnd();
  }
  onClientEnd(): void {
    if (!this.upstream.outlet.empty) return;
    if (this.upstream.ended && this.client.outlet.empty) this.end(true);
    else this.upstream.shutdown();
  }
  onUpstreamEnd(): void {
    if (!this.client.outlet.empty) return;
    if (this.client.ended && this.upstream.outlet.empty) this.end(true);
    else this.client.shutdown();
  }
  onClientGone(clean: boolean): void {
    this.say(clean ? null : 'reset by the client');
    this.end(clean);
  }
  onUpstreamClose(clean: boolean): void {
    if (clean && !this.client.outlet.empty) {
      // The instance is done; the client has not read all of it yet.
      this.leave();
      this.client.finish(false);
    } else {
      this.say(clean ? null : 'reset by the instance');
      this.end(clean);
    }
  }
  onUpstreamOpen(): void {}
  onUpstreamRefused(): void {}
  onDeadline(): void {}
  onOverdue(): void {}
  onCut(): void {
    this.say('cut at the end of a drain');
    this.end(true);
  }

  /** How it ended, if it did not end as its two wanted. */
  private say(detail: string | null): void {
    if (this.account !== null && !this.over) this.account.detail = detail;
  }

  private end(clean: boolean): void {
    if (this.over) return;
    this.leave();
    this.upstream.destroy(!clean);
    if (clean) this.client.finish(false);
    else this.client.terminate();
  }
  private leave(): void {
    if (this.over) return;
    this.over = true;
    this.side.inFlight--;
    this.side.tally.inFlight--;
    this.pool.inFlight--;
    this.side.queue?.freed();
    this.account?.close(this.client.plane.tick(), null);
  }
}
