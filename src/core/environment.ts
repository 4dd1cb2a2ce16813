import type { Colour } from './colour.ts';
import type { Placement } from './placement.ts';

/**
 * How far an environment has come with the release that it holds:
 *
 *   empty → prepared → started → healthy → verified
 *
 * and back to `empty` when it is retired. Which of the two has the traffic is the service's to know, not the environment's.
 */
export const phases = ['empty', 'prepared', 'started', 'healthy', 'verified'] as const;
export type Phase = (typeof phases)[number];

/** `live` takes traffic, `standby` is kept hot for the way back, `idle` is free for the next release. */
export type Role = 'live' | 'standby' | 'idle';

export interface Environment {
  readonly colour: Colour;
  readonly phase: Phase;
  readonly release: number | null;
  readonly placement: Placement | null;
  /** The placement it had last, so that a release comes back to addresses that are known. */
  readonly lastPlacement: Placement | null;
  /** When it is retired, if it is kept for a time. */
  readonly keptUntil: number | null;
  /** How many of the layer that gets traffic are to run, and have been healthy since they were started; null: all, as its phase says. */
  readonly part: { readonly started: number; readonly healthy: number } | null;
  /** It has been live with this release: a way back to it is a switch. */
  readonly wasLive: boolean;
}

export const emptyEnvironment = (colour: Colour): Environment => ({
  colour,
  phase: 'empty',
  release: null,
  placement: null,
  lastPlacement: null,
  keptUntil: null,
  part: null,
  wasLive: false,
});

/** Whether `phase` is at least `least`. */
export const reached = (phase: Phase, least: Phase): boolean =>
  phases.indexOf(phase) >= phases.indexOf(least);

/** Whether it may be given traffic: its release has been healthy since it was started. */
export const ready = (environment: Environment): boolean => reached(environment.phase, 'healthy');
