import type { Address } from '../core/address.ts';
import type { Round } from '../core/warm-up.ts';
import type { Check, Health } from '../core/spec/check.ts';
import type { RouteUpstream } from '../core/upstream.ts';
import type { CommandPlace } from './command.ts';

/** What one probe found. `detail` is one line for a person: what was expected and what was found. `output`: the tail of a command's. */
export interface CheckResult {
  readonly ok: boolean;
  readonly detail: string;
  readonly ms: number;
  readonly output?: readonly string[];
  /** Of a command that ended by itself. */
  readonly exitCode?: number;
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

/** Requests to one instance, some at a time, over kept connections. */
export interface RoundOrder {
  readonly paths: readonly string[];
  readonly method: 'GET' | 'HEAD' | 'OPTIONS' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** The status that is expected, as in a spec. */
  readonly expect: number | string;
  readonly requests: number;
  readonly concurrency: number;
  /** For each of them. */
  readonly timeoutMs: number;
}

/** `why`: the most frequent failures, each with its count. */
export interface RoundResult extends Round {
  readonly why: readonly string[];
}

/** Asks instances. */
export interface Checker {
  /**
   * Sends the requests of one round, the paths in turns. It never rejects for a bad target; when the signal is aborted it begins no more
   * requests and resolves with what has been found.
   */
  round(order: RoundOrder, target: CheckTarget, signal?: AbortSignal): Promise<RoundResult>;
  /**
   * Runs one probe, once. It resolves with what it found, never rejects for a bad target, and ends within `timeoutMs`
   * (for a load, within that after its duration) or when the signal is aborted, whatever the target does; a command and all that it started are ended with it.
   */
  run(probe: Probe, target: CheckTarget, timeoutMs: number, signal?: AbortSignal): Promise<CheckResult>;
}
