import type { Clock } from '../ports/clock.ts';

/** The system's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const fail = (): void => {
        clearTimeout(timer);
        reject(signal?.reason instanceof Error ? signal.reason : new Error('the wait was cut short'));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', fail);
        resolve();
      }, ms);
      if (signal?.aborted) fail();
      else signal?.addEventListener('abort', fail, { once: true });
    }),
};
