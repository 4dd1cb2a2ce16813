import type { Dialled } from '../upstream/dialer.ts';
import type { StreamSeeker } from '../upstream/instance-sessions.ts';
import type { InstancePool } from './instance-pool.ts';
import { Outlet } from './outlet.ts';
import type { Plane } from './plane.ts';

/** What a connection to an instance is carried by: as much of a Bun socket as is used here. */
export interface Transport {
  /** Returns how many of the bytes were taken; less than 0 if it is closed. */
  write(bytes: Uint8Array, from: number, length: number): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  end(): void;
  terminate(): void;
  setKeepAlive(enable: boolean, delayMs: number): unknown;
}

/** Who uses a connection to an instance just now: an exchange, or the tunnel that one became. */
export interface UpstreamUser {
  onUpstreamOpen(): void;
  /** No connection was made, or the instance ended it in a way that says that it has read nothing. */
  onUpstreamRefused(): void;
  onUpstreamData(bytes: Uint8Array): void;
  /** All that waited has been sent. */
  onUpstreamDrain(): void;
  /** The instance has not looked at the request, and there is nothing wrong with it: it may be sent again, whatever it is. */
  onUpstreamUnprocessed(): void;
  /** What the instance says is no response. */
  onUpstreamInvalid(): void;
  /** The instance sends no more; it may still read. */
  onUpstreamEnd(): void;
  /** The connection is gone; `clean` is false if it was reset. */
  onUpstreamClose(clean: boolean): void;
}

/** One connection to an instance: in the pool, or in use by one exchange or tunnel. */
export class UpstreamConnection implements Dialled, StreamSeeker {
  user: UpstreamUser | null;
  readonly outlet = new Outlet();
  /** It has carried a whole exchange before: it may have been closed at the other end since. */
  reused = false;
  usedAt = 0;
  idleUntil = 0;
  /** The instance sends no more. */
  ended = false;
  private socket: Transport | null = null;
  /** There is a connection, but not yet one that can be used. */
  private connecting: Transport | null = null;
  private closed = false;
  private paused = false;
  private shutting = false;

  constructor(
    readonly plane: Plane,
    readonly pool: InstancePool,
    user: UpstreamUser,
    readonly greeting: Uint8Array | null,
  ) {
    this.user = user;
    plane.upstreams.add(this);
  }

  /** Called once; `onUpstreamOpen` or `onUpstreamRefused` follows, perhaps before this returns. */
  connect(): void {
    this.pool.connect(this);
  }

  get isOpen(): boolean {
    return this.socket !== null;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** False if some of it has to wait; `onUpstreamDrain` follows. */
  write(bytes: Uint8Array, from: number, to: number, owned: boolean): boolean {
    return this.socket === null || this.outlet.write(this.socket, bytes, from, to, owned);
  }
  pause(): void {
    if (this.paused || this.socket === null) return;
    this.paused = true;
    this.socket.pause();
  }
  resume(): void {
    if (!this.paused || this.socket === null) return;
    this.paused = false;
    this.socket.resume();
  }
  /** Sends no more after what waits; the instance may still send. */
  shutdown(): void {
    this.shutting = true;
    if (this.outlet.empty) this.socket?.shutdown();
  }
  keepAlive(): void {
    this.socket?.setKeepAlive(true, 60_000);
  }

  /** Leaves the exchange and waits in the pool for the next one. */
  rest(idleSeconds: number): void {
    const { plane } = this;
    // It is one stream; what is kept is the session.
    if (this.pool.sessions !== null) return this.destroy();
    this.user = null;
    this.reused = true;
    this.usedAt = plane.coarse;
    // A second before the instance would: a request that meets its closing could not be sent again in every case.
    const allowed =
      idleSeconds < 0
        ? plane.limits.upstreamIdleMs
        : Math.min(plane.limits.upstreamIdleMs, idleSeconds * 1000 - 1000);
    this.idleUntil = plane.coarse + allowed;
    if (allowed <= 0) this.destroy();
    else this.pool.give(this);
  }

  /** Closes it at once; nobody is told. `abruptly`: by a reset, so that the instance does not take what it got for whole. */
  destroy(abruptly = false): void {
    this.user = null;
    if (this.closed) return;
    this.closed = true;
    this.plane.upstreams.delete(this);
    this.outlet.clear();
    const { socket, connecting } = this;
    this.socket = this.connecting = null;
    connecting?.terminate();
    if (socket === null) return;
    if (abruptly) socket.terminate();
    else socket.end();
  }

  onConnecting(socket: Transport): void {
    if (this.closed) socket.terminate();
    else this.connecting = socket;
  }
  onOpen(socket: Transport): void {
    this.connecting = null;
    if (this.closed) {
      socket.end();
      return;
    }
    this.socket = socket;
    if (this.pool.problem !== null) this.pool.problem = null;
    this.user?.onUpstreamOpen();
  }
  onRefused(why: string | null): void {
    if (this.closed || this.socket !== null) return;
    this.connecting = null;
    this.refuse(why);
  }
  onAlert(why: string): void {
    // A client's certificate that the instance does not like is told by the first thing that it sends (RFC 8446 §4.4.2.4).
    if (!this.closed && this.socket !== null && !this.reused && this.user !== null)
      this.refuse(`TLS: ${why}`);
  }
  private refuse(why: string | null): void {
    this.closed = true;
    this.socket = null;
    this.outlet.clear();
    this.plane.upstreams.delete(this);
    if (why !== null) this.pool.complain(why);
    this.user?.onUpstreamRefused();
  }
  onUnprocessed(): void {
    const user = this.leave();
    user?.onUpstreamUnprocessed();
  }
  onInvalid(): void {
    const user = this.leave();
    user?.onUpstreamInvalid();
  }
  /** The stream is over; its user still has to be told. */
  private leave(): UpstreamUser | null {
    if (this.closed) return null;
    this.closed = true;
    this.socket = null;
    this.plane.upstreams.delete(this);
    this.outlet.clear();
    return this.user;
  }
  onDefect(error: unknown): void {
    this.plane.defect(error);
  }
  onData(bytes: Uint8Array): void {
    if (this.user !== null) this.user.onUpstreamData(bytes);
    else {
      // Bytes that nobody asked for: whatever they are, they would be taken for the next response.
      this.pool.forget(this);
      this.destroy(true);
    }
  }
  onDrain(): void {
    if (this.socket === null || this.outlet.empty || !this.outlet.flush(this.socket)) return;
    if (this.shutting) this.socket.shutdown();
    this.user?.onUpstreamDrain();
  }
  onEnd(): void {
    this.ended = true;
    if (this.user !== null) this.user.onUpstreamEnd();
    else if (!this.closed) {
      this.pool.forget(this);
      this.destroy();
    }
  }
  onClose(clean: boolean): void {
    if (this.closed) return;
    if (this.socket === null) return this.onRefused(null);
    this.closed = true;
    this.socket = null;
    this.plane.upstreams.delete(this);
    this.outlet.clear();
    if (this.user !== null) this.user.onUpstreamClose(clean);
    else this.pool.forget(this);
  }
}
