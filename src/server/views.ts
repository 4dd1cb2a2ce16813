import { approvalWords } from '../core/approval-words.ts';
import { formatAddress } from '../core/address.ts';
import { colours, type Colour } from '../core/colour.ts';
import { underWay, type Deployment } from '../core/deployment.ts';
import { pausedBy } from '../core/interventions.ts';
import { quantileMs } from '../core/latency.ts';
import type { Plan, PlannedStep } from '../core/plan.ts';
import {
  current,
  instancesOf,
  releaseOf,
  roleOf,
  serves,
  servingOf,
  weightsInForce,
  type ModeSet,
  type Service,
} from '../core/service.ts';
import { coldRelease } from '../core/strategies/rolling.ts';
import { failures, type Counters } from '../core/traffic.ts';
import { percentOf } from '../core/weights.ts';
import { setStatus } from '../core/set-work.ts';
import type { Verdict } from '../core/verdict.ts';
import type { SetDeployment } from '../engine/switch-sets.ts';
import type { Engine } from '../engine/engine.ts';
import { measured } from '../engine/walk.ts';
import { judgedOf } from '../core/analysis/state.ts';
import type { InstanceStatus } from '../ports/platform.ts';
import { stepOf } from '../steps/index.ts';
import type {
  DeploymentView,
  EnvironmentView,
  ModeView,
  PlanView,
  SetView,
  ServiceView,
  VersionView,
  WeightsView,
} from './api.ts';

const words = (step: PlannedStep): { describe: string; describeUndo: string | null } => {
  const { describe, describeUndo } = stepOf(step);
  return { describe: describe(), describeUndo: describeUndo() };
};

export function planView(service: string, plan: Plan): PlanView {
  return { service, plan, steps: plan.steps.map(words), later: plan.later.map(words) };
}

export function deploymentView(service: Service, deployment: Deployment): DeploymentView {
  const { id, plan, by, status, startedAt, endedAt, abortedBy, failure, receipt } = deployment;
  const { reason, verdict, frozenAt, decision } = deployment;
  return {
    service: service.name,
    id,
    kind: plan.kind,
    release: plan.release,
    version: releaseOf(service, plan.release)?.version ?? '',
    by,
    status,
    startedAt,
    endedAt,
    steps: deployment.steps.map((step, index) => ({
      kind: step.planned.kind,
      ...words(step.planned),
      ...(step.status === 'running' && waitingWords(service, deployment, index)),
      status: step.status,
      startedAt: step.startedAt,
      endedAt: step.endedAt,
      attempts: step.attempts,
      says: step.says,
      error: step.error,
      ...(step.analysis && { measures: judgedOf(step.analysis) }),
    })),
    notes: plan.notes,
    abortedBy,
    paused: pausedView(deployment),
    reason,
    verdict,
    frozenAt,
    decision,
    failure,
    receipt,
    ...(deployment.set && { set: deployment.set }),
    logVersion: service.version,
  };
}

/** `verdict`: of going back with all of them. */
export function setView({ name, number, parts }: SetDeployment, verdict: Verdict | null): SetView {
  const deployments = parts.map(({ deployment }) => deployment);
  const [first] = deployments;
  if (!first) throw new Error(`set ${name} has no services`);
  const ends = deployments.map(({ endedAt }) => endedAt);
  return {
    name,
    number,
    kind: first.plan.kind,
    by: first.by,
    status: setStatus(deployments),
    startedAt: first.startedAt,
    endedAt: ends.includes(null) ? null : Math.max(...ends.map((at) => at ?? 0)),
    verdict,
    services: parts.map(({ service, deployment }) => deploymentView(service, deployment)),
  };
}

/** What is waited for is what a person wants to read of a gate that is waited at. */
function waitingWords(service: Service, deployment: Deployment, step: number): { describe: string } | null {
  const describe = approvalWords(service, deployment, step);
  return describe === null ? null : { describe };
}

/** Who has paused a deployment that is under way; null if nobody has. */
export function pausedView(deployment: Deployment): NonNullable<DeploymentView['paused']> | null {
  const pause = underWay(deployment) ? pausedBy(deployment) : null;
  return pause && { by: pause.by, at: pause.at, reason: pause.reason };
}

function weightsView(service: Service): WeightsView | null {
  const weights = weightsInForce(service);
  return weights ? percentOf(weights) : null;
}

/** Which releases users reach, each with its part of the traffic: more than one while a release goes live step by step. */
function versionsView(service: Service): VersionView[] {
  const weights = weightsInForce(service);
  const versions: VersionView[] = [];
  for (const colour of colours) {
    const number = service.environments[colour].release;
    if (number === null || !serves(service, colour)) continue;
    const share = weights ? percentOf(weights)[colour] : 100;
    const at = versions.findIndex(({ release }) => release === number);
    const known = versions[at];
    if (known) versions[at] = { ...known, share: known.share + share, sides: [...known.sides, colour] };
    else
      versions.push({
        ...{ release: number, version: releaseOf(service, number)?.version ?? '' },
        ...{ share, sides: [colour] },
      });
  }
  return versions;
}

/** Without its page, which may be long. */
export function modeView({ mode: { page: _page, ...mode }, by, reason, at }: ModeSet): ModeView {
  return { ...mode, by, reason, at };
}

/** A service with what is seen of it now; what does not answer is null, so that status works while something is down. */
export async function serviceView(engine: Engine, name: string): Promise<ServiceView> {
  const service = engine.service(name);
  const platform = engine.platformOf(name);
  const router = engine.routerOf(name);
  const inspect = (colour: Colour): Promise<readonly InstanceStatus[]> =>
    platform.inspect({ service: name, colour });
  const [counters, verdict, route, blue, green] = await Promise.all([
    measured({ router, service: () => service, report: () => undefined }),
    engine.verdict(name),
    router.read(name).catch(() => null),
    inspect('blue'),
    inspect('green'),
  ]);
  const seen = { blue, green };
  const set = service.modes.at(-1);
  const live = service.live === null ? null : service.environments[service.live].release;
  const shown = live === null ? service.releases.at(-1) : releaseOf(service, live);
  const listen = route?.listen ?? shown?.spec.router.listen;
  const preview = route ? route.preview : (shown?.spec.router.preview ?? null);
  const deployment = current(service) ?? service.deployments.at(-1);
  const environment = (colour: Colour): EnvironmentView => {
    const { phase, release, keptUntil } = service.environments[colour];
    const version = release === null ? null : (releaseOf(service, release)?.version ?? null);
    const instances = seen[colour];
    return {
      colour,
      role: roleOf(service, colour),
      phase,
      release,
      version,
      keptUntil,
      instances,
      inService: { serving: servingOf(service, colour), of: instancesOf(service, colour) },
      traffic: traffic(counters, colour),
    };
  };
  return {
    name,
    live: service.live,
    mode: set ? modeView(set) : null,
    epoch: service.epoch,
    weights: weightsView(service),
    versions: versionsView(service),
    ...coldOf(service),
    listen: listen ? formatAddress(listen) : null,
    preview: preview ? formatAddress(preview) : null,
    environments: { blue: environment(colours[0]), green: environment(colours[1]) },
    deployment: deployment ? deploymentView(service, deployment) : null,
    verdict,
    halted: engine.halted(name),
    ...untoldOf(service),
  };
}

/** What a way back would start again. */
function coldOf(service: Service): Pick<ServiceView, 'cold'> {
  const cold = colours.some((colour) => roleOf(service, colour) === 'standby') ? null : coldRelease(service);
  return cold === null ? {} : { cold };
}

/** For so long a person is reminded of what was given up. */
const remindedMs = 86_400_000;

/** What targets of notifications have not taken at their first try, and what was given up lately. */
function untoldOf({ notices }: Service): Pick<ServiceView, 'untold'> {
  const last = notices.ended.findLast(({ sent }) => !sent) ?? null;
  const now = Math.max(notices.ended.at(-1)?.at ?? 0, notices.due.at(-1)?.at ?? 0);
  const givenUp = last && now - last.at < remindedMs ? last : null;
  return notices.due.length === 0 && givenUp === null ? {} : { untold: { due: notices.due.length, givenUp } };
}

function traffic(counters: Counters | null, colour: Colour): EnvironmentView['traffic'] {
  if (!counters) return null;
  const side = counters[colour];
  return {
    requests: side.requests,
    failed: failures(side),
    inFlight: side.inFlight,
    p50Ms: quantileMs(side.latency, 0.5),
    p99Ms: quantileMs(side.latency, 0.99),
  };
}
