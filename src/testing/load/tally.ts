import { bucketCount, bucketOf, quantileMs, sparse } from '../../core/latency.ts';
import { kinds, type Kind, type Speaker } from './profile.ts';
import {
  maxFailures,
  type Counts,
  type Failure,
  type KindCount,
  type Mark,
  type Reason,
  type Snapshot,
} from './snapshot.ts';

const short: readonly Kind[] = ['keep-alive', 'close', 'order'];

class KindTally {
  requests = 0;
  failed = 0;
  maxUs = 0;
  readonly latency = new Float64Array(bucketCount);
}

/** Counts by who answered, of the requests that began between two marks. */
class Era {
  requests = 0;
  failed = 0;
  readonly byEnvironment = new Map<string, number>();
  readonly byRelease = new Map<string, number>();
}

/**
 * Counts what happens. Each request carries the number of marks that were set before it began, so the question who answered
 * the requests begun after a mark is exact, and costs a few counters for each mark.
 */
export class Tally {
  readonly #startedAt = performance.now();
  readonly #kinds = new Map<Kind, KindTally>(kinds.map((kind) => [kind, new KindTally()]));
  readonly #reasons = new Map<Reason, number>();
  readonly #failures: Failure[] = [];
  readonly #eras: Era[] = [new Era()];
  #inFlight = 0;
  readonly reopened = { announced: 0, idle: 0 };
  readonly tunnels = { opened: 0, messages: 0, closedByServer: 0, cut: 0 };

  mark(): Mark {
    return this.#eras.push(new Era()) - 1;
  }

  /** A request's first byte is about to be sent. Returns its era, which comes back with what becomes of it. */
  begun(): number {
    this.#inFlight++;
    return this.#eras.length - 1;
  }

  /** Who answers is known. Once for each request at most. */
  answered(era: number, speaker: Speaker): void {
    const { byEnvironment, byRelease } = this.#era(era);
    byEnvironment.set(speaker.environment, (byEnvironment.get(speaker.environment) ?? 0) + 1);
    byRelease.set(speaker.release, (byRelease.get(speaker.release) ?? 0) + 1);
  }

  ended(kind: Kind, era: number): void {
    this.#inFlight--;
    this.#era(era).requests++;
    this.#kind(kind).requests++;
  }

  latency(kind: Kind, us: number): void {
    const tally = this.#kind(kind);
    const bucket = bucketOf(us);
    tally.latency[bucket] = (tally.latency[bucket] ?? 0) + 1;
    if (us > tally.maxUs) tally.maxUs = us;
  }

  failed(
    kind: Kind,
    era: number,
    label: string,
    reason: Reason,
    detail: string,
    speaker: Speaker | null,
  ): void {
    this.ended(kind, era);
    this.#era(era).failed++;
    this.#kind(kind).failed++;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    if (this.#failures.length >= maxFailures) return;
    const atMs = Math.round(performance.now() - this.#startedAt);
    const who = { environment: speaker?.environment ?? null, release: speaker?.release ?? null };
    this.#failures.push({ atMs, kind, label, reason, detail: detail.slice(0, 300), ...who });
  }

  /** Of the requests that began after the mark and have ended (a tunnel is counted by who answered as soon as it is open). */
  begunAfter(mark: Mark): Counts {
    return countsOf(this.#eras.slice(mark));
  }

  snapshot(): Snapshot {
    const shortCounts = new Float64Array(bucketCount);
    let maxUs = 0;
    const byKind: Partial<Record<Kind, KindCount>> = {};
    for (const [kind, tally] of this.#kinds) {
      if (tally.requests === 0) continue;
      const latency = sparse(tally.latency);
      const { requests, failed } = tally;
      byKind[kind] = {
        requests,
        failed,
        p50Ms: quantileMs(latency, 0.5),
        p99Ms: quantileMs(latency, 0.99),
        latency,
      };
      if (!short.includes(kind)) continue;
      for (const [bucket, count] of latency) shortCounts[bucket] = (shortCounts[bucket] ?? 0) + count;
      maxUs = Math.max(maxUs, tally.maxUs);
    }
    const latency = sparse(shortCounts);
    return {
      ...countsOf(this.#eras),
      seconds: (performance.now() - this.#startedAt) / 1000,
      inFlight: this.#inFlight,
      byKind,
      byReason: Object.fromEntries(this.#reasons),
      failures: [...this.#failures],
      p50Ms: quantileMs(latency, 0.5),
      p99Ms: quantileMs(latency, 0.99),
      maxMs: maxUs === 0 ? null : maxUs / 1000,
      latency,
      reopened: { ...this.reopened },
      tunnels: { ...this.tunnels },
    };
  }

  #kind(kind: Kind): KindTally {
    const tally = this.#kinds.get(kind);
    if (!tally) throw new RangeError(`expected one of ${kinds.join(', ')}, found ${kind}`);
    return tally;
  }

  #era(era: number): Era {
    const counts = this.#eras[era];
    if (!counts) throw new RangeError(`expected an era below ${this.#eras.length}, found ${era}`);
    return counts;
  }
}

function countsOf(eras: readonly Era[]): Counts {
  const sum = (pick: (era: Era) => Map<string, number>): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const era of eras) for (const [name, count] of pick(era)) counts[name] = (counts[name] ?? 0) + count;
    return counts;
  };
  return {
    requests: eras.reduce((total, era) => total + era.requests, 0),
    failed: eras.reduce((total, era) => total + era.failed, 0),
    byEnvironment: sum((era) => era.byEnvironment),
    byRelease: sum((era) => era.byRelease),
  };
}
