import { formatAddress } from '../core/address.ts';
import { formatDuration } from '../core/duration.ts';
import { CutoverError } from '../core/errors.ts';
import type { Instance } from '../core/placement.ts';
import { routedLayer } from '../core/spec.ts';
import type { WarmUp } from '../core/spec/warm-up.ts';
import {
  cold,
  roundSize,
  settled,
  shownMs,
  tooManyFailed,
  warmed,
  warmthWords,
  type Warming,
  type Warmth,
} from '../core/warm-up.ts';
import type { CheckTarget } from '../ports/check.ts';
import { instanceName, logTail, probing } from './probe.ts';
import { nothingToUndo, type Step, type StepContext } from './step.ts';

/** An instance, with what came of warming it. */
interface Warmed extends Warming {
  readonly instance: Instance;
  readonly settled: boolean;
  readonly lastMs: number | null;
  readonly why: readonly string[];
}

export const warm: Step<'warm'> = {
  describe: ({ colour, release, atMostMs }) =>
    `warm up release ${release} on ${colour} until its latency settles, for at most ${formatDuration(atMostMs)}`,
  describeUndo: () => null,

  async run({ colour, release: number, atMostMs }, context) {
    const release = context.release(number);
    const { warmUp } = release.spec;
    if (!warmUp) throw new CutoverError('internal', `release ${number} has no warm-up in its spec`);
    const { placement, targetOf } = await probing(context, colour, release);
    const layer = routedLayer(release.spec);
    const instances = placement.instances.filter((instance) => instance.layer === layer);
    const begun = context.clock.monotonic();
    const over = new AbortController();
    const done = new AbortController();
    const timer = context.clock.sleep(atMostMs, AbortSignal.any([done.signal, context.signal])).then(
      () => over.abort(),
      (error: unknown) => {
        if (!done.signal.aborted && !context.signal.aborted) throw error;
      },
    );
    const signal = AbortSignal.any([context.signal, over.signal]);
    const all: Warmed[] = [];
    try {
      all.push(
        ...(await Promise.all(
          instances.map((instance) =>
            untilSettled(context, warmUp, instance, targetOf(instance.address), signal),
          ),
        )),
      );
    } finally {
      done.abort();
      await timer;
    }
    context.signal.throwIfAborted();
    const warmth = warmthOf(number, all, context.clock.monotonic() - begun);
    const flaw = flawOf(warmUp, all);
    if (flaw !== null) {
      const log = await logTail(context, colour, layer);
      const output = [...new Set(all.flatMap(({ why }) => why))];
      throw new CutoverError('warm-up-failed', `${flaw.instance} on ${colour}: ${flaw.text}`, {
        next: 'the release was not switched to; mend it, or what warmUp of the spec asks for, and deploy again',
        detail: output.length > 0 ? { ...log, output } : log,
      });
    }
    return {
      says: warmthWords(warmth),
      events: [{ type: 'environment-warmed', deployment: context.deployment, colour, warmth }],
    };
  },

  undo: nothingToUndo,
};

/** Round after round, until the latency has settled, too many have failed, or the time is over. */
async function untilSettled(
  context: StepContext,
  warmUp: WarmUp,
  instance: Instance,
  target: CheckTarget,
  signal: AbortSignal,
): Promise<Warmed> {
  const { paths, method, headers, expect, concurrency, timeout, settle, leastRequests } = warmUp;
  const order = {
    ...{ paths, method, headers, expect, concurrency },
    timeoutMs: timeout,
    requests: roundSize(warmUp),
  };
  let sofar = cold;
  let lastMs: number | null = null;
  let why: readonly string[] = [];
  while (!signal.aborted) {
    const round = await context.checker.round(order, target, signal);
    sofar = warmed(sofar, round, settle);
    lastMs = round.p50Ms ?? lastMs;
    if (round.why.length > 0) ({ why } = round);
    context.report(
      `${instanceName(instance)}: p50 ${shownMs(lastMs)} after ${sofar.requests} requests${sofar.failed > 0 ? `, ${sofar.failed} failed` : ''}`,
    );
    if (tooManyFailed(sofar, warmUp)) break;
    if (sofar.requests >= leastRequests && settled(sofar, settle))
      return { ...sofar, instance, settled: true, lastMs, why };
  }
  return { ...sofar, instance, settled: false, lastMs, why };
}

/** What ends the deployment, and at which instance; null: nothing does. */
function flawOf(
  warmUp: WarmUp,
  all: readonly Warmed[],
): { readonly instance: string; readonly text: string } | null {
  for (const one of all) {
    const instance = `${instanceName(one.instance)} (${formatAddress(one.instance.address)})`;
    const { requests, failed, lastMs } = one;
    if (tooManyFailed(one, warmUp)) {
      const allowed =
        warmUp.errors === 0 ? 'none' : `at most ${Number((100 * (warmUp.errors ?? 0)).toFixed(4))}%`;
      return {
        instance,
        text: `expected ${allowed} of its requests to fail, found ${failed} of ${requests}`,
      };
    }
    if (warmUp.required && !one.settled)
      return {
        instance,
        text: `expected its latency to settle within ${formatDuration(warmUp.atMost)}, found p50 ${shownMs(lastMs)} after ${requests} requests, ${failed} of them failed`,
      };
  }
  return null;
}

function warmthOf(release: number, all: readonly Warmed[], ms: number): Warmth {
  const sum = (pick: (one: Warmed) => number): number => all.reduce((total, one) => total + pick(one), 0);
  const slowest = (pick: (one: Warmed) => number | null): number | null => {
    const times = all.map(pick).filter((time) => time !== null);
    return times.length === 0 ? null : Math.max(...times);
  };
  return {
    release,
    instances: all.length,
    settled: all.filter((one) => one.settled).length,
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    firstMs: slowest(({ firstMs }) => firstMs),
    p50Ms: slowest(({ lastMs }) => lastMs),
    ms,
  };
}
