import type { Socket } from 'bun';
import type { Address } from '../../core/address.ts';

/** What happens on a connection. After `closed` or `refused` nothing more comes. */
export interface WireEvents {
  opened(): void;
  received(chunk: Buffer): void;
  /** The other side ended or reset it; `error` is null for an end in order. */
  closed(error: Error | null): void;
  /** It could not be opened. */
  refused(error: Error): void;
}

/** One TCP connection as a client: what the system does not take at once waits here for its turn. */
export class Wire {
  #socket: Socket<Wire> | null = null;
  #events: WireEvents | null;
  #waiting: Uint8Array[] = [];

  constructor(target: Address, events: WireEvents) {
    this.#events = events;
    Bun.connect({ hostname: target.host, port: target.port, socket: handlers, data: this }).catch(
      (error: unknown) => {
        this.#take()?.refused(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  /** All that was to be sent has been handed to the system. */
  get flushed(): boolean {
    return this.#waiting.length === 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#waiting.length > 0 || !this.#socket) {
      this.#waiting.push(bytes);
      return;
    }
    const taken = Math.max(0, this.#socket.write(bytes));
    if (taken < bytes.length) this.#waiting.push(bytes.subarray(taken));
  }

  /** Closes it from this side; no event comes any more. */
  end(): void {
    this.#take();
    this.#socket?.end();
    this.#waiting = [];
  }

  /** The events, for the last time. */
  #take(): WireEvents | null {
    const events = this.#events;
    this.#events = null;
    return events;
  }

  static opened(socket: Socket<Wire>): void {
    const wire = socket.data;
    wire.#socket = socket;
    if (wire.#events) wire.#events.opened();
    else socket.end();
  }

  static received(socket: Socket<Wire>, chunk: Buffer): void {
    socket.data.#events?.received(chunk);
  }

  static drained(socket: Socket<Wire>): void {
    const wire = socket.data;
    const waiting = wire.#waiting;
    wire.#waiting = [];
    for (const bytes of waiting) wire.write(bytes);
  }

  static closed(socket: Socket<Wire>, error?: Error): void {
    socket.data.#take()?.closed(error ?? null);
  }
}

const handlers = {
  open: Wire.opened,
  data: Wire.received,
  drain: Wire.drained,
  close: Wire.closed,
  /** A defect in the load generator must not pass for a quiet server. */
  error: (_socket: Socket<Wire>, error: Error): void => {
    queueMicrotask(() => {
      throw error;
    });
  },
};
