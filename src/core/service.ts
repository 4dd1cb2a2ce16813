import { colours, other, type Colour } from './colour.ts';
import { placeText } from './placement.ts';
import { awaitsDecision, nextMove, underWay, type Deployment, type StepState } from './deployment.ts';
import { isWorkOfHalf } from './fleet-step.ts';
import { emptyEnvironment, ready, reached, type Environment, type Role } from './environment.ts';
import type { EventRecord, ServiceEvent } from './event.ts';
import { weightsOf, type InService } from './in-service.ts';
import { addressesOf } from './placement.ts';
import type { RouteMirror } from './mirror/route-mirror.ts';
import type { Intervention } from './interventions.ts';
import type { Mode } from './mode.ts';
import { noNotices, withDue, withEnded, type Notices } from './notice.ts';
import type { Release } from './release.ts';
import { routedLayer, Spec } from './spec.ts';
import type { Weights } from './weights.ts';
import { noLease, type WorkerLease } from './worker-lease.ts';
import { tallyFrom, withCount, type WriteTally } from './write-tally.ts';

/** A mode that was set: what, who, when and why. */
export interface ModeSet {
  readonly mode: Mode;
  readonly by: string;
  readonly reason: string | null;
  readonly at: number;
}

/** So many of the latest are remembered; the log has all. */
const modesKept = 100;

/** A service as its log tells it. */
export interface Service {
  readonly name: string;
  /** The number of events that are folded in. */
  readonly version: number;
  readonly releases: readonly Release[];
  readonly environments: Readonly<Record<Colour, Environment>>;
  readonly live: Colour | null;
  /** The newest epoch that was given out. */
  readonly epoch: number;
  /** The newest epoch of which it was decided that it comes in force at several proxies; 0: of none. */
  readonly decided: number;
  /** The side that the router was last told to send the traffic to, whether or not it is known to have done so. */
  readonly routed: Colour | null;
  /** How it was last told to divide the traffic; null: all to `routed`. */
  readonly weights: Weights | null;
  /** How many instances of each side were in service by that order; null: all that are healthy. */
  readonly inService: InService | null;
  /** Oldest first, without their pages but for the last one; empty: it has always been open. */
  readonly modes: readonly ModeSet[];
  /** What is copied to the side that is not live; null: nothing. */
  readonly mirror: RouteMirror | null;
  readonly deployments: readonly Deployment[];
  /** Whose workers may work. */
  readonly lease: WorkerLease;
  /** What the live side has answered since it got the traffic; null: nothing was live yet. */
  readonly writes: WriteTally | null;
  readonly notices: Notices;
  /** The hash of the newest receipt, which the next one names. */
  readonly lastReceipt: string | null;
}

/** An event that cannot follow what the log says. It is never written: the writer folds first. */
export class ImpossibleEvent extends Error {
  override readonly name = 'ImpossibleEvent';
  constructor(event: ServiceEvent, why: string) {
    super(`${event.type} cannot follow: ${why}`);
  }
}

export const newService = (name: string): Service => ({
  name,
  version: 0,
  releases: [],
  environments: { blue: emptyEnvironment('blue'), green: emptyEnvironment('green') },
  live: null,
  epoch: 0,
  decided: 0,
  routed: null,
  weights: null,
  inService: null,
  modes: [],
  mirror: null,
  deployments: [],
  lease: noLease,
  writes: null,
  notices: noNotices,
  lastReceipt: null,
});

/** How the service meets requests; undefined: open, as it always was. */
export const modeInForce = (service: Service): Mode | undefined => service.modes.at(-1)?.mode;

/**
 * How the traffic is divided by what the log says; undefined: all to the side that is live. A side that is no longer ready has no part in
 * it: where one is emptied, all goes to the other.
 */
export const weightsInForce = ({ weights, environments }: Service): Weights | undefined =>
  weights !== null && colours.every((colour) => weights[colour] === 0 || ready(environments[colour]))
    ? weights
    : undefined;

/** Whether an environment gets requests of users: it is live, or has a part of the traffic beside the one that is. */
export const serves = (service: Service, colour: Colour): boolean => {
  if (service.live === null) return false;
  const weights = weightsInForce(service);
  return weights === undefined ? service.live === colour : weights[colour] > 0;
};

/** How the traffic is divided between sides and their instances. Nothing: all of it to one side, and to whatever is healthy there. */
export interface Division {
  readonly weights?: Weights;
  readonly inService?: InService;
}

/** How it is divided by what the log says. Of a side that was emptied since, nothing is in service. */
export function divisionInForce(service: Service): Division {
  const { inService, routed } = service;
  const weights = weightsInForce(service);
  if (inService === null || routed === null) return weights ? { weights } : {};
  const left = {
    blue: Math.min(inService.blue, healthyOf(service, 'blue')),
    green: Math.min(inService.green, healthyOf(service, 'green')),
  };
  return { ...(weights && { weights }), ...(left[routed] > 0 && { inService: left }) };
}

/** How it is divided while so many instances of each side are in service. */
export function divisionOf(service: Service, inService: InService): Division {
  const weights = weightsOf(inService);
  // One side with all that it has: nothing is divided any more.
  const whole = colours.some(
    (colour) =>
      inService[other(colour)] === 0 &&
      service.environments[colour].part === null &&
      inService[colour] === instancesOf(service, colour),
  );
  return whole ? {} : { ...(weights && { weights }), inService };
}

/** How many instances of the layer that gets traffic the side has a place for. */
export function instancesOf(service: Service, colour: Colour): number {
  const { release, placement } = service.environments[colour];
  const spec = release === null ? undefined : releaseOf(service, release)?.spec;
  return spec && placement ? addressesOf(placement, routedLayer(spec)).length : 0;
}

/** Which instances of a side are to run, where these are not all. */
export function onlyOf(service: Service, colour: Colour): Readonly<Record<string, number>> | undefined {
  const { release, part } = service.environments[colour];
  const spec = release === null ? undefined : releaseOf(service, release)?.spec;
  return spec && part ? { [routedLayer(spec)]: part.started } : undefined;
}

/** How many of them have been healthy since they were started. */
export function healthyOf(service: Service, colour: Colour): number {
  const environment = service.environments[colour];
  if (!ready(environment)) return 0;
  return environment.part?.healthy ?? instancesOf(service, colour);
}

/** How many instances of a side get requests of users. */
export function servingOf(service: Service, colour: Colour): number {
  const { routed, inService } = service;
  const weights = weightsInForce(service);
  if (weights ? weights[colour] === 0 : routed !== colour) return 0;
  return Math.min(inService?.[colour] ?? Infinity, healthyOf(service, colour));
}

/** The deployment that is under way, if one is. */
export const current = (service: Service): Deployment | undefined => {
  const last = service.deployments.at(-1);
  return last && underWay(last) ? last : undefined;
};

export const releaseOf = (service: Service, number: number): Release | undefined =>
  service.releases[number - 1];

export function roleOf(service: Service, colour: Colour): Role {
  if (service.live === colour || serves(service, colour)) return 'live';
  const { wasLive, phase, part } = service.environments[colour];
  // What lacks instances could not take the traffic.
  return wasLive && part === null && reached(phase, 'healthy') ? 'standby' : 'idle';
}

/** The side for the next release: the one that is not live. */
export const nextColour = (service: Service): Colour =>
  service.live === null ? 'blue' : other(service.live);

/** The releases that must stay on disk: those that an environment holds, and the newest `keep`. */
export function neededReleases(service: Service, keep: number): number[] {
  const held = colours.flatMap((colour) => service.environments[colour].release ?? []);
  const newest = service.releases.slice(-keep).map((release) => release.number);
  return [...new Set([...held, ...newest])].sort((a, b) => a - b);
}

/** Folds one more event in. Throws `ImpossibleEvent` where it would break a promise or make no sense. */
export function fold(service: Service, { event, at, version }: EventRecord): Service {
  const refuse = (why: string): never => {
    throw new ImpossibleEvent(event, why);
  };
  if (version !== service.version + 1) refuse(`its version is ${version}, expected ${service.version + 1}`);
  const next = (change: Partial<Service>): Service => ({ ...service, version, ...change });

  const environment = (colour: Colour, change: Partial<Environment>): Service =>
    next({
      environments: { ...service.environments, [colour]: { ...service.environments[colour], ...change } },
    });
  const advance = (
    colour: Colour,
    release: number,
    least: Environment['phase'],
    phase: Environment['phase'],
  ): Service => {
    const now = service.environments[colour];
    if (now.release !== release)
      refuse(
        `${colour} holds ${now.release === null ? 'no release' : `release ${now.release}`}, not ${release}`,
      );
    if (!reached(now.phase, least)) refuse(`${colour} is ${now.phase}, not yet ${least}`);
    return environment(colour, reached(now.phase, phase) ? {} : { phase });
  };

  /** `after`, with so many instances of a side as `change` makes of how it was; all of them are no part. */
  const sized = (
    after: Service,
    colour: Colour,
    change: (before: Environment) => Partial<NonNullable<Environment['part']>>,
  ): Service => {
    const all = instancesOf(after, colour);
    const before = service.environments[colour];
    const part = { started: all, healthy: all, ...before.part, ...change(before) };
    const whole = part.started >= all && part.healthy >= all;
    const environment = { ...after.environments[colour], part: whole ? null : part };
    return { ...after, environments: { ...after.environments, [colour]: environment } };
  };

  const deployment = (id: number, change: (deployment: Deployment) => Partial<Deployment>): Service => {
    const index = id - 1;
    const found = service.deployments[index] ?? refuse(`there is no deployment ${id}`);
    return next({ deployments: service.deployments.with(index, { ...found, ...change(found) }) });
  };
  const active = (id: number, change: (deployment: Deployment) => Partial<Deployment>): Service =>
    deployment(id, (found) => (underWay(found) ? change(found) : refuse(`deployment ${id} has ended`)));
  const step = (
    id: number,
    index: number,
    from: readonly StepState['status'][],
    change: (state: StepState) => Partial<StepState>,
  ): Service =>
    active(id, ({ steps }) => {
      const state = steps[index] ?? refuse(`there is no step ${index}`);
      if (!from.includes(state.status)) refuse(`step ${index} is ${state.status}`);
      return { steps: steps.with(index, { ...state, ...change(state) }) };
    });

  /** What a person said, to a deployment that is not taken back. */
  const intervene = (
    said: Pick<Intervention, 'kind' | 'step'> & Partial<Pick<Intervention, 'force' | 'reason'>>,
  ): Service => {
    if (!('deployment' in event) || event.deployment === null || !('by' in event))
      return refuse('nobody said it');
    const { by } = event;
    return active(event.deployment, ({ status, steps, switches, interventions }) => {
      if (status !== 'running') refuse('the deployment is not running');
      const kind = said.kind === 'resume' ? 'hold' : 'gate';
      if (said.step !== null && steps[said.step]?.planned.kind !== kind)
        refuse(`step ${said.step} is no ${kind}`);
      const afterSwitch = switches.length > 0;
      const intervention = { force: false, reason: null, ...said, by, at, afterSwitch };
      return { interventions: [...interventions, intervention] };
    });
  };

  switch (event.type) {
    case 'release-created': {
      if (event.number !== service.releases.length + 1)
        refuse(`the next release is ${service.releases.length + 1}`);
      const { number, version: name, source, base, by } = event;
      const release = {
        number,
        version: name,
        source,
        base,
        by,
        spec: Spec.parse(event.spec),
        createdAt: at,
        digest: null,
      };
      return next({ releases: [...service.releases, release] });
    }
    case 'deployment-started': {
      if (current(service)) refuse('another deployment is under way');
      if (event.deployment !== service.deployments.length + 1)
        refuse(`the next deployment is ${service.deployments.length + 1}`);
      if (!releaseOf(service, event.plan.release)) refuse(`there is no release ${event.plan.release}`);
      const started: Deployment = {
        id: event.deployment,
        plan: event.plan,
        by: event.by,
        startedAt: at,
        endedAt: null,
        status: 'running',
        steps: event.plan.steps.map((planned) => ({
          planned,
          status: 'pending',
          startedAt: null,
          endedAt: null,
          attempts: 0,
          says: null,
          error: null,
        })),
        abortedBy: null,
        reason: event.reason ?? null,
        failure: null,
        verdict: event.verdict ?? null,
        frozenAt: null,
        decision: null,
        switches: [],
        weighed: [],
        interventions: [],
        measured: {},
        drain: null,
        hooks: [],
        mirrored: null,
        receipt: null,
        ...(event.set && { set: event.set }),
      };
      return next({ deployments: [...service.deployments, started] });
    }
    case 'step-started':
      if (service.deployments[event.deployment - 1]?.status !== 'running')
        refuse('the deployment is not running');
      if (
        service.deployments[event.deployment - 1]?.steps.some(
          ({ status }, index) => index < event.step && status !== 'done',
        )
      ) {
        refuse('a step before it is not done');
      }
      return step(event.deployment, event.step, ['pending', 'running'], (state) => ({
        status: 'running',
        startedAt: state.startedAt ?? at,
        attempts: state.attempts + 1,
      }));
    case 'step-done':
      return step(event.deployment, event.step, ['running'], () => ({
        status: 'done',
        endedAt: at,
        says: event.says,
      }));
    case 'step-failed':
      return step(event.deployment, event.step, ['running'], () => ({
        status: 'failed',
        endedAt: at,
        error: event.error,
      }));
    case 'hook-ended': {
      const { id, name, when, stage, ok, detail, tries, ms, output } = event;
      const run = { id, name, when, stage, ok, detail, tries, ms, output };
      return active(event.deployment, ({ hooks }) => ({ hooks: [...hooks, run] }));
    }
    case 'analysis-looked':
      return step(event.deployment, event.step, ['running'], () => ({ analysis: event.state }));
    case 'abort-requested':
      return active(event.deployment, ({ abortedBy, reason, verdict }) => ({
        abortedBy: abortedBy ?? event.by,
        reason: reason ?? event.reason ?? null,
        verdict: event.verdict ?? verdict,
      }));
    case 'pause-requested':
      return intervene({ kind: 'pause', step: null, reason: event.reason });
    case 'resume-requested':
      return intervene({ kind: 'resume', step: event.step });
    case 'approval-given':
      return intervene({
        kind: event.approved ? 'approve' : 'reject',
        step: event.step,
        reason: event.reason,
      });
    case 'promotion-requested':
      return intervene({ kind: 'promote', step: null, force: event.force });
    case 'turned-back':
      if (service.deployments[event.deployment - 1]?.status !== 'running')
        refuse('the deployment is not running');
      return active(event.deployment, ({ verdict }) => ({
        status: 'turning-back',
        failure: event.error,
        verdict: event.verdict ?? verdict,
      }));
    case 'deployment-frozen': {
      const found = service.deployments[event.deployment - 1];
      if (found?.status !== 'running') refuse('the deployment is not running');
      // One of a set may be frozen for what another did.
      if (!found?.set && !found?.steps.some(({ status }) => status === 'failed'))
        refuse('none of its steps has failed');
      return active(event.deployment, () => ({
        status: 'frozen',
        frozenAt: at,
        failure: event.error,
        verdict: event.verdict,
      }));
    }
    case 'decision-taken':
      return active(event.deployment, (found) => {
        if (!awaitsDecision(found)) refuse(`deployment ${found.id} does not wait for a decision`);
        const { decision, by, reason } = event;
        const decided = { decision: { decision, by, reason, at }, verdict: event.verdict ?? found.verdict };
        if (decision === 'back') return { ...decided, status: 'turning-back' };
        const steps = found.steps.map((state): StepState => {
          if (state.status !== 'failed') return state;
          // What has to be done before the other half can serve is tried again.
          if (isWorkOfHalf(state.planned.kind)) return { ...state, status: 'pending', error: null };
          return { ...state, status: 'done', says: `it failed, and ${by} decided to keep the new side` };
        });
        return { ...decided, status: 'running', steps };
      });
    case 'undo-started':
      if (service.deployments[event.deployment - 1]?.status !== 'turning-back')
        refuse('the deployment is not turned back');
      return step(event.deployment, event.step, ['running', 'done', 'failed', 'undoing'], () => ({
        status: 'undoing',
      }));
    case 'undo-done':
      return step(event.deployment, event.step, ['undoing'], () => ({ status: 'undone', says: event.says }));
    case 'undo-failed':
      return step(event.deployment, event.step, ['undoing'], () => ({ status: 'stuck', error: event.error }));
    case 'deployment-ended':
      return active(event.deployment, (found) => {
        const move = nextMove(found);
        if (move.act !== 'end' || move.outcome !== event.outcome)
          refuse(`its steps do not end it ${event.outcome}`);
        return { status: event.outcome, endedAt: at };
      });
    case 'receipt-recorded': {
      const { previous, hash } = event.receipt;
      if (previous !== service.lastReceipt)
        refuse(`the receipt before it has the hash ${service.lastReceipt ?? 'of none'}`);
      return {
        ...deployment(event.deployment, () => ({ receipt: event.receipt })),
        lastReceipt: hash,
      };
    }

    case 'environment-prepared': {
      if (service.live === event.colour) refuse(`${event.colour} is live`);
      if (!releaseOf(service, event.release)) refuse(`there is no release ${event.release}`);
      const { release, placement } = event;
      return environment(event.colour, {
        ...emptyEnvironment(event.colour),
        phase: 'prepared',
        release,
        placement,
        lastPlacement: placement,
      });
    }
    case 'release-shipped': {
      const shipped = releaseOf(service, event.release) ?? refuse(`there is no release ${event.release}`);
      const { digest } = event;
      if (shipped.digest !== null && shipped.digest !== digest)
        refuse(`release ${event.release} has another content`);
      return next({ releases: service.releases.with(event.release - 1, { ...shipped, digest }) });
    }
    case 'environment-started':
      if ((releaseOf(service, event.release)?.digest ?? null) === null)
        refuse(`release ${event.release} was not shipped`);
      return sized(advance(event.colour, event.release, 'prepared', 'started'), event.colour, ({ phase }) =>
        reached(phase, 'healthy') || event.only === undefined ? {} : { started: event.only, healthy: 0 },
      );
    case 'environment-healthy':
      return sized(advance(event.colour, event.release, 'started', 'healthy'), event.colour, (before) =>
        reached(before.phase, 'healthy') || !before.part ? {} : { healthy: before.part.started },
      );
    case 'environment-sized': {
      const { colour, release, started, healthy } = event;
      const found = service.environments[colour].part;
      const all = instancesOf(service, colour);
      const before = found ?? { started: all, healthy: all };
      if (started > all) refuse(`${colour} has places for ${all}`);
      if (healthy > Math.min(started, before.started)) refuse(`${healthy} of ${colour} were never started`);
      if (healthy < servingOf(service, colour))
        refuse(`${servingOf(service, colour)} of ${colour} are in service`);
      if (service.live === colour && healthy === 0) refuse(`${colour} is live`);
      return sized(advance(colour, release, 'healthy', 'healthy'), colour, () => ({ started, healthy }));
    }
    case 'environment-warmed':
      if (service.environments[event.colour].release !== event.warmth.release)
        refuse(`${event.colour} does not hold release ${event.warmth.release}`);
      return active(event.deployment, () => ({ warmth: event.warmth }));
    case 'environment-verified':
      return advance(event.colour, event.release, 'healthy', 'verified');
    case 'environment-reduced': {
      const { release, placement } = service.environments[event.colour];
      if (release !== event.release || placement === null)
        refuse(`${event.colour} does not hold release ${event.release}`);
      const left = new Set(event.placement.instances.map(placeText));
      const known = new Set(placement?.instances.map(placeText));
      if ([...left].some((each) => !known.has(each))) refuse('an instance is where none was');
      return environment(event.colour, { placement: event.placement });
    }
    case 'environment-kept':
      if (service.live === event.colour) refuse(`${event.colour} is live`);
      if (service.environments[event.colour].release !== event.release)
        refuse(`${event.colour} does not hold release ${event.release}`);
      return environment(event.colour, { keptUntil: event.until });
    case 'environment-retired': {
      if (service.live === event.colour) refuse(`${event.colour} is live`);
      const { lastPlacement } = service.environments[event.colour];
      const emptied = environment(event.colour, { ...emptyEnvironment(event.colour), lastPlacement });
      return service.lease.holder === event.colour
        ? { ...emptied, lease: { ...service.lease, holder: null } }
        : emptied;
    }

    case 'route-ordered':
      if (event.epoch !== service.epoch + 1) refuse(`the next epoch is ${service.epoch + 1}`);
      if (!ready(service.environments[event.live]))
        refuse(`${event.live} is ${service.environments[event.live].phase}, never healthy`);
      for (const colour of colours)
        if (event.weights && event.weights[colour] > 0 && !ready(service.environments[colour]))
          refuse(`${colour} is ${service.environments[colour].phase}, never healthy`);
      for (const colour of colours) {
        const inService = event.inService?.[colour] ?? 0;
        if (inService > healthyOf(service, colour))
          refuse(`${healthyOf(service, colour)} of ${colour} were healthy, not ${inService}`);
      }
      if ((event.inService?.[event.live] ?? healthyOf(service, event.live)) === 0)
        refuse(`nothing of ${event.live} is in service`);
      return {
        ...(event.deployment !== null && event.live !== service.live
          ? deployment(event.deployment, () => ({ moveOrdered: true }))
          : next({})),
        epoch: event.epoch,
        routed: event.live,
        weights: event.weights ?? null,
        inService: event.inService ?? null,
      };
    case 'route-decided':
      if (event.epoch !== service.epoch) refuse(`the newest epoch is ${service.epoch}`);
      return next({ decided: event.epoch });
    case 'mode-set': {
      const { mode, by, reason } = event;
      const former = service.modes
        .slice(1 - modesKept)
        .map((set) => ({ ...set, mode: { ...set.mode, page: null } }));
      return next({ modes: [...former, { mode, by, reason, at }] });
    }
    case 'traffic-weighed': {
      if (event.epoch !== service.epoch) refuse(`the epoch in force is ${service.epoch}`);
      const { epoch, to, weight, holdMs, held, bootId, blue, green } = event;
      const weighed = active(event.deployment, ({ weighed }) => ({
        weighed: [...weighed, { epoch, to, weight, at, holdMs, held, bootId, counts: { blue, green } }],
      }));
      // What another side answers with the same release is not counted: there are more writes than the tally knows of.
      const { writes, environments } = service;
      const isShared =
        writes !== null &&
        weight > 0 &&
        to !== writes.side &&
        environments[to].release === environments[writes.side].release;
      return isShared ? { ...weighed, writes: { ...writes, atLeast: true } } : weighed;
    }
    case 'notice-due': {
      const { type: _type, ...notice } = event;
      if (service.notices.due.some(({ id }) => id === notice.id)) refuse(`${notice.id} is due already`);
      return next({ notices: withDue(service.notices, notice, at) });
    }
    case 'notice-ended': {
      const { type: _type, ...notice } = event;
      return next({ notices: withEnded(service.notices, { ...notice, at }) });
    }
    case 'traffic-switched': {
      if (event.epoch !== service.epoch) refuse(`the epoch in force is ${service.epoch}`);
      if (!ready(service.environments[event.to]))
        refuse(`${event.to} is ${service.environments[event.to].phase}, never healthy`);
      const { epoch, from, to, switchMs, holdMs, held } = event;
      const switched = active(event.deployment, ({ switches }) => ({
        switches: [...switches, { epoch, from, to, at, switchMs, holdMs, held }],
      }));
      const to_ = { ...service.environments[to], wasLive: true, keptUntil: null };
      const { measured, weighed } = service.deployments[event.deployment - 1] ?? {};
      // A canary has had writes before all the traffic came: they are among those that going back loses.
      const first = weighed?.find((part) => part.to === to && part.weight > 0);
      return {
        ...switched,
        live: to,
        environments: { ...service.environments, [to]: to_ },
        writes: tallyFrom(to, at, first, measured?.switch),
      };
    }
    case 'mirror-set': {
      const { mirror } = event;
      if (mirror !== null && service.live === mirror.to) refuse(`${mirror.to} is live`);
      if (mirror !== null && !ready(service.environments[mirror.to]))
        refuse(`${mirror.to} is ${service.environments[mirror.to].phase}, never healthy`);
      return { ...active(event.deployment, () => ({})), mirror };
    }
    case 'mirror-compared':
      return active(event.deployment, () => ({ mirrored: event.summary }));
    case 'lease-granted':
      if (service.lease.holder !== null) refuse(`the workers of ${service.lease.holder} may work`);
      if (event.epoch !== service.lease.epoch + 1) refuse(`the next lease is ${service.lease.epoch + 1}`);
      if (!ready(service.environments[event.colour]))
        refuse(`${event.colour} is ${service.environments[event.colour].phase}, never healthy`);
      return next({ lease: { holder: event.colour, epoch: event.epoch } });
    case 'lease-released':
      if (service.lease.holder !== event.colour) refuse(`the workers of ${event.colour} may not work`);
      if (event.epoch !== service.lease.epoch + 1) refuse(`the next lease is ${service.lease.epoch + 1}`);
      return next({ lease: { holder: null, epoch: event.epoch } });
    case 'writes-counted':
      if (service.writes?.side !== event.side) return refuse(`${event.side} is not live`);
      return next({ writes: withCount(service.writes, event) });
    case 'traffic-measured': {
      const seen = deployment(event.deployment, ({ measured }) => ({
        measured: { ...measured, [event.moment]: event.counters },
      }));
      const { writes } = service;
      const { bootId } = event.counters;
      // One that was measured before a restart of the router may be recorded after it: only `writes-counted` goes on to another router.
      if (writes?.bootId !== bootId) return seen;
      return {
        ...seen,
        writes: withCount(writes, { bootId, writes: event.counters[writes.side].writes }),
      };
    }
    case 'traffic-drained':
      return active(event.deployment, () => ({
        drain: { colour: event.colour, drainMs: event.drainMs, left: event.left },
      }));
    case 'traffic-lingered': {
      const { colour, ms, late, lastAt, left } = event;
      return active(event.deployment, () => ({ lingered: { colour, ms, late, lastAt, left } }));
    }
  }
}

/** The service that a whole log tells of. */
export const replay = (name: string, records: readonly EventRecord[]): Service =>
  records.reduce(fold, newService(name));
