import { checkServerIdentity } from 'node:tls';
import { ptr } from 'bun:ffi';
import type { Socket, SocketHandler, TLSOptions } from 'bun';
import type { Address } from '../../core/address.ts';
import type { ProxyVersion } from '../../core/proxy-header.ts';
import { type RouteUpstream, type RouteUpstreamTls } from '../../core/upstream.ts';
import { isIpAddress } from '../../core/ip.ts';
import type { NativeContext } from '../tls/context.ts';
import { libc, linux } from '../keeper/libc.ts';
import { UpstreamCredentials } from '../tls/upstream-credentials.ts';

/** What is made of a connection to an instance: it is told all that happens on it. */
export interface Dialled {
  /** The PROXY header that goes before all else, before TLS, too; null: none. */
  readonly greeting: Uint8Array | null;
  /** There is a connection; over TLS nothing may be sent yet. It may be closed, which is then the end of it. */
  onConnecting(socket: Socket<Dialled>): void;
  /** It can be used. */
  onOpen(socket: Socket<Dialled>): void;
  /** No connection came about, or one that must not be used; `why` is null where there is no more to say than that. */
  onRefused(why: string | null): void;
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  onEnd(): void;
  onClose(clean: boolean): void;
  /** The instance ended TLS by an alert; `onClose` follows. It comes late in TLS 1.3: after our side of the handshake. */
  onAlert(why: string): void;
  /** An exception inside a handler. */
  onDefect(error: unknown): void;
}

/** Makes connections to instances. Never throws; what comes of one is told to the `Dialled`, not before this returns. */
export interface Dialer {
  readonly secure: boolean;
  /** What is spoken on its connections. */
  readonly protocol: RouteUpstream['protocol'];
  /** In which version its connections begin with a PROXY header; null: they begin without. */
  readonly sendProxy: ProxyVersion | null;
  dial(address: Address, dialled: Dialled): void;
}

const notTaken = 'the PROXY header was not taken as a whole';

/**
 * Sends the greeting from the descriptor, past TLS, which has sent nothing before it is told of the connection. Into the empty buffer of a new
 * connection it goes as a whole or not at all. False: it did not.
 */
function greet(socket: Socket<Dialled>, greeting: Uint8Array): boolean {
  const fd = 'fd' in socket && typeof socket.fd === 'number' ? socket.fd : -1;
  const flags = linux.MSG_DONTWAIT | linux.MSG_NOSIGNAL;
  return libc().send(fd, ptr(greeting), greeting.length, flags) === greeting.length;
}

/** Greets an instance if that is wanted; false: the connection is of no use, which has been told. */
function greeted(socket: Socket<Dialled>): boolean {
  const { data } = socket;
  if (data.greeting === null || greet(socket, data.greeting)) return true;
  data.onRefused(notTaken);
  socket.terminate();
  return false;
}

/** One object for all connections: what differs is in `socket.data`. */
const handlers: SocketHandler<Dialled> = {
  open: (socket) => {
    if (greeted(socket)) socket.data.onOpen(socket);
  },
  data: (socket, bytes) => socket.data.onData(bytes),
  drain: (socket) => socket.data.onDrain(),
  end: (socket) => socket.data.onEnd(),
  close: (socket, error) => socket.data.onClose(error === undefined),
  connectError: (socket) => socket.data.onRefused(null),
  error: (socket, error) => {
    socket.data.onDefect(error);
    socket.terminate();
  },
};

export const plainDialer: Dialer = {
  secure: false,
  protocol: 'http1',
  sendProxy: null,
  dial({ host, port }, dialled) {
    // The handlers hear of a failure first, and the rejection is the same news again; unless there was no socket at all.
    Promise.try(() =>
      Bun.connect<Dialled>({
        hostname: host,
        port,
        allowHalfOpen: true,
        data: dialled,
        socket: handlers,
      }),
    ).catch(() => dialled.onRefused(null));
  },
};

/** ALPN protocol names as they go over the wire (RFC 7301 §3.1): each with its length before it. */
const alpn = { http1: Buffer.from('\x08http/1.1', 'latin1'), h2: Buffer.from('\x02h2', 'latin1') };

/** What Bun's types do not tell: a context made before. */
type Options = TLSOptions & { secureContext: NativeContext };

/** Connections over TLS to the instances of one side, whose certificates are looked at (RFC 9525), before anything is sent. */
export class SecureDialer implements Dialer {
  readonly secure = true;
  private readonly credentials: UpstreamCredentials;

  constructor(
    readonly protocol: RouteUpstream['protocol'],
    private readonly tls: RouteUpstreamTls,
    private readonly now: () => number,
    readonly sendProxy: ProxyVersion | null = null,
  ) {
    this.credentials = new UpstreamCredentials(tls);
  }

  dial({ host, port }: Address, dialled: Dialled): void {
    const { credentials, tls } = this;
    credentials.look(this.now());
    const { context } = credentials;
    if (context === null) {
      queueMicrotask(() => dialled.onRefused(credentials.problem));
      return;
    }
    const name = tls.serverName ?? host;
    const options: Options = {
      secureContext: context,
      // An address is no server name (RFC 6066 §3): some servers refuse one. What the certificate holds is then for us to see.
      serverName: isIpAddress(name) ? '' : name,
      ALPNProtocols: alpn[this.protocol],
      rejectUnauthorized: tls.verify,
    };
    Promise.try(() =>
      Bun.connect<Dialled>({
        hostname: host,
        port,
        allowHalfOpen: true,
        data: dialled,
        socket: {
          ...handlers,
          open: (socket) => {
            if (greeted(socket)) socket.data.onConnecting(socket);
          },
          handshake: (socket, done, error) => {
            const why = this.objection(socket, name, done, error);
            if (why === null) socket.data.onOpen(socket);
            else {
              socket.data.onRefused(why);
              socket.terminate();
            }
          },
          error: (socket, error) => {
            // A record that is not valid, an alert: the instance's doing. An exception of ours has no code.
            if ('code' in error) socket.data.onAlert(error.message);
            else socket.data.onDefect(error);
            socket.terminate();
          },
        },
        tls: options,
      }),
    ).catch(() => dialled.onRefused(null));
  }

  /** Why this connection must not be used; null: it may. */
  private objection(
    socket: Socket<Dialled>,
    name: string,
    done: boolean,
    error: Error | null,
  ): string | null {
    const code = error !== null && 'code' in error ? String(error.code) : '';
    const says = error?.message ?? 'it gave no reason';
    if (!done && (code === 'EPROTO' || code === 'ECONNRESET' || code === '')) return `no TLS: ${says}`;
    const misnamed = code === 'ERR_TLS_CERT_ALTNAME_INVALID';
    if (this.tls.verify) {
      if (!misnamed && !socket.authorized) return `its certificate is not trusted: ${says}`;
      if (misnamed || checkServerIdentity(name, socket.getPeerCertificate()) !== undefined)
        return `its certificate is not for ${name}`;
    }
    if (this.protocol === 'h2' && socket.alpnProtocol !== 'h2')
      return 'it does not speak HTTP/2 over TLS (ALPN)';
    return null;
  }
}

/** HTTP/2 with prior knowledge (RFC 9113 §3.3). */
const plainHttp2Dialer: Dialer = { ...plainDialer, protocol: 'h2' };

/** The dialer for instances that are spoken to so. */
export function dialerFor(upstream: RouteUpstream | undefined, now: () => number): Dialer {
  if (upstream === undefined) return plainDialer;
  const { protocol, tls, sendProxy = null } = upstream;
  if (tls !== null) return new SecureDialer(protocol, tls, now, sendProxy);
  if (protocol === 'h2') return plainHttp2Dialer;
  return sendProxy === null ? plainDialer : { ...plainDialer, sendProxy };
}
