import type { Address } from '../core/address.ts';
import type { Colour } from '../core/colour.ts';
import type { Placement } from '../core/placement.ts';
import type { LeaseOrder, LeaseTold } from '../core/worker-lease.ts';
import type { Release } from '../core/release.ts';

export interface PlatformCapabilities {
  /** Each colour can have an IP address of its own. */
  readonly addressPerColour: boolean;
  /** It restarts crashed instances by itself. */
  readonly restarts: boolean;
}

/** One environment of one service. */
export interface EnvironmentRef {
  readonly service: string;
  readonly colour: Colour;
}

/** Layers of which only the first so many instances are meant; of a layer that is not named, all. */
export type InstanceCounts = Readonly<Record<string, number>>;

/** What shipping left: the digest (sha256, hex) of the release's content and the directory it is in. */
export interface Shipped {
  readonly digest: string;
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}

/** A placement without what was on machines that are gone, and their names. */
export interface Excluded {
  readonly placement: Placement;
  readonly lost: readonly string[];
}

/** What is seen of one instance. */
export interface InstanceStatus {
  readonly layer: string;
  readonly index: number;
  readonly release: number;
  readonly address: Address;
  readonly state: 'running' | 'waiting-to-restart' | 'stopped';
  readonly pid: number | null;
  readonly startedAt: number | null;
  readonly restarts: number;
  /** How the last process ended, e.g. `exit code 1` or `signal SIGSEGV`; null if none has. */
  readonly lastExit: string | null;
  /** Of an instance whose listening socket is held for it: whether its program accepts on that. */
  readonly accepts?: boolean;
}

export interface LogLine {
  readonly layer: string;
  readonly index: number;
  readonly text: string;
  /** Its end is not written yet: it comes once more, as far as it then is. Never in an answer to `after`. */
  readonly unfinished?: true;
}

export interface LogQuery {
  /** At most so many of each instance. */
  readonly lines: number;
  readonly layer?: string | undefined;
  /** `next` of an earlier answer; else the last lines are given. */
  readonly after?: string | undefined;
}

export interface Logs {
  /** That runs, or ran last, and whose lines these are; null if none ever did. */
  readonly release: number | null;
  /** Instance by instance, oldest first. */
  readonly lines: readonly LogLine[];
  /** Ask with it for what comes after these lines. Opaque; letters, digits and `-._~`, at most 12 KiB. */
  readonly next: string;
  /** Whether more has been written already than these lines. */
  readonly more: boolean;
}

/**
 * Where environments run.
 *
 * Contract (`src/testing/platform.suite.ts`). Every call may be repeated after a crash of the caller at any point, and ends right:
 * - `place` chooses addresses for a release's layers and reserves nothing; with `previous` it keeps what still fits. The colours never share
 *   an address.
 * - `ship` brings a release's artifact to where it will run, runs its build commands, seals it, and returns the same for the same release
 *   ever after: a release that is shipped is not shipped again and never changes. If it fails, nothing of it is left. `colour`: the environment that it is for,
 *   where that has machines of its own; without it the release is only made.
 * - `start` brings up every instance that is not up, and leaves those that are. Instances of another release in that environment are
 *   stopped first. It resolves when all processes exist; whether they are healthy is asked elsewhere. With `only`, these are the instances that
 *   are up: the others of that release are ended as `stop` does, each for itself, and are not in `inspect` any more. What is up already goes on.
 * - `stop` ends all instances: signal, grace, kill; when it resolves no process of the environment is left, children included. Idempotent.
 * - Instances outlive the caller. The next one adopts them, each with its process, or restarts those that are gone. No process is ever touched that is not ours.
 * - `inspect` tells what is, not what was asked for; empty if nothing was ever started or all was stopped.
 */
export interface Platform {
  readonly capabilities: PlatformCapabilities;
  place(environment: EnvironmentRef, release: Release, previous: Placement | null): Promise<Placement>;
  ship(service: string, release: Release, signal?: AbortSignal, colour?: Colour): Promise<Shipped>;
  start(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
    only?: InstanceCounts,
  ): Promise<void>;
  stop(environment: EnvironmentRef): Promise<void>;
  inspect(environment: EnvironmentRef): Promise<readonly InstanceStatus[]>;
  /**
   * Where an instance listens, as far as the system tells; empty if it does not. For the message of a wrong address: it may be
   * slow, so it is not part of what `inspect` tells.
   */
  listening(environment: EnvironmentRef, layer: string, index: number): Promise<readonly Address[]>;
  /**
   * What the instances wrote. Without `after`: the last lines of each in the run that goes on or went on last, also when all is stopped.
   * With `after`: the first lines that came behind, each whole line once and in its order, whatever happened since: rotation, crash and
   * restart of an instance or of the caller, another release in this environment. An instance that the cursor does not know of gives all of its run.
   * Lines that are no longer kept are skipped. A text that is no cursor is `request-invalid`.
   */
  logs(environment: EnvironmentRef, query: LogQuery): Promise<Logs>;
  /**
   * Tells the instances of layers with `active` whether they may work, those too that are started later, also again after a crash: an instance that
   * was told nothing may not. Resolves for `passive` when none of them works any more: each has answered, or has ended, or was ended because it did not
   * answer within its time. Idempotent. Refused with `stale-epoch` under an epoch older than the last. Absent: the platform cannot.
   */
  lease?(environment: EnvironmentRef, order: LeaseOrder): Promise<LeaseTold>;
  /**
   * What is left of a placement when machines are gone, if their release allows so many: what was there is stopped before such a machine is used again, and
   * `inspect` speaks of it no more. Null if none is gone, or too many are, or nothing of a layer would be left. Absent: there is one machine.
   */
  exclude?(environment: EnvironmentRef, release: Release, placement: Placement): Promise<Excluded | null>;
  /** Removes shipped releases other than these. Never one that an instance runs from. Returns the numbers that were removed. */
  prune(service: string, keep: readonly number[]): Promise<readonly number[]>;
  /** What a check or a hook gets in its environment for this release here, files of secrets read. */
  variables(
    environment: EnvironmentRef,
    release: Release,
    placement: Placement,
  ): Promise<Readonly<Record<string, string>>>;
  /** Takes up watching what runs already (after a restart of the caller). */
  adopt(): Promise<void>;
  /** Stops watching; what runs goes on. */
  close(): Promise<void>;
}
