import { formatAddress } from '../core/address.ts';
import { median } from '../core/median.ts';
import type { CheckTarget, RoundOrder, RoundResult } from '../ports/check.ts';
import type { Clock } from '../ports/clock.ts';
import { httpCheck } from './http.ts';
import { agentFor } from './load-agent.ts';
import { ask, Failures, reason } from './request.ts';
import { secureOptions } from './secure.ts';
import { statusMatches } from './status.ts';

/** Asks once: null if the answer is as expected, else what was found. */
type Asking = (path: string) => Promise<string | null>;

/**
 * One round of requests to one instance, `concurrency` at a time: the next begins when one has ended. To instances that speak HTTP/2 each
 * goes over a connection of its own.
 */
export async function askRound(
  clock: Clock,
  order: RoundOrder,
  target: CheckTarget,
  signal?: AbortSignal,
): Promise<RoundResult> {
  const { address, upstream } = target;
  const failures = new Failures();
  const latencies: number[] = [];
  let requests = 0;
  const secure = await secureOptions(upstream, address);
  if (typeof secure === 'string') {
    failures.because(secure);
    return { requests: 1, failed: 1, firstMs: null, p50Ms: null, why: failures.told() };
  }
  const agent = agentFor(secure, upstream?.sendProxy);
  const { method, headers, expect, timeoutMs, paths, concurrency } = order;

  const overHttp1: Asking = async (path) => {
    const status = await ask(address, { path, headers, method }, timeoutMs, secure, agent);
    return statusMatches(expect, status) ? null : `status ${status} for ${path}`;
  };
  const overHttp2: Asking = async (path) => {
    const probe = { path, method, headers, status: expect, within: timeoutMs };
    const { ok, detail } = await httpCheck(clock, probe, target, timeoutMs, signal);
    return ok ? null : detail;
  };
  const asking = upstream?.protocol === 'h2' ? overHttp2 : overHttp1;

  let begun = 0;
  const runner = async (): Promise<void> => {
    while (begun < order.requests && signal?.aborted !== true) {
      const path = paths[begun++ % paths.length] ?? '/';
      const since = clock.monotonic();
      try {
        const flaw = await asking(path);
        if (flaw === null) latencies.push(clock.monotonic() - since);
        else failures.because(flaw);
      } catch (error) {
        failures.because(`${reason(error)} at ${formatAddress(address)}`);
      }
      requests++;
    }
  };
  try {
    const runners = Promise.all(Array.from({ length: concurrency }, runner));
    await (signal === undefined ? runners : Promise.race([runners, aborted(signal)]));
  } finally {
    agent.destroy();
  }
  return {
    requests,
    failed: failures.count,
    firstMs: latencies[0] ?? null,
    p50Ms: median(latencies),
    why: failures.told(),
  };
}

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
