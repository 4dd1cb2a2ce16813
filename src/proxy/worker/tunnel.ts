import type { CutKind } from '../../core/cut.ts';
import type { Account } from '../record/account.ts';
import { CloseCode, closeFrame, maskedCloseFrame } from '../websocket/close-frame.ts';
import { FrameBoundary } from '../websocket/frame-boundary.ts';
import type { ClientConnection, ClientUser } from './client-connection.ts';
import type { InstancePool } from './instance-pool.ts';
import { partFrom } from './parting.ts';
import type { Side } from './side.ts';
import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts';

/** As what it is counted when it is ended on purpose. */
export type TunnelKind = Extract<CutKind, 'websockets' | 'tunnels' | 'connections'>;

/** How long a frame in progress is waited for before the connection ends without a word. */
const frameEndMs = 2000;
const serviceRestart = closeFrame(CloseCode.serviceRestart);

/**
 * What an exchange becomes after 101 (RFC 9110 §7.8): bytes both ways, with back-pressure, each direction ended by itself.
 * It is in flight on its side until both directions have ended.
 */
export class Tunnel implements ClientUser, UpstreamUser {
  readonly begunAt = 0;
  readonly lasting = true;
  private over = false;
  /** Where the frames of a WebSocket end, from its client and to it; null: it is none. */
  private readonly frames: { readonly in: FrameBoundary; readonly out: FrameBoundary } | null;
  /** It is to end as soon as the frame to the client is over that is in progress. */
  private leaving = false;

  constructor(
    private readonly client: ClientConnection,
    private readonly upstream: UpstreamConnection,
    readonly side: Side,
    private readonly pool: InstancePool,
    /** What is told of it at its end; null: nothing. */
    private readonly account: Account | null,
    private readonly kind: TunnelKind,
  ) {
    this.frames = kind === 'websockets' ? { in: new FrameBoundary(), out: new FrameBoundary() } : null;
  }

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
    if (this.frames !== null) this.frames.in.feed(bytes, 0, bytes.length, false);
    if (!this.upstream.write(bytes, 0, bytes.length, true)) this.client.pause();
  }
  onUpstreamData(bytes: Uint8Array): void {
    const { frames } = this;
    const to = frames === null ? bytes.length : frames.out.feed(bytes, 0, bytes.length, this.leaving);
    this.side.tally.bytesOut += to;
    if (this.account !== null) this.account.bytesOut += to;
    if (!this.client.write(bytes, 0, to, true)) this.upstream.pause();
    if (this.leaving && frames!.out.between) this.bidFarewell();
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
  /** The frame in progress does not end. */
  onDeadline(): void {
    if (this.leaving) this.end(true);
  }
  onOverdue(): void {}
  onCut(): void {
    this.say('cut at the end of a drain');
    this.end(true);
  }

  onEvict(): void {
    if (this.over || this.leaving) return;
    this.side.tally.cut[this.kind]++;
    this.say('ended so that its side gets free');
    const { frames, client } = this;
    if (frames === null) return this.end(true);
    if (frames.out.between) return this.bidFarewell();
    this.leaving = true;
    client.deadline = client.plane.tick() + frameEndMs;
  }

  /** Tells both ends of a WebSocket, between two frames, and ends it: RFC 6455 §7.1.1 has the server close first. */
  private bidFarewell(): void {
    const { client, upstream, frames } = this;
    const { in: fromClient, out: toClient } = frames!;
    // The instance has said farewell itself: no frame may follow.
    if (!toClient.closing) client.write(serviceRestart, 0, serviceRestart.length, true);
    const told = fromClient.between && !fromClient.closing;
    this.leave();
    partFrom(
      upstream,
      told ? maskedCloseFrame(CloseCode.goingAway, crypto.getRandomValues(new Uint8Array(4))) : null,
      client.plane.limits.lingerMs,
    );
    client.finish(true);
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
