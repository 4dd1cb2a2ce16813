/** What Ctrl-C gives when it ends something: 128 + SIGINT. What was begun goes on. */
export const interruptedExit = 130;

/**
 * Runs `work` with a signal that Ctrl-C (or SIGTERM, SIGHUP) aborts; resolves with what `work` gives, or with `interrupted` once it has ended
 * by that. Any other failure is thrown on.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | 'interrupted'> {
  const abort = new AbortController();
  const reason = new Error('interrupted');
  const stop = (): void => abort.abort(reason);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const each of signals) process.on(each, stop);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (error === reason) return 'interrupted';
    throw error;
  } finally {
    for (const each of signals) process.off(each, stop);
  }
}

/** Resolves after `ms`; rejects with the signal's reason as soon as that is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error('interrupted'));
    };
    if (signal.aborted)
      return reject(signal.reason instanceof Error ? signal.reason : new Error('interrupted'));
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
