import type { InstancePool } from '../worker/instance-pool.ts';
import type { Plane } from '../worker/plane.ts';
import { UpstreamConnection, type UpstreamUser } from '../worker/upstream-connection.ts';
import { AnswerReader, type RawAnswer } from './answer-reader.ts';

/** Why there was no answer. */
export type NoAnswer =
  'timeout' | 'connection refused' | 'connection closed' | 'no valid response' | 'too long';

export interface Outcome {
  readonly answer: RawAnswer | null;
  readonly failed: NoAnswer | null;
  readonly tookMs: number;
}

/** A request that is sent as it is. */
export interface Sendable {
  readonly bytes: Uint8Array;
  readonly toHead: boolean;
  readonly idempotent: boolean;
  readonly greeting: Uint8Array | null;
}

/** One request to an instance, whose answer no user waits for. */
export class Replay implements UpstreamUser {
  readonly deadline: number;
  #upstream: UpstreamConnection | null = null;
  readonly #reader: AnswerReader;
  #sentAt = 0;
  #begun = false;
  #again = false;

  constructor(
    private readonly plane: Plane,
    private readonly pool: InstancePool,
    private readonly request: Sendable,
    timeoutMs: number,
    mostBytes: number,
    private readonly done: (replay: Replay, outcome: Outcome) => void,
  ) {
    this.deadline = plane.tick() + timeoutMs;
    this.#reader = new AnswerReader(request.toHead, mostBytes);
  }

  start(): void {
    const { pool } = this;
    this.#sentAt = this.plane.tick();
    pool.inFlight++;
    const fresh = !this.request.idempotent;
    const idle = this.#greets ? pool.takeOwn(this.#greeting, fresh) : pool.take(fresh);
    if (idle === undefined) return this.#dial();
    this.#upstream = idle;
    idle.user = this;
    this.#send();
  }

  get #greeting(): Uint8Array {
    return this.request.greeting ?? new Uint8Array(0);
  }
  get #greets(): boolean {
    return this.pool.sendProxy !== null && this.request.greeting !== null;
  }

  #dial(): void {
    const upstream = new UpstreamConnection(
      this.plane,
      this.pool,
      this,
      this.#greets ? this.request.greeting : null,
    );
    this.#upstream = upstream;
    upstream.connect();
  }

  #send(): void {
    const { bytes } = this.request;
    this.#upstream?.write(bytes, 0, bytes.length, true);
  }

  /** Its time is over. */
  expire(): void {
    this.#fail('timeout');
  }

  #fail(why: NoAnswer): void {
    if (this.#upstream === null) return;
    this.#leave().destroy(true);
    this.done(this, { answer: null, failed: why, tookMs: this.plane.tick() - this.#sentAt });
  }

  #leave(): UpstreamConnection {
    const upstream = this.#upstream;
    if (upstream === null) throw new Error('a replay that is over');
    this.#upstream = null;
    upstream.user = null;
    this.pool.inFlight--;
    return upstream;
  }

  onUpstreamOpen(): void {
    this.#send();
  }
  onUpstreamRefused(): void {
    this.#fail('connection refused');
  }
  onUpstreamUnprocessed(): void {
    this.#fail('connection closed');
  }
  onUpstreamInvalid(): void {
    this.#fail('no valid response');
  }
  onUpstreamDrain(): void {
    // All of it was handed over at once.
  }
  onUpstreamData(bytes: Uint8Array): void {
    this.#begun = true;
    this.#follow(this.#reader.feed(bytes), false);
  }
  onUpstreamEnd(): void {
    this.#follow(this.#reader.end(), true);
  }
  onUpstreamClose(): void {
    if (this.#upstream === null) return;
    // A connection that rested may have been closed at the other end before the request got there.
    if (!this.#begun && this.#upstream.reused && !this.#again) {
      this.#again = true;
      this.#upstream.user = null;
      this.#dial();
      return;
    }
    if (this.#reader.end() === 'whole') this.#follow('whole', true);
    else this.#fail('connection closed');
  }

  #follow(progress: ReturnType<AnswerReader['feed']>, ended: boolean): void {
    if (progress === 'more' || this.#upstream === null) return;
    if (progress === 'bad' && ended) return this.#fail('connection closed');
    if (progress === 'bad' || progress === 'switched') return this.#fail('no valid response');
    if (progress === 'long') return this.#fail('too long');
    const { answer } = this.#reader;
    if (answer === null) return this.#fail('no valid response');
    const upstream = this.#leave();
    if (answer.keepAlive && !ended && !upstream.ended && upstream.outlet.empty)
      upstream.rest(answer.idleSeconds);
    else upstream.destroy();
    this.done(this, { answer, failed: null, tookMs: this.plane.tick() - this.#sentAt });
  }
}
