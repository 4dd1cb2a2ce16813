import type { Socket, SocketHandler } from 'bun';
import type { InstancePool } from './instance-pool.ts';
import { Outlet } from './outlet.ts';
import type { Plane } from './plane.ts';

/** Who uses a connection to an instance just now: an exchange, or the tunnel that one became. */
export interface UpstreamUser {
  onUpstreamOpen(): void;
  /** No connection was made; nothing was sent. */
  onUpstreamRefused(): void;
  onUpstreamData(bytes: Uint8Array): void;
  /** All that waited has been sent. */
  onUpstreamDrain(): void;
  /** The instance sends no more; it may still read. */
  onUpstreamEnd(): void;
  /** The connection is gone; `clean` is false if it was reset. */
  onUpstreamClose(clean: boolean): void;
}

/** One connection to an instance: in the pool, or in use by one exchange or tunnel. */
export class UpstreamConnection {
  user: UpstreamUser | null;
  readonly outlet = new Outlet();
  /** It has carried a whole exchange before: it may have been closed at the other end since. */
  reused = false;
  usedAt = 0;
  idleUntil = 0;
  /** The instance sends no more. */
  ended = false;
  private socket: Socket<UpstreamConnection> | null = null;
  private closed = false;
  private paused = false;
  private shutting = false;

  constructor(
    readonly plane: Plane,
    readonly pool: InstancePool,
    user: UpstreamUser,
  ) {
    this.user = user;
    plane.upstreams.add(this);
    const { host, port } = pool.address;
    // The handlers hear of a failure first, and the rejection is the same news again; unless there was no socket at all.
    Promise.try(() =>
      Bun.connect<UpstreamConnection>({
        hostname: host,
        port,
        allowHalfOpen: true,
        data: this,
        socket: handlers,
      }),
    ).catch(() => this.onRefused());
  }

  get isOpen(): boolean {
    return this.socket !== null;
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
    const { socket } = this;
    this.socket = null;
    if (socket === null) return;
    if (abruptly) socket.terminate();
    else socket.end();
  }

  onOpen(socket: Socket<UpstreamConnection>): void {
    if (this.closed) {
      socket.end();
      return;
    }
    this.socket = socket;
    this.user?.onUpstreamOpen();
  }
  onRefused(): void {
    if (this.closed || this.socket !== null) return;
    this.closed = true;
    this.plane.upstreams.delete(this);
    this.user?.onUpstreamRefused();
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
    this.closed = true;
    this.socket = null;
    this.plane.upstreams.delete(this);
    this.outlet.clear();
    if (this.user !== null) this.user.onUpstreamClose(clean);
    else this.pool.forget(this);
  }
}

/** One object for all connections: what differs is in `socket.data`. */
const handlers: SocketHandler<UpstreamConnection> = {
  open: (socket) => socket.data.onOpen(socket),
  data: (socket, bytes) => socket.data.onData(bytes),
  drain: (socket) => socket.data.onDrain(),
  end: (socket) => socket.data.onEnd(),
  close: (socket, error) => socket.data.onClose(error === undefined),
  connectError: (socket) => socket.data.onRefused(),
  error: (socket, error) => {
    socket.data.plane.defect(error);
    socket.terminate();
  },
};
