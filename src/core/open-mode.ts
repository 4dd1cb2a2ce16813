/** What a mode is like where nothing else is said. */
export const openMode = {
  mode: 'open' as const,
  writes: 'hold' as const,
  waitMs: 30_000,
  queue: 10_000,
  pace: 1_000,
  retryAfterS: 5,
  page: null,
};
