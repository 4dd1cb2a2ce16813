import type { Address } from '../../src/core/address.ts';
import { Malformed } from '../../src/testing/load/malformed.ts';
import { ResponseParser } from '../../src/testing/load/response-parser.ts';
import { Wire } from '../../src/testing/load/wire.ts';

/** What came of one request, as its client sees it. Nothing is ever sent twice. */
export type Asked =
  | { readonly kind: 'whole'; readonly status: number; readonly body: string; readonly keepAlive: boolean }
  /** The client knows that it has no whole response. */
  | { readonly kind: 'broken'; readonly how: string; readonly received: number };

/** One client with one connection at a time, which reads responses strictly. */
export class Asker {
  private wire: Wire | null = null;
  private parser = new ResponseParser();
  private settle: ((asked: Asked) => void) | null = null;
  private opened: (() => void) | null = null;
  private next: Promise<void> = Promise.resolve();

  constructor(
    private readonly target: Address,
    private readonly timeoutMs: number,
  ) {}

  /** Sends these bytes, with a turn of the event loop between the parts, and waits for one response. */
  async ask(parts: readonly Uint8Array[]): Promise<Asked> {
    const { promise, resolve } = Promise.withResolvers<Asked>();
    this.settle = resolve;
    this.parser.reset();
    const timer = setTimeout(() => this.broken('nothing came in time'), this.timeoutMs);
    if (this.wire === null) this.connect();
    await this.next;
    const { wire } = this;
    for (const [index, part] of parts.entries()) {
      if (this.wire !== wire || this.settle === null) break;
      if (index > 0) await Bun.sleep(1);
      this.wire?.write(part);
    }
    const asked = await promise;
    clearTimeout(timer);
    return asked;
  }

  /** Closes the connection; the next request makes one of its own. */
  close(): void {
    this.wire?.end();
    this.wire = null;
  }

  private connect(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.next = promise;
    this.opened = resolve;
    const wire = new Wire(this.target, {
      opened: () => resolve(),
      refused: (error) => {
        this.lost(wire, `refused: ${error.message}`);
        resolve();
      },
      closed: (error) => this.lost(wire, error === null ? 'closed' : `reset: ${error.message}`),
      received: (chunk) => this.received(wire, chunk),
    });
    this.wire = wire;
  }

  private lost(wire: Wire, how: string): void {
    if (this.wire !== wire) return;
    this.wire = null;
    this.opened?.();
    this.broken(how);
  }

  private received(wire: Wire, chunk: Buffer): void {
    if (this.wire !== wire || this.settle === null) return;
    try {
      if (!this.parser.push(chunk)) return;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.broken(`malformed: ${error.message}`);
      return;
    }
    const { head } = this.parser;
    if (head === null) return;
    const body = this.parser.body().toString('latin1');
    const { settle } = this;
    this.settle = null;
    if (!head.keepAlive) this.close();
    settle({ kind: 'whole', status: head.status, body, keepAlive: head.keepAlive });
  }

  private broken(how: string): void {
    const { settle } = this;
    this.settle = null;
    this.close();
    settle?.({ kind: 'broken', how, received: this.parser.received });
  }
}
