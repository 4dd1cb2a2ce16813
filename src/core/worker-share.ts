import type { RouteLimits } from './limits.ts';
import type { Mode } from './mode.ts';

/**
 * What falls to one of `of` equal workers, the first being 0, so that all of them together do what the mode says; at least one a second of the
 * pace, or a worker would keep what it holds for ever.
 */
export function modeShareOf(mode: Mode, index: number, of: number): Mode {
  const share = (whole: number): number => Math.floor(whole / of) + (index < whole % of ? 1 : 0);
  return { ...mode, queue: share(mode.queue), pace: Math.max(1, share(mode.pace)) };
}

/** What of the limits falls to one of `of` equal workers, the first being 0: that of an instance is divided among them. */
export function limitsShareOf(limits: RouteLimits, index: number, of: number): RouteLimits {
  const { perInstance = 0 } = limits;
  if (perInstance === 0) return limits;
  return {
    ...limits,
    perInstance: Math.max(1, Math.floor(perInstance / of) + (index < perInstance % of ? 1 : 0)),
  };
}
