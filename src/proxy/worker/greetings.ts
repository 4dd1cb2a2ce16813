import { ptr } from 'bun:ffi';
import type { Socket } from 'bun';
import { libc, linux, systemCallError } from '../keeper/libc.ts';
import { longestHeader, parseProxyHeader } from '../proxy-protocol/header.ts';
import type { ClientConnection, ListeningPoint } from './client-connection.ts';
import { welcome } from './client-handlers.ts';
import type { Plane } from './plane.ts';

/** A connection whose PROXY header has not come as a whole. */
interface Greeting {
  readonly point: ListeningPoint;
  readonly since: number;
  until: number;
  lookAt: number;
}

type ClientSocket = Socket<ClientConnection>;

const firstLookMs = 2;
/** Beyond this age the sweep is often enough. */
const youngMs = 1000;

/** Copies what has come on a socket and leaves it there; returns how much, null if nothing will come any more. */
function peek(fd: number, into: Uint8Array): number | null {
  const count = libc().recv(fd, ptr(into), into.length, linux.MSG_PEEK | linux.MSG_DONTWAIT);
  if (count > 0) return count;
  return count < 0 && systemCallError('recv').code === 'EAGAIN' ? 0 : null;
}

/**
 * The connections that have to begin with a PROXY header: each is read here, from the descriptor, before anybody else reads from it;
 * what follows the header, of TLS too, is left in the socket. Those that were accepted before it came are paused and looked at again,
 * less and less often. The listening socket is told to wait for the first bytes (`deferAccept`), so that there are few.
 */
export class Greetings {
  private readonly waiting = new Map<ClientSocket, Greeting>();
  private readonly bytes = new Uint8Array(longestHeader);
  private timer: Timer | undefined;

  constructor(private readonly plane: Plane) {}

  get size(): number {
    return this.waiting.size;
  }

  greet(socket: ClientSocket, point: ListeningPoint): void {
    const { plane } = this;
    const trust = point.entry?.trust ?? null;
    if (trust !== null && !trust.holdsText(socket.remoteAddress)) return this.refuse(socket, point);
    const now = plane.tick();
    const greeting = { point, since: now, until: now + point.limits.headMs, lookAt: now + firstLookMs };
    if (this.read(socket, greeting)) return;
    socket.pause();
    this.waiting.set(socket, greeting);
    this.timer ??= setInterval(() => this.lookAtYoung(), firstLookMs);
  }

  /** Looks at all that are due. */
  look(now: number): void {
    for (const [socket, greeting] of this.waiting) {
      if (now < greeting.lookAt) continue;
      greeting.lookAt = now + Math.max(firstLookMs, (now - greeting.since) / 4);
      if (!this.read(socket, greeting) && now >= greeting.until) this.refuse(socket, greeting.point);
    }
  }

  /** A drain has begun: whoever is slower than a request may be is not waited for. */
  hurry(now: number): void {
    for (const greeting of this.waiting.values())
      greeting.until = Math.min(greeting.until, now + this.plane.limits.drainIdleMs);
  }

  /** The drain has reached its end. */
  cut(): void {
    for (const socket of this.waiting.keys()) {
      this.forget(socket);
      socket.terminate();
    }
  }

  private lookAtYoung(): void {
    const now = this.plane.tick();
    this.look(now);
    for (const { since } of this.waiting.values()) if (now - since < youngMs) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** True if there is nothing more to wait for: the header was taken off and the client welcomed, or the connection was refused. */
  private read(socket: ClientSocket, { point }: Greeting): boolean {
    const { bytes } = this;
    const fd = 'fd' in socket && typeof socket.fd === 'number' ? socket.fd : -1;
    const count = peek(fd, bytes);
    if (count === null) {
      // It left without a word, as the checks of balancers do.
      this.forget(socket);
      socket.terminate();
      return true;
    }
    const header = parseProxyHeader(bytes, count);
    if (header.kind === 'partial') return false;
    if (header.kind === 'wrong') this.refuse(socket, point);
    else {
      libc().recv(fd, ptr(bytes), header.length, linux.MSG_DONTWAIT);
      if (this.waiting.has(socket)) socket.resume();
      welcome(this.plane, point, socket, header.ends);
      this.forget(socket);
    }
    return true;
  }

  private forget(socket: ClientSocket): void {
    if (!this.waiting.delete(socket) || this.waiting.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.plane.clients.size === 0) this.plane.emptied();
  }

  private refuse(socket: ClientSocket, point: ListeningPoint): void {
    this.forget(socket);
    point.entry?.doorTally.refused('proxy-header');
    socket.terminate();
  }
}
