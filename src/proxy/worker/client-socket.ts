import type { Sink } from './outlet.ts';

/** What the connection of a client needs of what it runs on: a socket, or a stream of HTTP/2. */
export interface ClientSocket extends Sink {
  /** The client's address as text. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Where the client has connected to. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Its descriptor, if it has one of its own. */
  readonly fd?: number;
  /** Such as `TLSv1.3`. */
  getTLSVersion(): unknown;
  pause(): void;
  resume(): void;
  /** Nothing more is sent; the client may still send. */
  shutdown(): void;
  /** All that was written goes out, then it ends. */
  end(): void;
  /** The same of a socket that has nothing waiting: what the kernel still has goes out with the end of the connection. */
  close(): void;
  /** It ends at once, and the client sees that it was not whole. */
  terminate(): void;
  setKeepAlive(enable: boolean, delayMs: number): unknown;
}
