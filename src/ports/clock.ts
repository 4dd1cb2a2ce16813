/** Time, injected: deciding code never asks the system. */
export interface Clock {
  /** Milliseconds since 1970, for the log and for people. */
  now(): number;
  /** Milliseconds from any start, never going back, for measuring. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason if it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
