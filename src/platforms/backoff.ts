/** How a crashed instance is restarted. Times in milliseconds. */
export interface RestartPolicy {
  readonly backoff: number;
  readonly max: number;
}

/** Crashes one after the other, without a good run between them. */
export interface CrashSeries {
  readonly inRow: number;
  /** Before the next restart. */
  readonly delayMs: number;
}

/**
 * What follows a crash: the wait doubles with each crash in a row, up to `max`. A process that ran for longer than `max`
 * had recovered, so its crash begins a new series: an instance that fails once a day is back after `backoff`.
 */
export function afterCrash(crashesBefore: number, ranMs: number, policy: RestartPolicy): CrashSeries {
  const inRow = ranMs > policy.max ? 1 : crashesBefore + 1;
  const doubled = policy.backoff * 2 ** Math.min(inRow - 1, 40);
  return { inRow, delayMs: Math.min(doubled, Math.max(policy.max, policy.backoff)) };
}
