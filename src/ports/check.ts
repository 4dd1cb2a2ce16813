import type { Address } from '../core/address.ts';
import type { Check, Health } from '../core/spec/check.ts';
import type { RouteUpstream } from '../core/upstream.ts';
import type { CommandPlace } from './command.ts';

/** What one probe found. `detail` is one line for a person: what was expected and what was found. `output`: the tail of a command's. */
export interface CheckResult {
  readonly ok: boolean;
  readonly detail: string;
  readonly ms: number;
  readonly output?: readonly string[];
}

/** Where a check looks, and what a command gets in its environment and as its folder. */
export interface CheckTarget extends Omit<CommandPlace, 'files'> {
  readonly address: Address;
  /** The other instances that do the same: a load goes to all. */
  readonly others?: readonly Address[];
  /** How it is spoken to; absent: plain HTTP/1.1. */
  readonly upstream?: RouteUpstream | undefined;
}

/** The kinds of a check in a spec; exactly one is there. */
export type Probe =
  Pick<Health, 'http' | 'tcp' | 'command'> | Pick<Check, 'http' | 'tcp' | 'command' | 'load'>;

/**
 * Runs one probe, once. It resolves with what it found, never rejects for a bad target, and ends within `timeoutMs`
 * (for a load, within that after its duration) or when the signal is aborted, whatever the target does; a command and all that it started are ended with it.
 */
export interface Checker {
  run(probe: Probe, target: CheckTarget, timeoutMs: number, signal?: AbortSignal): Promise<CheckResult>;
}
