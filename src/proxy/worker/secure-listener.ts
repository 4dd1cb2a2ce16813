import type { Socket, SocketHandler, SocketListener, TCPSocketListenOptions, TLSOptions } from 'bun';
import type { RouteTls } from '../../core/traffic.ts';
import { closeDescriptor, duplicateDescriptor } from '../keeper/libc.ts';
import { Certificates } from '../tls/certificates.ts';
import type { NativeContext } from '../tls/context.ts';
import { ClientConnection, type ListeningPoint } from './client-connection.ts';
import { handlersOf } from './client-handlers.ts';
import { HandshakeProofs, proofProtocol } from './handshake-proofs.ts';
import type { Plane } from './plane.ts';

/** ALPN protocol names as they go over the wire (RFC 7301 §3.1): each with its length before it, the preferred one first. */
const protocols = Buffer.from('\x02h2\x08http/1.1', 'latin1');
const protocolsWithProof = Buffer.concat([protocols, Buffer.from(`\x0a${proofProtocol}`, 'latin1')]);

/** What Bun's types do not tell: a descriptor that listens already, a context made before, and a choice of it by host name. */
type Handlers = SocketHandler<ClientConnection> & {
  serverName(listener: unknown, host: string, socket: object): NativeContext | undefined;
};
type Options = Omit<TCPSocketListenOptions<ClientConnection>, 'socket' | 'tls'> & {
  fd: number;
  socket: Handlers;
  tls: TLSOptions & { secureContext: NativeContext };
};

/**
 * Accepts on one inherited socket with TLS. While no certificate can be read nothing is accepted: clients wait in the
 * socket's queue. The host that a client names is looked up at each handshake; the context of those that name none is the listener's own,
 * so that one that is renewed takes another listener, on the same socket.
 */
export class SecureListener {
  private readonly certificates: Certificates;
  private listener: SocketListener<ClientConnection> | null = null;

  constructor(
    private readonly plane: Plane,
    private readonly point: ListeningPoint,
    private readonly fd: number,
    private readonly tls: RouteTls,
  ) {
    this.certificates = new Certificates(tls);
    if (tls.acme?.challenge === 'tls-alpn-01') point.proofs = new HandshakeProofs(plane);
    this.look(plane.coarse);
  }

  /** Serves what files hold now, if they have changed. */
  look(now: number): void {
    if (!this.certificates.look(now)) return;
    const context = this.certificates.fallback;
    if (context === null) return;
    const former = this.listener;
    this.listener = this.listen(context);
    former?.stop(false);
  }

  stop(): void {
    this.listener?.stop(false);
    this.listener = null;
    closeDescriptor(this.fd);
  }

  private listen(secureContext: NativeContext): SocketListener<ClientConnection> {
    const { plane, point, tls, certificates } = this;
    const asked = tls.clientCa !== null;
    const required = asked && tls.clientAuth === 'required';
    const { proofs } = point;
    const handlers = handlersOf(plane, point);
    const socket: Handlers = {
      ...handlers,
      ...(proofs && {
        close(closed: Socket<ClientConnection>, error?: Error) {
          proofs.forget(closed);
          void handlers.close?.(closed, error);
        },
      }),
      handshake(opened: Socket<ClientConnection>, done: boolean) {
        // No request comes by that protocol: who asked has seen the certificate by now (RFC 8737 §3).
        if (done && proofs !== null && opened.alpnProtocol === proofProtocol)
          return opened.data.finish(false);
        // Bun ends a handshake that fails; that a client without a good certificate goes no further is not left to it.
        if (!done || (required && !opened.authorized)) opened.terminate();
        else opened.data.onSecured(opened.alpnProtocol === 'h2');
      },
      error(failed: Socket<ClientConnection>, error: Error) {
        // A record that is not valid, an alert: the client's doing. An exception of ours has no code.
        if (!('code' in error)) plane.defect(error);
        failed.terminate();
      },
      serverName: (_listener, host, opened) =>
        proofs?.contextFor(opened, host) ?? certificates.contextFor(host) ?? undefined,
    };
    const options: Options = {
      // A listener closes its descriptor when it stops; the keeper's socket is to outlive this one.
      fd: duplicateDescriptor(this.fd),
      hostname: '',
      port: 0,
      allowHalfOpen: true,
      socket,
      tls: {
        secureContext,
        ALPNProtocols: proofs === null ? protocols : protocolsWithProof,
        requestCert: asked,
        rejectUnauthorized: required,
      },
    };
    return Bun.listen<ClientConnection>(options);
  }
}
