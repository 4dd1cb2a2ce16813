import { randomUUID } from 'node:crypto';
import { formatAddress } from '../core/address.ts';
import type { HeldPlace, HeldSocket, HeldSockets } from '../ports/held-sockets.ts';
import { prepareSocketDirectory, socketPath } from '../config/home.ts';
import { openInbox } from '../proxy/keeper/descriptor-passing.ts';
import type { HolderClient } from './client.ts';
import { Door } from './door.ts';
import { SocketSent, type SocketOrder } from './protocol.ts';
import { sourceOf } from './slots.ts';

/** Sockets that a holder process has. */
export class SocketsOfHolder implements HeldSockets {
  readonly #doors = new Map<string, Door>();

  /**
   * @param home absolute path
   * @param launcher argument vector that starts a program with descriptor 3
   */
  constructor(
    private readonly home: string,
    private readonly client: HolderClient,
    private readonly launcher: readonly string[],
    private readonly report: (error: unknown) => void,
  ) {}

  async take(place: HeldPlace): Promise<HeldSocket> {
    const { fd } = await this.#copy(place);
    return { fd, launcher: this.launcher };
  }

  async lead(place: HeldPlace): Promise<void> {
    this.leave(place);
    const { fd, sent } = await this.#copy(place);
    const door = new Door(place.address, sent.address, sourceOf(sent.slot), fd, this.report);
    this.#doors.set(formatAddress(place.address), door);
  }

  leave({ address }: Pick<HeldPlace, 'address'>): void {
    const key = formatAddress(address);
    this.#doors.get(key)?.close();
    this.#doors.delete(key);
  }

  accepts({ address }: Pick<HeldPlace, 'address'>): boolean {
    return this.#doors.get(formatAddress(address))?.accepts ?? false;
  }

  close(): void {
    for (const door of this.#doors.values()) door.close();
    this.#doors.clear();
  }

  async #copy({ service, listen, colour, index, instances }: HeldPlace): Promise<{
    readonly fd: number;
    readonly sent: SocketSent;
  }> {
    const path = socketPath(this.home, `holder/${randomUUID().slice(0, 8)}.sock`);
    prepareSocketDirectory(path);
    const inbox = openInbox(path);
    try {
      const order: SocketOrder = { listen, colour, index, instances, inbox: path };
      const sent = await this.client.ask(
        { method: 'POST', path: `/v1/services/${encodeURIComponent(service)}/socket`, body: order },
        SocketSent,
      );
      const fd = inbox.receive()?.fds[0];
      if (fd === undefined) throw new Error(`the holder of sockets sent none for ${service}`);
      return { fd, sent };
    } finally {
      inbox.close();
    }
  }
}
