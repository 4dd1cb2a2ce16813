import type { Clock } from '../ports/clock.ts';
import type { Journal } from './journal.ts';

/** Waits until something is appended to the log, but for at most `ms`. Rejects with the signal's reason if that is aborted first. */
export async function untilChange(
  journal: Pick<Journal, 'watch'>,
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  // One that is ours alone: what waits again and again, for days, leaves nothing behind at the signal of the deployment.
  const over = new AbortController();
  const cut = (): void => over.abort(signal.reason);
  const stop = journal.watch(() => over.abort());
  signal.addEventListener('abort', cut, { once: true });
  try {
    await clock.sleep(ms, over.signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!over.signal.aborted) throw error;
  } finally {
    stop();
    signal.removeEventListener('abort', cut);
  }
}
