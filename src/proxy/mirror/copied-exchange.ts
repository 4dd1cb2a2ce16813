import type { UpstreamConnection, UpstreamUser } from '../worker/upstream-connection.ts';
import type { MirrorTap } from './tap.ts';

interface Bytes {
  readonly pieces: Uint8Array[];
  length: number;
}

/**
 * Stands between an exchange whose request was chosen to be mirrored and its instance, and keeps what both say. It changes nothing of what
 * they do, and nobody waits for it. What gets too long is let go of at once.
 */
export class CopiedExchange implements UpstreamUser {
  #request: Bytes = { pieces: [], length: 0 };
  #response: Bytes = { pieces: [], length: 0 };
  #headLength = 0;
  #greeting: Uint8Array | null = null;
  /** Why there will be no copy; null: there may be one. */
  #spoilt: 'request-too-long' | 'response-too-long' | null = null;

  constructor(
    private readonly tap: MirrorTap,
    private readonly user: UpstreamUser,
  ) {}

  /** The request goes to an instance, perhaps once more: `head` as it is sent, and what is here of its body. */
  begin(upstream: UpstreamConnection, head: Uint8Array, body: Uint8Array): void {
    this.#request = { pieces: [], length: 0 };
    this.#response = { pieces: [], length: 0 };
    this.#spoilt = null;
    this.#headLength = head.length;
    this.#greeting = upstream.greeting;
    this.more(head);
    if (body.length > 0) this.more(body);
    upstream.user = this;
  }

  /** More of the request. */
  more(bytes: Uint8Array): void {
    if (this.#spoilt !== null) return;
    this.#request.pieces.push(bytes);
    this.#request.length += bytes.length;
    if (this.#request.length > this.tap.longestRequest) this.#spoil('request-too-long');
  }

  #spoil(why: 'request-too-long' | 'response-too-long'): void {
    this.#spoilt = why;
    this.#request = { pieces: [], length: 0 };
    this.#response = { pieces: [], length: 0 };
  }

  /** The exchange is over, one way or the other. */
  end(tookMs: number): void {
    if (this.#spoilt !== null) this.tap.skip(this.#spoilt);
    else if (this.#response.length === 0) this.tap.skip('live-failed');
    else this.tap.hand(tookMs * 1000, this.#headLength, this.#greeting, this.#request, this.#response);
  }

  onUpstreamData(bytes: Uint8Array): void {
    if (this.#spoilt === null) {
      this.#response.pieces.push(bytes);
      this.#response.length += bytes.length;
      if (this.#response.length > this.tap.longestResponse) this.#spoil('response-too-long');
    }
    this.user.onUpstreamData(bytes);
  }
  onUpstreamOpen(): void {
    this.user.onUpstreamOpen();
  }
  onUpstreamRefused(): void {
    this.user.onUpstreamRefused();
  }
  onUpstreamDrain(): void {
    this.user.onUpstreamDrain();
  }
  onUpstreamUnprocessed(): void {
    this.user.onUpstreamUnprocessed();
  }
  onUpstreamInvalid(): void {
    this.user.onUpstreamInvalid();
  }
  onUpstreamEnd(): void {
    this.user.onUpstreamEnd();
  }
  onUpstreamClose(clean: boolean): void {
    this.user.onUpstreamClose(clean);
  }
}
