import { Malformed } from './malformed.ts';
import type { Exchange, ExchangeKind } from './profile.ts';
import { ResponseParser } from './response-parser.ts';
import { isRefusal, retryDelayMs, speakerOf, type Setting, type Slot } from './slot.ts';
import type { Reason } from './snapshot.ts';
import { Wire, type WireEvents } from './wire.ts';

/** How long a server may take to close a connection that it said it would close. Then this side does. */
const closeGraceMs = 1000;

/**
 * Sends requests one after another.
 *
 *   idle ──► connecting ──► asking ──► idle            (kept connection)
 *     └────────────────────► asking ──► closing ──► idle (connection that ends with its response)
 *                                   └─► pausing ──► idle (failed)
 *
 * A connection that ends in `idle` or `closing` is opened again; one that ends in `asking` is a failure, since a request was sent.
 */
export class ExchangeSlot implements Slot, WireEvents {
  readonly finished: Promise<void>;
  readonly #finish: () => void;
  readonly #parser = new ResponseParser();
  #state: 'idle' | 'connecting' | 'asking' | 'closing' | 'pausing' = 'idle';
  #wire: Wire | null = null;
  #exchange: Exchange | null = null;
  #era = 0;
  #sinceMs = 0;
  #nextPart = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(
    readonly kind: ExchangeKind,
    readonly next: () => Exchange,
    readonly setting: Setting,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
  }

  start(): void {
    this.#rest();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#state === 'closing' || this.#state === 'idle' || this.#state === 'pausing') this.#rest();
  }

  check(nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs;
    if (this.#state === 'closing' && elapsedMs > closeGraceMs) {
      this.#drop();
      this.#rest();
    } else if (this.#state === 'connecting' && elapsedMs > this.setting.timeoutMs) {
      this.#era = this.setting.tally.begun();
      this.#fail('timeout', `no connection within ${this.setting.timeoutMs} ms`);
    } else if (this.#state === 'asking' && elapsedMs > this.setting.timeoutMs) {
      this.#fail('timeout', `${this.#parser.received} bytes came within ${this.setting.timeoutMs} ms`);
    }
  }

  opened(): void {
    this.#ask();
  }

  refused(error: Error): void {
    this.#era = this.setting.tally.begun();
    this.#fail(isRefusal(error) ? 'connect-refused' : 'connect-failed', error.message);
  }

  received(chunk: Buffer): void {
    const { tally } = this.setting;
    if (this.#state !== 'asking') {
      this.#era = tally.begun();
      this.#fail('malformed', `${chunk.length} bytes came unasked`);
      return;
    }
    try {
      if (!this.#parser.push(chunk)) return;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#fail('malformed', error.message);
      return;
    }
    this.#answered();
  }

  closed(error: Error | null): void {
    this.#wire = null;
    const { tally } = this.setting;
    if (this.#state === 'asking') {
      const { received } = this.#parser;
      const how = error ? error.message : 'the connection was closed';
      if (received > 0) this.#fail('truncated', `after ${received} bytes: ${how}`);
      else this.#fail(error ? 'reset' : 'closed', `before an answer: ${how}`);
    } else if (this.#state === 'closing') {
      if (!this.#exchange?.close) tally.reopened.announced++;
      this.#rest();
    } else {
      tally.reopened.idle++;
    }
  }

  /** Between two requests. */
  #rest(): void {
    this.#state = 'idle';
    if (this.#stopped) {
      this.#drop();
      this.#finish();
    } else this.setting.pacer.take(() => this.#begin());
  }

  #begin(): void {
    if (this.#stopped) {
      this.#rest();
      return;
    }
    this.#exchange = this.next();
    if (this.#wire) {
      this.#ask();
      return;
    }
    this.#state = 'connecting';
    this.#sinceMs = performance.now();
    this.#wire = new Wire(this.setting.target, this);
  }

  #ask(): void {
    this.#state = 'asking';
    this.#parser.reset();
    this.#era = this.setting.tally.begun();
    this.#sinceMs = performance.now();
    this.#nextPart = 0;
    this.#sendPart();
  }

  #sendPart(): void {
    this.#timer = null;
    const exchange = this.#exchange;
    const part = exchange?.parts[this.#nextPart++];
    if (!exchange || !part) return;
    this.#wire?.write(part);
    if (this.#nextPart < exchange.parts.length)
      this.#timer = setTimeout(() => this.#sendPart(), exchange.pauseMs);
  }

  #answered(): void {
    const { head } = this.#parser;
    const exchange = this.#exchange;
    if (!head || !exchange) return;
    const { tally, profile } = this.setting;
    if (head.status !== exchange.status) {
      this.#fail('status', `expected ${exchange.status}, found ${head.status}`);
      return;
    }
    const speaker = speakerOf(profile, head);
    const flaw = exchange.check(this.#parser.body(), speaker);
    if (flaw) {
      this.#fail(flaw.reason, flaw.detail);
      return;
    }
    if (this.#timer || !this.#wire?.flushed) {
      this.#fail('wrong-content', 'the answer came before the request was sent');
      return;
    }
    const nowMs = performance.now();
    tally.latency(this.kind, (nowMs - this.#sinceMs) * 1000);
    if (speaker) tally.answered(this.#era, speaker);
    tally.ended(this.kind, this.#era);
    if (exchange.close || !head.keepAlive) {
      this.#state = 'closing';
      this.#sinceMs = nowMs;
      if (this.#stopped) this.#rest();
    } else this.#rest();
  }

  /** The request has failed; its connection is not used again. */
  #fail(reason: Reason, detail: string): void {
    const speaker = speakerOf(this.setting.profile, this.#parser.head);
    if (speaker) this.setting.tally.answered(this.#era, speaker);
    this.setting.tally.failed(
      this.kind,
      this.#era,
      this.#exchange?.label ?? this.kind,
      reason,
      detail,
      speaker,
    );
    this.#parser.reset();
    this.#drop();
    if (this.#stopped) this.#rest();
    else {
      this.#state = 'pausing';
      this.#timer = setTimeout(() => this.#rest(), retryDelayMs);
    }
  }

  #drop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wire?.end();
    this.#wire = null;
  }
}
