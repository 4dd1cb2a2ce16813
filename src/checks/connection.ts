import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecurely } from 'node:tls';
import { formatAddress, type Address } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import { ownHeader, type ProxyVersion } from '../core/proxy-header.ts';
import type { Clock } from '../ports/clock.ts';
import { withDeadline, type Stop } from './deadline.ts';

/** How a conversation with a target ended, if not by what it said. */
export type Failure =
  | { readonly kind: 'stopped'; readonly by: Stop; readonly connected: boolean }
  | { readonly kind: 'failed'; readonly code: string; readonly connected: boolean; readonly tls?: string };

/** What one does on a connection. `finish` ends it with a result; `data` and `end` (the target said all) may call it. */
export interface Conversation<T> {
  connected(socket: Socket, finish: (result: T) => void): void;
  data(chunk: Uint8Array, finish: (result: T) => void): void;
  end(finish: (result: T) => void): void;
}

/**
 * One connection, straight to the address: no proxy of the environment, nothing reused. It is closed when this resolves, which it
 * does within the time whatever the target does. With `sendProxy` it begins with a PROXY header, before TLS, that tells of no client.
 */
export async function converse<T>(
  clock: Clock,
  address: Address,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  conversation: Conversation<T>,
  secure: ConnectionOptions | null = null,
  sendProxy?: ProxyVersion,
): Promise<T | Failure> {
  const { promise, resolve } = Promise.withResolvers<T | Failure>();
  let reached = false;
  let connected = false;
  let socket: Socket | undefined;
  /** What to say of a failure between the connection and its use. */
  const handshake = (tls: string): { tls?: string } => (reached && !connected ? { tls } : {});
  const stopped = (by: Stop): void => resolve({ kind: 'stopped', by, connected });
  const failed = (error: Error): void => {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    resolve({ kind: 'failed', code, connected, ...handshake(error.message) });
  };
  const closed = (): void =>
    resolve({ kind: 'failed', code: 'closed', connected, ...handshake('the connection was closed') });
  const talk = (opened: Socket): void => {
    connected = true;
    conversation.connected(opened, resolve);
  };
  const listen = (opened: Socket): void => {
    socket = opened;
    opened.on('data', (chunk) =>
      conversation.data(typeof chunk === 'string' ? Buffer.from(chunk) : chunk, resolve),
    );
    opened.on('end', () => conversation.end(resolve));
    opened.on('error', failed);
    opened.on('close', closed);
  };
  const use = (opened: Socket): void => {
    opened.on('connect', () => (reached = true));
    opened.on(secure === null ? 'connect' : 'secureConnect', () => talk(opened));
    listen(opened);
  };
  const greet = (plain: Socket, header: Uint8Array): void => {
    if (secure === null) {
      plain.on('connect', () => {
        plain.write(header);
        talk(plain);
      });
      return listen(plain);
    }
    socket = plain;
    // From the handshake on it is for the TLS socket to say how it ends.
    const alone = (): boolean => socket === plain;
    plain.on('error', (error) => alone() && failed(error));
    plain.on('close', () => alone() && closed());
    plain.on('connect', () => {
      reached = true;
      plain.write(header, (error) => {
        // The time may be over.
        if (error || plain.destroyed) return;
        const opened = connectSecurely({ ...secure, socket: plain });
        opened.on('secureConnect', () => talk(opened));
        listen(opened);
      });
    });
  };
  try {
    return await withDeadline(clock, timeoutMs, signal, stopped, () => {
      if (signal?.aborted) return promise;
      const place = { host: address.host, port: address.port };
      if (sendProxy === undefined)
        use(secure === null ? connect(place) : connectSecurely({ ...secure, ...place }));
      else greet(connect(place), ownHeader(sendProxy));
      return promise;
    });
  } finally {
    socket?.destroy();
  }
}

/** The failure as a person reads it. */
export function describeFailure(failure: Failure, address: Address, timeoutMs: number): string {
  const at = formatAddress(address);
  if (failure.kind === 'stopped') {
    if (failure.by === 'aborted') return 'stopped before an answer came';
    return failure.connected
      ? `no answer within ${formatDuration(timeoutMs)}`
      : `no connection to ${at} within ${formatDuration(timeoutMs)}`;
  }
  if (failure.tls !== undefined) return `no TLS with ${at}: ${failure.tls}`;
  if (failure.code === 'ECONNREFUSED') return `connection refused at ${at}`;
  if (failure.code === 'ENOTFOUND' || failure.code === 'EAI_AGAIN')
    return `no address is known for ${address.host}`;
  if (failure.connected) return `${at} closed the connection before a whole answer (${failure.code})`;
  return `${at} cannot be reached (${failure.code})`;
}
