import type { Colour } from '../core/colour.ts';
import type { Counters } from '../core/traffic.ts';
import type { StepContext } from './step.ts';

const pollMs = 10;

/**
 * Waits until the side has no request in flight, or `forMs` has passed; returns how many are left, and the counters seen last.
 * Null where the router does not know the service, so that nothing can be in flight.
 */
export async function untilNoneInFlight(
  context: StepContext,
  colour: Colour,
  forMs: number,
): Promise<{ left: number; tookMs: number; counters: Counters } | null> {
  const { clock, router, signal } = context;
  const service = context.service().name;
  const begun = clock.monotonic();
  if ((await router.read(service)) === null) return null;
  for (;;) {
    const counters = await router.counters(service);
    const tookMs = clock.monotonic() - begun;
    const left = counters[colour].inFlight;
    if (left === 0 || tookMs >= forMs) return { left, tookMs, counters };
    context.report(`${left} in flight on ${colour}`);
    await clock.sleep(Math.min(pollMs * (1 + tookMs / 200), 250, Math.max(1, forMs - tookMs)), signal);
  }
}
