import { connect, createServer, type Server, type Socket } from 'node:net';
import { formatAddress, type Address } from '../core/address.ts';
import { CutoverError } from '../core/errors.ts';
import { closeDescriptor } from '../proxy/keeper/libc.ts';
import { waitingOn } from './socket-group.ts';

const lookMs = 10;
/** What the kernel calls every address of this machine. */
const everywhere = ['0.0.0.0', '::'];

/**
 * Where one instance alone is asked: an address that leads to its socket, for checks and never for users. It opens once the program has
 * accepted: the kernel says yes to a connection on a listening socket also where nobody ever takes it.
 */
export class Door {
  #server: Server | null = null;
  #accepts = false;
  readonly #closing = new AbortController();
  readonly #sockets = new Set<Socket>();

  /**
   * @param at its own address
   * @param users where users reach the service
   * @param source by which a connection gets to the instance
   * @param fd a copy of the instance's socket, which is closed when it is not needed any more
   */
  constructor(
    private readonly at: Address,
    private readonly users: Address,
    private readonly source: string,
    private readonly fd: number,
    report: (error: unknown) => void,
  ) {
    this.#open().catch((error: unknown) => {
      if (!this.#closing.signal.aborted) report(error);
    });
  }

  get accepts(): boolean {
    return this.#accepts;
  }

  close(): void {
    this.#closing.abort();
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #open(): Promise<void> {
    const { signal } = this.#closing;
    try {
      const knock = this.#dial();
      knock.on('error', () => undefined); // a socket that is gone is seen by the next look
      try {
        await new Promise((resolve) => knock.once('connect', resolve).once('close', resolve));
        while (!signal.aborted && waitingOn(this.fd) > 0) await Bun.sleep(lookMs);
      } finally {
        knock.destroy();
      }
    } finally {
      closeDescriptor(this.fd);
    }
    if (signal.aborted) return;
    this.#accepts = true;
    await this.#listen();
  }

  #listen(): Promise<void> {
    const { host, port } = this.at;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#pass(client));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        this.#accepts = false;
        reject(
          new CutoverError(
            cause.code === 'EADDRINUSE' ? 'address-in-use' : 'address-refused',
            `${formatAddress(this.at)}: expected an address on which an instance is asked, found ${cause.code ?? cause.message}`,
            {
              next: 'stop what listens there: a program that is handed its socket listens on nothing else there',
              cause,
            },
          ),
        );
      });
      server.listen({ host, port }, resolve);
    });
  }

  #pass(client: Socket): void {
    const instance = this.#dial();
    const ends = [client, instance];
    for (const [socket, other] of [
      [client, instance],
      [instance, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.pipe(other);
      // Half of a connection that is broken is no use to the other.
      socket.on('error', () => ends.forEach((end) => end.destroy()));
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (socket.destroyed && !other.writableEnded) other.destroy();
      });
    }
  }

  #dial(): Socket {
    const { host, port } = this.users;
    return connect({
      host: everywhere.includes(host) ? '127.0.0.1' : host,
      port,
      localAddress: this.source,
      allowHalfOpen: true,
    });
  }
}
