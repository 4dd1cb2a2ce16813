import type { Mode } from '../../core/mode.ts';
import { isSafe, Method, type RequestHead } from '../http1/request-head.ts';
import type { ClientConnection } from './client-connection.ts';
import { awayAnswer } from './away-answer.ts';

/** How often held requests are let go. */
const tickMs = 10;

/** Those that are held, in the order in which they came. */
class Held extends Set<ClientConnection> {
  constructor(private readonly gate: Gate) {
    super();
  }
  expired(client: ClientConnection): void {
    this.gate.expired(client);
  }
}

/** What stands before a service that is not open: passes, holds or turns away. Nothing of it is on the way of an open service. */
export class Gate {
  private readonly held = new Held(this);
  /** Those that were held and are let go at the pace. */
  private readonly leaving = new Held(this);
  private timer: Timer | undefined;
  private credit = 0;

  constructor(private mode: Mode) {}

  get waiting(): number {
    return this.held.size + this.leaving.size;
  }

  /** Takes on another mode. What is held stays held, or begins to leave in the order in which it came. */
  become(mode: Mode): void {
    this.mode = mode;
    const holds = mode.mode === 'held';
    const order = [...this.leaving, ...this.held];
    this.leaving.clear();
    this.held.clear();
    const place = holds ? this.held : this.leaving;
    for (const client of order) client.waitIn(place);
    if (holds || order.length === 0) this.rest();
    else this.timer ??= setInterval(() => this.letGo(), tickMs);
  }

  /** True if the request does not go on now: it is held, or was answered. */
  stops(client: ClientConnection, head: RequestHead, bytes: Uint8Array, now: number): boolean {
    const { mode } = this;
    if (mode.mode === 'open') return false;
    if (mode.mode === 'read-only' && isSafe(head.method)) return false;
    const holds = mode.mode === 'held' || (mode.mode === 'read-only' && mode.writes === 'hold');
    if (holds && this.waiting < mode.queue) client.holdUntil(now + mode.waitMs, this.held);
    else
      client.turnAway(
        awayAnswer(mode, bytes.subarray(head.start, head.end), head.method === Method.head, client.pages),
        holds ? 'too many requests are held' : 'the service is not open',
      );
    return true;
  }

  /** One that has been held for as long as it may be. */
  expired(client: ClientConnection): void {
    const text = Buffer.from(client.waitingBytes).toString('latin1').trimStart();
    const head = text.slice(0, text.search(/\r?\n\r?\n/));
    client.turnAway(
      awayAnswer(this.mode, Buffer.from(head, 'latin1'), head.startsWith('HEAD '), client.pages),
      'held for too long',
    );
  }

  private letGo(): void {
    this.credit += (this.mode.pace * tickMs) / 1000;
    for (const client of this.leaving) {
      if (this.credit < 1) return;
      this.credit--;
      this.leaving.delete(client);
      client.release();
    }
    this.rest();
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.credit = 0;
  }
}
