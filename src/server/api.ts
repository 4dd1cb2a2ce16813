import type { Judged } from '../core/analysis/state.ts';
import type { CertificateStatus } from '../core/certificate-status.ts';
import { z } from 'zod';
import { Colour } from '../core/colour-schema.ts';
import type { Decision, Deployment, DeploymentStatus, StepStatus } from '../core/deployment.ts';
import type { Phase, Role } from '../core/environment.ts';
import type { ErrorRecord } from '../core/errors.ts';
import type { EventRecord } from '../core/event.ts';
import type { DiffReport } from '../core/mirror/diff-report.ts';
import { ModeOrder, type Mode } from '../core/mode.ts';
import type { EndedNotice, Notice, Notices } from '../core/notice.ts';
import type { Plan, PlannedStep } from '../core/plan.ts';
import { Source } from '../core/release.ts';
import { mostInSet, type SetPart } from '../core/set.ts';
import { Name } from '../core/spec/name.ts';
import type { Counters } from '../core/traffic.ts';
import type { Verdict } from '../core/verdict.ts';
import type { InstanceStatus, Logs } from '../ports/platform.ts';

/**
 * The HTTP API of the controller, over its unix socket. Requests are parsed by these schemas; answers have these types, as JSON.
 * An error is answered as `{error: ErrorRecord}` with a status of 4xx or 5xx.
 *
 *   GET  /v1/status                                  StatusView
 *   GET  /v1/metrics                                 Prometheus text
 *   GET  /v1/services/:service                       ServiceView
 *   POST /v1/services/:service/plan                  DeployRequest → PlanView       changes nothing
 *   POST /v1/services/:service/deployments           DeployRequest → 202 DeploymentView
 *   POST /v1/services/:service/rollback              GoBackRequest → SwitchedView   answers when the traffic is back
 *   POST /v1/services/:service/switch                SwitchRequest → SwitchedView   answers when the traffic is there
 *   POST /v1/services/:service/mode                  ModeRequest → ModeSetView      answers when it is in force
 *   GET  /v1/services/:service/modes                 ModeView[], newest first: the last 100 that were set
 *   POST /v1/services/:service/abort                 GoBackRequest → 202 DeploymentView
 *   POST /v1/services/:service/keep                  KeepRequest → 202 DeploymentView   of a deployment that is frozen
 *   POST /v1/services/:service/approve               ApproveRequest → IntervenedView
 *   POST /v1/services/:service/pause                 PauseRequest → IntervenedView
 *   POST /v1/services/:service/resume                ByRequest → IntervenedView
 *   POST /v1/services/:service/promote               PromoteRequest → IntervenedView
 *   GET  /v1/services/:service/deployments           DeploymentView[], newest first (?limit=, 1000 at most)
 *   GET  /v1/services/:service/deployments/:id       DeploymentView
 *   GET  /v1/services/:service/receipts              Receipt[], oldest first: the whole chain
 *   GET  /v1/services/:service/diff                  DiffView (?deployment=, the last one that had a mirror)
 *   GET  /v1/services/:service/logs                  LogsView (?lines=&layer=&environment=&after=NEXT)
 *   GET  /v1/services/:service/preview               PreviewWays, as the router has them
 *   POST /v1/services/:service/pass                  PassOrder → Pass: a token for a tester
 *   GET  /v1/services/:service/notices               NoticesView
 *   POST /v1/services/:service/notices/test          ByRequest → NoticeTestView[]   answers when each target was asked once
 *   GET  /v1/services/:service/counters              CountersView, as the router has them at this moment
 *   GET  /v1/services/:service/events                server-sent events (?after=VERSION): `record` (EventRecord) and `progress` (Progress)
 *   GET  /v1/sets                                    SetView[]: the newest deployment of each set, by name
 *   GET  /v1/sets/:set                               SetView: the newest
 *   POST /v1/sets/:set/plan                          SetDeployRequest → PlanView[]  changes nothing
 *   POST /v1/sets/:set/deployments                   SetDeployRequest → 202 SetView
 *   POST /v1/sets/:set/rollback                      GoBackRequest → SetSwitchedView answers when the traffic of all is back
 *   POST /v1/sets/:set/abort                         GoBackRequest → 202 SetView
 *   POST /v1/sets/:set/keep                          KeepRequest → 202 SetView      of one that is frozen
 *   GET  /v1/sets/:set/deployments                   SetView[], newest first (?limit=, 1000 at most)
 *   POST /v1/stop                                    StopRequest → 202; the controller ends, its proxy and instances too if asked
 */
export const by = z.string().min(1).max(200);

export const DeployRequest = z.strictObject({
  by,
  /** A new release … */
  order: z
    .strictObject({
      /** The spec as it was written, JSON-able (durations as text). */
      spec: z.record(z.string(), z.unknown()),
      /** The folder that relative paths in the spec start from: absolute. */
      base: z.string().startsWith('/'),
      source: Source,
      version: z.string().min(1).max(200),
    })
    .optional(),
  /** … or the number of one that exists. */
  release: z.int().min(1).optional(),
  /** Also if the service changes with a set, which it leaves then. */
  alone: z.boolean().optional(),
});
export type DeployRequest = z.infer<typeof DeployRequest>;

/** New releases of several services that change as one. */
export const SetDeployRequest = z.strictObject({
  by,
  services: z
    .array(DeployRequest.omit({ by: true, alone: true }).extend({ service: Name }))
    .min(1)
    .max(mostInSet),
});
export type SetDeployRequest = z.infer<typeof SetDeployRequest>;

const reason = z.string().min(1).max(500);
/** `acceptLoss`: also if going back is unsafe; without it that is refused. */
export const GoBackRequest = z.strictObject({
  by,
  reason: reason.optional(),
  acceptLoss: z.boolean().optional(),
  /** Also of a service that changes with a set, which it leaves then. */
  alone: z.boolean().optional(),
});
export type GoBackRequest = z.infer<typeof GoBackRequest>;
export const SwitchRequest = GoBackRequest.extend({ to: Colour });
export const ByRequest = z.strictObject({ by });
export const PauseRequest = z.strictObject({ by, reason: reason.optional() });
export const ApproveRequest = z.strictObject({
  by,
  /** Its number in the spec; absent: the one that is waited at. */
  gate: z.int().min(1).optional(),
  reject: z.boolean().default(false),
  reason: reason.optional(),
});
export const PromoteRequest = z.strictObject({ by, force: z.boolean().default(false) });
export const KeepRequest = z.strictObject({ by, reason: reason.optional() });
export type KeepRequest = z.infer<typeof KeepRequest>;
/** What is not said is as the spec has it. */
export const ModeRequest = ModeOrder.extend({ by, reason: reason.optional() });
export type ModeRequest = z.infer<typeof ModeRequest>;
export const StopRequest = z.strictObject({ by, instances: z.boolean(), proxy: z.boolean() });
export type StopRequest = z.infer<typeof StopRequest>;

export interface StatusView {
  readonly controller: {
    readonly pid: number;
    readonly version: string;
    readonly startedAt: number;
    readonly home: string;
  };
  /** Null while the proxy does not answer. */
  readonly proxy: {
    readonly pid: number;
    readonly workers: number;
    readonly warnings: readonly string[];
    /** Absent: the controller is of a version that does not know them. */
    readonly certificates?: readonly CertificateStatus[];
  } | null;
  /** Those that it leads beside the one above; absent: none, or the controller is of a version that knows of none. */
  readonly proxies?: readonly ProxyView[];
  readonly services: readonly ServiceView[];
}

/** One of several proxies, as the controller sees it. */
export interface ProxyView {
  readonly name: string;
  /** Why it is not reached; null: it answers. */
  readonly absent: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  readonly workers: number | null;
  readonly warnings: readonly string[];
  readonly services: readonly {
    readonly service: string;
    /** Of the route in force there; 0: none. */
    readonly epoch: number;
    readonly live: Colour | null;
    readonly conduct: 'serve' | 'hold' | 'closed';
    /** How often a hold was over there before it was known what was decided. */
    readonly overrun: number;
  }[];
}

export interface EnvironmentView {
  readonly colour: Colour;
  readonly role: Role;
  readonly phase: Phase;
  readonly release: number | null;
  readonly version: string | null;
  readonly keptUntil: number | null;
  readonly instances: readonly InstanceStatus[];
  /** How many of those that get traffic have some, of so many that there are places for. Absent: the controller is of a version that does not know it. */
  readonly inService?: { readonly serving: number; readonly of: number };
  /** From the router, since it started; null if it does not answer. */
  readonly traffic: {
    readonly requests: number;
    readonly failed: number;
    readonly inFlight: number;
    readonly p50Ms: number | null;
    readonly p99Ms: number | null;
  } | null;
}

/** A release that users reach, and which part of the traffic it gets, in per cent. */
export interface VersionView {
  readonly release: number;
  readonly version: string;
  readonly share: number;
  /** The environments that serve it. */
  readonly sides: readonly Colour[];
}

export interface ServiceView {
  readonly name: string;
  readonly live: Colour | null;
  /** The mode that was set last; null: it was never set, and the service is open. */
  readonly mode: ModeView | null;
  readonly epoch: number;
  /** The release that the way back would start again, since it is not kept; absent: there is none, or one is kept hot. */
  readonly cold?: number;
  /** Null: one side has it all. Absent: the controller is of a version that does not know it. */
  readonly weights?: WeightsView | null;
  /** Which releases users reach. Absent: as above. */
  readonly versions?: readonly VersionView[];
  readonly listen: string | null;
  readonly preview: string | null;
  readonly environments: Readonly<Record<Colour, EnvironmentView>>;
  /** The deployment that is under way, or the last one. */
  readonly deployment: DeploymentView | null;
  /** Of going back; null if there is nothing to go back to. */
  readonly verdict: Verdict | null;
  readonly halted: ErrorRecord | null;
  /** What the targets of notifications have not taken; absent: all was told. */
  readonly untold?: { readonly due: number; readonly givenUp: EndedNotice | null };
}

/** A mode that was set. */
export interface ModeView extends Omit<Mode, 'page'> {
  readonly by: string;
  readonly reason: string | null;
  readonly at: number;
}

export interface ModeSetView {
  readonly service: string;
  readonly mode: Omit<Mode, 'page'>;
  /** False if it was in force already. */
  readonly changed: boolean;
  /** Null while nothing is live: the first switch takes the mode along. */
  readonly epoch: number | null;
  readonly holdMs: number;
  readonly held: number;
}

/** What a person said to a deployment that is under way, and how it stands now. */
export interface IntervenedView {
  /** False if it was so already. */
  readonly changed: boolean;
  readonly deployment: DeploymentView;
}

/** How the traffic is divided, in per cent of each side. */
export type WeightsView = Readonly<Record<Colour, number>>;

export interface StepView {
  readonly kind: PlannedStep['kind'];
  readonly describe: string;
  readonly describeUndo: string | null;
  readonly status: StepStatus;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly attempts: number;
  readonly says: string | null;
  readonly error: ErrorRecord | null;
  /** What the measures of the analysis said at last; absent: the step has none, or has not looked yet. */
  readonly measures?: readonly Judged[];
}

export interface DeploymentView {
  readonly service: string;
  readonly id: number;
  readonly kind: Plan['kind'];
  readonly release: number;
  readonly version: string;
  readonly by: string;
  readonly status: DeploymentStatus;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly steps: readonly StepView[];
  readonly notes: readonly string[];
  readonly abortedBy: string | null;
  /** Who has paused it, if it is paused. Absent: the controller is of a version that does not know it. */
  readonly paused?: { readonly by: string; readonly at: number; readonly reason: string | null } | null;
  /** Why a person ordered it or had it aborted. */
  readonly reason: string | null;
  /** Of going back, as it stood when that was last asked for this deployment. */
  readonly verdict: Verdict | null;
  /** Since when it waits, or waited, for a person; `status` is `frozen` and `endedAt` null while it does. */
  readonly frozenAt: number | null;
  readonly decision: Decision | null;
  readonly failure: ErrorRecord | null;
  readonly receipt: Deployment['receipt'];
  /** The set that it is a part of; absent: the service changes by itself. */
  readonly set?: SetPart;
  /** The version of the service's log that this view is of: follow the events after it. */
  readonly logVersion: number;
}

/** One deployment of a set: those of its services, which change as one. */
export interface SetView {
  readonly name: string;
  readonly number: number;
  readonly kind: Plan['kind'];
  readonly by: string;
  /** What is worst, or not yet over, in any of them. */
  readonly status: DeploymentStatus;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Of going back with all of them: the worst of theirs; null if there is nothing to go back to, or it is not the newest deployment. */
  readonly verdict: Verdict | null;
  /** In the order of the set. */
  readonly services: readonly DeploymentView[];
}

export interface SetSwitchedView {
  readonly name: string;
  readonly number: number;
  readonly services: readonly (SwitchedView & { readonly service: string })[];
  readonly verdict: Verdict | null;
  /** From the request to this answer, by the controller's clock. */
  readonly tookMs: number;
}

/** A plan with its words; `plan.later` comes after the keep time. */
export interface PlanView {
  readonly service: string;
  readonly plan: Plan;
  readonly steps: readonly { readonly describe: string; readonly describeUndo: string | null }[];
  readonly later: readonly { readonly describe: string; readonly describeUndo: string | null }[];
}

export interface SwitchedView {
  readonly deployment: number;
  readonly from: Colour | null;
  readonly to: Colour;
  readonly epoch: number;
  readonly release: number;
  readonly version: string;
  readonly switchMs: number;
  readonly holdMs: number;
  readonly held: number;
  /** From the request to this answer, by the controller's clock. */
  readonly tookMs: number;
  /** What going back cost, for a rollback or a switch to the side before: as it stood before. */
  readonly verdict: Verdict | null;
}

/** Null: there was no mirror, or its report is not kept any more. */
export interface DiffView {
  readonly deployment: number | null;
  readonly report: DiffReport | null;
}

/** Who is told what: what is still due, oldest first, and what was told or given up, newest first. */
export interface NoticesView {
  readonly service: string;
  /** What the targets of the newest release are called. */
  readonly targets: readonly string[];
  readonly due: readonly (Notice & { readonly at: number })[];
  readonly ended: readonly EndedNotice[];
  readonly counts: Notices['counts'];
}

/** What came of a test message. */
export interface NoticeTestView {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface CountersView {
  readonly service: string;
  /** By the router: which environment has the traffic. */
  readonly live: Colour | null;
  /** By the router too, in per cent; null: one side has it all. Absent: the controller is of a version that does not tell it. */
  readonly weights?: WeightsView | null;
  /** Who has paused the deployment that is under way. Absent: as above. */
  readonly paused?: DeploymentView['paused'];
  readonly counters: Counters;
}

/** With `?after=`: what came behind the answer whose `next` that was, each whole line once. The contract is that of `Platform.logs`. */
export interface LogsView extends Logs {
  readonly environment: Colour;
}

export type EventMessage =
  | { readonly event: 'record'; readonly data: EventRecord }
  | {
      readonly event: 'progress';
      readonly data: { readonly service: string; readonly deployment: number; readonly text: string };
    };
