import type { Clock } from '../ports/clock.ts';

/** A timer of the runtime cannot be set further ahead (24.8 days); one that is fires at once. */
const longestTimerMs = 2 ** 31 - 1;

const abortReason = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('the wait was cut short');

const timer = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const fail = (): void => {
      clearTimeout(handle);
      if (signal) reject(abortReason(signal));
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', fail);
      resolve();
    }, ms);
    signal?.addEventListener('abort', fail, { once: true });
  });

/** The system's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    for (let left = ms; ; left -= longestTimerMs) {
      if (signal?.aborted) throw abortReason(signal);
      await timer(Math.min(left, longestTimerMs), signal);
      if (left <= longestTimerMs) return;
    }
  },
};
