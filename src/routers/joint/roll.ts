import type { Clock } from '../../ports/clock.ts';
import type { Look } from '../../proxy/admin/joint.ts';

/** Two clocks of one rate differ by less than this part of the time that passes. */
const drift = 0.01;
const marginMs = 50;

/** What the controller last heard of one proxy. */
interface Heard {
  readonly look: Look;
  /** By the controller's clock, when the answer had come. */
  readonly atMs: number;
}

/**
 * What the controller knows of its proxies, and until when a lease may hold that it has given. A lease ends at a moment of the proxy's clock that is counted
 * from a reading of it; the reading was before its answer came, so by our clock the lease is over when as much time has passed since then. A controller
 * before this one gave none later than this one began.
 */
export class Roll {
  readonly #begunMs: number;
  readonly #heard = new Map<string, Heard>();
  readonly #leasedFrom = new Map<string, number>();
  readonly #leftOut = new Map<string, ReadonlySet<string>>();

  constructor(private readonly clock: Clock) {
    this.#begunMs = clock.monotonic();
  }

  hear(name: string, look: Look): void {
    this.#heard.set(name, { look, atMs: this.clock.monotonic() });
  }

  silent(name: string): void {
    this.#heard.delete(name);
  }

  heard(name: string): Heard | undefined {
    return this.#heard.get(name);
  }

  /** For the time of a switch that goes on without them: they get no lease for the service. */
  leaveOut(service: string, names: ReadonlySet<string>): void {
    if (names.size === 0) this.#leftOut.delete(service);
    else this.#leftOut.set(service, new Set(names));
  }

  /**
   * Until when, by the proxy's own clock, it may be told that it serves; null: it gets no lease. To be said to the proxy at once: from here on the lease
   * counts as given.
   */
  lease(name: string, service: string, leaseMs: number): { bootId: string; untilMs: number } | null {
    const heard = this.#heard.get(name);
    if (!heard || this.#leftOut.get(service)?.has(name)) return null;
    this.#leasedFrom.set(name, Math.max(this.#leasedFrom.get(name) ?? 0, heard.atMs));
    return { bootId: heard.look.bootId, untilMs: heard.look.clockMs + leaseMs };
  }

  /** A commit is about to be said to it, by which it serves for as long as a lease lasts from when it was prepared. */
  commits(name: string): void {
    this.#leasedFrom.set(name, this.clock.monotonic());
  }

  /** How long it takes until no lease of this length can hold at this proxy any more, if none is given from now on. */
  leaseLeftMs(name: string, leaseMs: number): number {
    const from = this.#leasedFrom.get(name) ?? this.#begunMs;
    return Math.max(0, from + leaseMs * (1 + drift) + marginMs - this.clock.monotonic());
  }
}
