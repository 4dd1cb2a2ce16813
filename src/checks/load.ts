import { formatAddress } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import { bucketCount, bucketOf, quantileMs, sparse } from '../core/latency.ts';
import type { LoadCheck } from '../core/load-check.ts';
import type { CheckResult, CheckTarget } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { agentFor } from './load-agent.ts';
import { ask, Failures, reason } from './request.ts';
import { secureOptions } from './secure.ts';

/** What came of the requests so far. */
class Tally {
  ended = 0;
  readonly #latency = new Uint32Array(bucketCount);
  readonly #failures = new Failures();

  get failed(): number {
    return this.#failures.count;
  }
  answered(ms: number, status: number): void {
    this.ended++;
    const bucket = bucketOf(ms * 1000);
    this.#latency[bucket] = (this.#latency[bucket] ?? 0) + 1;
    if (status >= 500) this.#failures.because(`status ${status}`);
  }
  broken(why: string): void {
    this.ended++;
    this.#failures.because(why);
  }

  quantileMs(q: number): number | null {
    return quantileMs(sparse(this.#latency), q);
  }
  failures(): string[] {
    return this.#failures.told();
  }
}

/**
 * A steady load on all instances: requests begin at even distances whatever the answers do, and a latency counts from when the
 * request was due, so that a target that stalls cannot slow down its own examination. Ends early once it cannot pass any more.
 */
export async function loadCheck(
  clock: Clock,
  load: LoadCheck,
  { address, others = [], upstream }: CheckTarget,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const targets = [address, ...others];
  const began = clock.monotonic();
  const says = (ok: boolean, detail: string, output: string[] = []): CheckResult => ({
    ok,
    detail: `load: ${detail}`,
    ms: clock.monotonic() - began,
    ...(output.length > 0 && { output }),
  });
  if (upstream?.protocol === 'h2')
    return says(false, 'expected instances that speak HTTP/1.1, found router.upstream.protocol h2');
  const secure = await secureOptions(upstream, address);
  if (typeof secure === 'string') return says(false, secure);
  const agent = agentFor(secure, upstream?.sendProxy);

  const total = Math.max(1, Math.floor((load.rate * load.duration) / 1000));
  const mayFail = Math.floor(load.errors * total);
  const tally = new Tally();
  const underWay = new Set<Promise<void>>();
  const start = clock.monotonic();
  const send = async (n: number): Promise<void> => {
    const due = start + (n * 1000) / load.rate;
    const target = targets[n % targets.length] ?? address;
    const path = load.paths[Math.floor(n / targets.length) % load.paths.length] ?? '/';
    try {
      const status = await ask(target, { path, headers: load.headers }, timeoutMs, secure, agent);
      tally.answered(clock.monotonic() - due, status);
    } catch (error) {
      tally.broken(`${reason(error)} at ${formatAddress(target)}`);
    }
  };

  try {
    for (let n = 0; n < total; n++) {
      if (signal?.aborted) return says(false, `stopped after ${tally.ended} of ${total} requests`);
      if (tally.failed > mayFail) break;
      const wait = start + (n * 1000) / load.rate - clock.monotonic();
      // An abort is what the next turn looks for.
      if (wait > 0) await clock.sleep(wait, signal).catch(() => undefined);
      while (underWay.size >= load.connections) await Promise.race(underWay);
      const sent: Promise<void> = send(n).finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
    await Promise.all(underWay);
  } finally {
    agent.destroy();
  }
  return says(...verdict(load, tally, mayFail, targets.length, clock.monotonic() - start));
}

function verdict(
  load: LoadCheck,
  tally: Tally,
  mayFail: number,
  targets: number,
  ms: number,
): [ok: boolean, detail: string, output: string[]] {
  const { ended, failed } = tally;
  if (failed > mayFail) {
    const share = load.errors === 0 ? 'none' : `at most ${mayFail}`;
    return [
      false,
      `expected ${share} of the requests to fail, found ${failed} of ${ended}`,
      tally.failures(),
    ];
  }
  for (const [name, q] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const limit = load[name];
    const found = tally.quantileMs(q);
    if (limit !== undefined && (found === null || found > limit)) {
      const was = found === null ? 'no answer' : formatDuration(found);
      return [
        false,
        `expected a ${name} of at most ${formatDuration(limit)}, found ${was} over ${ended} requests`,
        tally.failures(),
      ];
    }
  }
  const [p50, p99] = [tally.quantileMs(0.5), tally.quantileMs(0.99)].map((each) =>
    each === null ? '–' : formatDuration(each),
  );
  const where = targets === 1 ? '' : ` to ${targets} instances`;
  return [
    true,
    `${ended} requests in ${formatDuration(ms)}${where}, ${failed} failed, p50 ${p50}, p99 ${p99}`,
    tally.failures(),
  ];
}
