import type { Socket } from 'bun';

/** What waits for the process that mirrors, at most: it reads at once, or it is stuck. */
const mostWaiting = 8 * 1024 * 1024;
const roomBytes = 65_536;
/** Copies that come within that time go together. */
const gatherMs = 4;
const againMs = 250;

/**
 * A worker's connection to the process that mirrors. What it does not take is dropped: nobody waits for it, and what waits is bounded. It is
 * made when there is something to send, and again when it was lost.
 */
export class MirrorPipe {
  #socket: Socket<undefined> | null = null;
  #connecting = false;
  #triedAt = -Infinity;
  #filling: Buffer | null = null;
  #filled = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #sentOfFirst = 0;
  #timer: Timer | null = null;

  constructor(
    private readonly path: string,
    private readonly now: () => number,
    /** Called before what was gathered is sent: the moment to add what belongs to it. */
    private readonly onFlush: () => void,
  ) {}

  /** Whether there is room for so many bytes, and somebody to take them; else the reason why they are dropped. */
  admits(length: number): 'mirror-away' | 'pipe-full' | null {
    if (this.#socket === null) {
      this.#connect();
      // What comes before the first connection waits for it; what comes while nobody is there does not.
      if (!this.#connecting) return 'mirror-away';
    }
    return this.#waitingBytes + this.#filled + length > mostWaiting ? 'pipe-full' : null;
  }

  /** Room for a frame of `length` bytes, to be written by `write(target, at)`; only after `admits`. */
  put(length: number, write: (target: Buffer, at: number) => void): void {
    if (length > roomBytes) {
      this.#seal();
      const own = Buffer.allocUnsafeSlow(length);
      write(own, 0);
      this.#add(own);
    } else {
      if (this.#filled + length > roomBytes) this.#seal();
      this.#filling ??= Buffer.allocUnsafeSlow(roomBytes);
      write(this.#filling, this.#filled);
      this.#filled += length;
    }
    this.#timer ??= setTimeout(() => this.#flush(), gatherMs);
  }

  /** Drops what waits, and the connection. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#filling = null;
    this.#filled = 0;
    this.#lost();
  }

  #flush(): void {
    this.#timer = null;
    this.onFlush();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#seal();
    this.#pump();
  }

  /** What was gathered so far goes as it is. */
  #seal(): void {
    if (this.#filled === 0 || this.#filling === null) return;
    this.#add(this.#filling.subarray(0, this.#filled));
    this.#filling = null;
    this.#filled = 0;
  }

  #add(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #pump(): void {
    const socket = this.#socket;
    if (socket === null) return;
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      const taken = socket.write(first, this.#sentOfFirst, first.length - this.#sentOfFirst);
      if (taken < 0) return;
      this.#sentOfFirst += taken;
      this.#waitingBytes -= taken;
      if (this.#sentOfFirst < first.length) return;
      this.#waiting.shift();
      this.#sentOfFirst = 0;
    }
  }

  #connect(): void {
    const now = this.now();
    if (this.#connecting || now - this.#triedAt < againMs) return;
    this.#triedAt = now;
    this.#connecting = true;
    void Bun.connect<undefined>({
      unix: this.path,
      socket: {
        open: (socket) => {
          this.#connecting = false;
          this.#socket = socket;
          this.#pump();
        },
        drain: () => this.#pump(),
        close: () => this.#lost(),
        error: () => this.#lost(),
        connectError: () => this.#lost(),
        data: () => undefined,
      },
    }).catch(() => this.#lost());
  }

  /** What was on its way is gone: half a frame would spoil all that follow. */
  #lost(): void {
    const socket = this.#socket;
    this.#connecting = false;
    this.#socket = null;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#sentOfFirst = 0;
    socket?.terminate();
  }
}
