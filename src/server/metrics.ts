import type { Judgement } from '../core/analysis/state.ts';
import { colours } from '../core/colour.ts';
import { underWay, type Deployment } from '../core/deployment.ts';
import { distribution, exposition, type Family, type Sample } from '../core/exposition.ts';
import type { Service } from '../core/service.ts';
import type { Engine } from '../engine/engine.ts';
import type { Lease } from '../ports/store.ts';
import type { StatusView } from './api.ts';

/** What the metrics of a controller are made from. */
export interface ControllerReading {
  readonly engine: Engine;
  readonly identity: StatusView['controller'];
  /** The controller's right to write, as it stands. */
  readonly lease: () => Lease;
}

const kinds: readonly Deployment['plan']['kind'][] = ['deploy', 'rollback', 'switch', 'retire'];
const outcomes = ['succeeded', 'undone', 'frozen'] as const;
const stepLimitsS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800];

/**
 * What the log says of all services, as Prometheus text. Deployments are counted from the log, from its beginning, so that a restart of the
 * controller sets nothing back.
 */
export function controllerMetrics({ engine, identity, lease }: ControllerReading): string {
  const services = engine.services();
  const { fence, expiresAt } = lease();
  const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name: `cutover_controller_${name}`,
    help,
    type: 'gauge',
    samples,
  });
  const eachService = (value: (service: Service) => number): Sample[] =>
    services.map((service) => ({ labels: { service: service.name }, value: value(service) }));
  return exposition([
    {
      name: 'cutover_controller_deployments_total',
      help: 'Deployments that have ended, by kind and outcome.',
      type: 'counter',
      samples: services.flatMap(({ name, deployments }) =>
        kinds.flatMap((kind) =>
          outcomes.map((outcome) => ({
            labels: { service: name, kind, outcome },
            value: deployments.filter(({ plan, status }) => plan.kind === kind && status === outcome).length,
          })),
        ),
      ),
    },
    {
      name: 'cutover_controller_step_duration_seconds',
      help: 'How long the steps of deployments took that were done, by kind of step.',
      type: 'histogram',
      distributions: services.flatMap((service) => stepDurations(service)),
    },
    gauge(
      'deployment_running',
      '1 while a deployment is under way.',
      eachService(({ deployments }) => (deployments.some(underWay) ? 1 : 0)),
    ),
    gauge(
      'live',
      '1 for the environment that has the traffic, by the log.',
      services.flatMap(({ name, live }) =>
        colours.map((colour) => ({
          labels: { service: name, environment: colour },
          value: live === colour ? 1 : 0,
        })),
      ),
    ),
    gauge(
      'live_release',
      'The release that has the traffic; 0 if none.',
      eachService(({ live, environments }) => (live === null ? 0 : (environments[live].release ?? 0))),
    ),
    {
      name: 'cutover_controller_notifications_total',
      help: 'Notifications that were told or given up, by target.',
      type: 'counter',
      samples: services.flatMap(({ name, notices }) =>
        Object.entries(notices.counts).flatMap(([target, { sent, givenUp }]) => [
          { labels: { service: name, target, result: 'sent' }, value: sent },
          { labels: { service: name, target, result: 'given-up' }, value: givenUp },
        ]),
      ),
    },
    gauge(
      'notifications_due',
      'Notifications that are still to be told.',
      eachService(({ notices }) => notices.due.length),
    ),
    gauge(
      'epoch',
      'The newest epoch that was given out.',
      eachService(({ epoch }) => epoch),
    ),
    gauge(
      'halted',
      '1 while nothing moves because the log cannot be written.',
      eachService(({ name }) => (engine.halted(name) ? 1 : 0)),
    ),
    gauge(
      'measure',
      'What a measure of the analysis under way has found at last: shares from 0 to 1, latencies in milliseconds.',
      measuresNow(services).flatMap(({ labels, value }) => (value === null ? [] : [{ labels, value }])),
    ),
    gauge(
      'measure_judgement',
      '1 for the judgement of a measure of the analysis under way: good, bad, waiting, or none.',
      measuresNow(services).map(({ labels, judgement }) => ({ labels: { ...labels, judgement }, value: 1 })),
    ),
    gauge('lease_fence', 'Grows with each controller that takes the lease over.', [
      { labels: {}, value: fence },
    ]),
    gauge('lease_expires_seconds', 'When the lease ends unless it is renewed, in seconds since 1970.', [
      { labels: {}, value: expiresAt / 1000 },
    ]),
    gauge('start_time_seconds', 'When the controller started, in seconds since 1970.', [
      { labels: {}, value: identity.startedAt / 1000 },
    ]),
    gauge('info', 'Always 1; says which program this is.', [
      { labels: { version: identity.version }, value: 1 },
    ]),
  ]);
}

interface MeasureNow {
  readonly labels: { readonly service: string; readonly step: string; readonly measure: string };
  readonly value: number | null;
  readonly judgement: Judgement;
}

/** The measures of the steps that watch a side just now. */
const measuresNow = (services: readonly Service[]): MeasureNow[] =>
  services.flatMap(({ name: service, deployments }) =>
    deployments
      .filter(underWay)
      .flatMap(({ steps }) => steps.filter(({ status }) => status === 'running'))
      .flatMap(({ planned, analysis }) =>
        (analysis?.measures ?? []).map(({ name: measure, value, judgement }) => ({
          labels: { service, step: planned.kind, measure },
          value,
          judgement,
        })),
      ),
  );

function stepDurations({ name, deployments }: Service): ReturnType<typeof distribution>[] {
  const seconds = new Map<string, number[]>();
  for (const { steps } of deployments)
    for (const { planned, status, startedAt, endedAt } of steps) {
      if (status !== 'done' || startedAt === null || endedAt === null) continue;
      const of = seconds.get(planned.kind);
      const took = Math.max(0, endedAt - startedAt) / 1000;
      if (of) of.push(took);
      else seconds.set(planned.kind, [took]);
    }
  return [...seconds].map(([step, values]) => distribution({ service: name, step }, values, stepLimitsS));
}
