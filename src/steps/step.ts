import type { Colour } from '../core/colour.ts';
import type { ServiceEvent } from '../core/event.ts';
import type { PlannedStep, StepKind } from '../core/plan.ts';
import type { Release } from '../core/release.ts';
import type { Service } from '../core/service.ts';
import type { Checker } from '../ports/check.ts';
import type { Counters } from '../core/traffic.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandRunner } from '../ports/command.ts';
import type { Gauge } from '../ports/gauge.ts';
import type { EnvironmentRef, Platform } from '../ports/platform.ts';
import type { Router } from '../ports/router.ts';
import type { WebhookSender } from '../ports/webhook.ts';

/** Where several services change as one. */
export interface SetContext {
  /**
   * Waits until all services of the set have come to `at`, and has `act` done once for all of them. Resolves when it is done. Rejects for all
   * with what it threw, for one that is cut short while it waits with that, and where another cannot come any more.
   */
  readonly together: (at: string, act: (all: readonly StepContext[]) => Promise<void>) => Promise<void>;
  /**
   * Writes to the logs of all in one append what `decide` makes of them, in the order of the contexts that `act` gets. Throws `aborted`, and
   * writes nothing, if the set has been aborted, unless that does not matter.
   */
  readonly record: (
    decide: (services: readonly Service[]) => readonly (readonly ServiceEvent[])[],
    how?: { readonly evenIfAborted?: boolean },
  ) => Promise<void>;
}

/** What a step works with: the service as the log tells it, the drivers of its release, and time. */
export interface StepContext {
  readonly deployment: number;
  /** As it is now: it changes with what the step records. */
  readonly service: () => Service;
  /** The release with this number; it exists, since the plan names it. */
  readonly release: (number: number) => Release;
  readonly environment: (colour: Colour) => EnvironmentRef;
  readonly platform: Platform;
  readonly router: Router;
  readonly checker: Checker;
  readonly commands: CommandRunner;
  readonly webhooks: WebhookSender;
  readonly gauge: Gauge;
  /** The router's counters, at most so old: shared with all who look at them. Rejects as `Router.counters`. */
  readonly counters: (maxAgeMs: number) => Promise<Counters>;
  readonly clock: Clock;
  /** Aborted when the deployment is aborted or the controller stops; a step that waits must heed it. */
  readonly signal: AbortSignal;
  /** Writes events while the step goes on. What must be known after a crash is recorded before it is done. */
  readonly record: (...events: ServiceEvent[]) => Promise<void>;
  /**
   * Does what gives out an epoch and takes it to the router, when nobody else does: a mode may be set while a deployment goes on.
   * Not to be called within itself.
   */
  readonly inTurn: <T>(act: () => Promise<T>) => Promise<T>;
  /**
   * Waits until the log of the service tells something new, but for at most `ms`: a step that waits for long hears of a person's order at
   * once. Rejects as `clock.sleep` does.
   */
  readonly untilChange: (ms: number) => Promise<void>;
  /** The set that the deployment is a part of; of one that is by itself it throws. */
  readonly set: SetContext;
  /** Tells those who watch what is going on; not kept. */
  readonly report: (text: string) => void;
}

/** What a step found and did, in a few words, with the events that say so to the log. */
export interface StepDone {
  readonly says: string;
  readonly events?: readonly ServiceEvent[];
  /** It is in the log already that the step is done. */
  readonly recorded?: true;
}

/**
 * One kind of step. `run` and `undo` are idempotent: after a crash they are called again and end right, whatever was done
 * before. `undo` is also called for a step that failed or was cut off half-way.
 */
export interface Step<K extends StepKind> {
  describe(planned: Extract<PlannedStep, { kind: K }>): string;
  /** How it is taken back; null if there is nothing to take back. */
  describeUndo(planned: Extract<PlannedStep, { kind: K }>): string | null;
  run(planned: Extract<PlannedStep, { kind: K }>, context: StepContext): Promise<StepDone>;
  undo(planned: Extract<PlannedStep, { kind: K }>, context: StepContext): Promise<StepDone>;
}

/** The undo of a step that leaves nothing to take back. */
export const nothingToUndo = (): Promise<StepDone> => Promise.resolve({ says: 'nothing to take back' });
