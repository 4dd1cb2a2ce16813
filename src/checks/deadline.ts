import type { Clock } from '../ports/clock.ts';

/** Why a probe had to stop. */
export type Stop = 'timeout' | 'aborted';

/**
 * Runs `act` with a function that names what stopped the probe, and calls `onStop` once when its time is over or the outer
 * signal is aborted, whichever comes first and if `act` has not settled before. `act` must settle soon after `onStop`.
 */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onStop: (stop: Stop) => void,
  act: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  let settled = false;
  const stop = (why: Stop): void => {
    if (settled) return;
    settled = true;
    onStop(why);
  };
  const aborted = (): void => stop('aborted');
  signal?.addEventListener('abort', aborted, { once: true });
  const timer = clock.sleep(timeoutMs, over.signal).then(
    () => stop('timeout'),
    (reason: unknown) => {
      if (!over.signal.aborted) throw reason;
    },
  );
  try {
    if (signal?.aborted) aborted();
    return await act();
  } finally {
    settled = true;
    signal?.removeEventListener('abort', aborted);
    over.abort();
    await timer;
  }
}
