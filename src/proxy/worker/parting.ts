import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts';

/** Lets go of a connection to an instance in order: says a last word, sends no more, and waits for the instance to end it, but not for ever. */
class Parting implements UpstreamUser {
  private readonly timer: Timer;
  constructor(
    private readonly upstream: UpstreamConnection,
    lingerMs: number,
  ) {
    this.timer = setTimeout(() => upstream.destroy(), lingerMs);
  }
  onUpstreamOpen(): void {}
  onUpstreamRefused(): void {}
  onUpstreamUnprocessed(): void {
    this.onUpstreamClose();
  }
  onUpstreamInvalid(): void {
    this.onUpstreamEnd();
  }
  onUpstreamData(): void {}
  onUpstreamDrain(): void {}
  onUpstreamEnd(): void {
    clearTimeout(this.timer);
    this.upstream.destroy();
  }
  onUpstreamClose(): void {
    clearTimeout(this.timer);
  }
}

/** @param word what is sent last; null: nothing */
export function partFrom(upstream: UpstreamConnection, word: Uint8Array | null, lingerMs: number): void {
  const parting = new Parting(upstream, lingerMs);
  upstream.user = parting;
  upstream.resume();
  if (word !== null) upstream.write(word, 0, word.length, true);
  upstream.shutdown();
  if (upstream.ended) parting.onUpstreamEnd();
}
