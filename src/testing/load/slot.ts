import type { Address } from '../../core/address.ts';
import type { ResponseHead } from './response-parser.ts';
import type { Pacer } from './pacer.ts';
import type { Profile, Speaker } from './profile.ts';
import type { Tally } from './tally.ts';

/** What all connections of a load share. */
export interface Setting {
  readonly target: Address;
  readonly profile: Profile;
  readonly tally: Tally;
  readonly pacer: Pacer;
  /** For one request, and for one message of a tunnel. */
  readonly timeoutMs: number;
}

/** One connection's place in the load: it works through requests, on one connection after another, until it is stopped. */
export interface Slot {
  start(): void;
  /** Finishes what is in flight, begins nothing more. */
  stop(): void;
  /** Ends what has taken too long; called a few times a second. */
  check(nowMs: number): void;
  /** Resolves when it was stopped and its last request has ended. */
  readonly finished: Promise<void>;
}

/** After a connection could not be opened, so that a refusing server does not get thousands of attempts a second. */
export const retryDelayMs = 20;

export function speakerOf(profile: Profile, head: ResponseHead | null): Speaker | null {
  if (!profile.speaker || !head) return null;
  const environment = head.headers.get(profile.speaker.environment);
  const release = head.headers.get(profile.speaker.release);
  return environment === undefined || release === undefined ? null : { environment, release };
}

/** Whether the system said that nobody listens there. */
export const isRefusal = (error: Error): boolean => 'code' in error && error.code === 'ECONNREFUSED';
