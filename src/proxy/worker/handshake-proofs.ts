import { ptr } from 'bun:ffi';
import type { Socket } from 'bun';
import { libc, linux } from '../keeper/libc.ts';
import { longestHelloBytes, offeredProtocols } from '../tls/client-hello.ts';
import type { NativeContext } from '../tls/context.ts';
import type { ClientConnection } from './client-connection.ts';
import type { Plane } from './plane.ts';

/** The protocol of an authority that asks for a proof in a handshake (RFC 8737 §6.2). */
export const proofProtocol = 'acme-tls/1';

const againMs = 1;
/** A hello that takes longer is not waited for: the client gets the certificate that all get. */
const patienceMs = 1000;

/** What Bun's types do not tell. */
type Accepted = Socket<ClientConnection> & { readonly fd: number };

/**
 * Tells authorities from clients. Which certificate is shown is decided by the host alone, before protocols are agreed on, so the ClientHello is
 * looked at in the socket's queue before the TLS engine gets it, and stays there. Done only while an authority asks; no connection costs
 * anything at other times.
 */
export class HandshakeProofs {
  private readonly authorities = new WeakSet<object>();
  private readonly waiting = new Map<Accepted, Timer>();
  private readonly room = new Uint8Array(longestHelloBytes);

  constructor(private readonly plane: Plane) {}

  /** To be called when nothing but the ClientHello is before it. */
  examine(opened: Socket<ClientConnection>): void {
    if (this.plane.proofs === null || !this.plane.proofs.inHandshakes) return;
    const socket = opened as Accepted;
    this.look(socket, performance.now() + patienceMs);
  }

  /** To be called when a connection has gone: its descriptor may be another's soon. */
  forget(closed: Socket<ClientConnection>): void {
    const socket = closed as Accepted;
    clearTimeout(this.waiting.get(socket));
    this.waiting.delete(socket);
  }

  /** The certificate that this connection is to be shown for the host; undefined: the one that all get. */
  contextFor(socket: object, host: string): NativeContext | undefined {
    return this.authorities.has(socket) ? this.plane.proofs?.contextFor(host) : undefined;
  }

  private look(socket: Accepted, until: number): void {
    const offered = this.peek(socket.fd);
    if (offered === undefined && performance.now() < until) {
      if (!this.waiting.has(socket)) socket.pause();
      this.waiting.set(
        socket,
        setTimeout(() => this.look(socket, until), againMs),
      );
      return;
    }
    // It offers this alone (RFC 8737 §3): who offers another protocol as well is a client.
    if (offered?.length === 1 && offered[0] === proofProtocol) this.authorities.add(socket);
    if (this.waiting.delete(socket)) socket.resume();
  }

  /** What the ClientHello in the socket's queue offers; undefined if it has not come yet. */
  private peek(fd: number): readonly string[] | undefined {
    const { room } = this;
    const length = Number(libc().recv(fd, ptr(room), room.length, linux.MSG_PEEK | linux.MSG_DONTWAIT));
    // 0: the client sends nothing any more, which the TLS engine will hear of, too.
    return length < 0 ? undefined : length === 0 ? [] : offeredProtocols(room.subarray(0, length));
  }
}
