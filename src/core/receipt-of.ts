import { analysisOf } from './analysis/receipt.ts';
import { colours, type Colour } from './colour.ts';
import type { Deployment } from './deployment.ts';
import { quantileMs, samples, type Histogram } from './latency.ts';
import { combine } from './latency.ts';
import type { Draft, SideReceipt } from './receipt.ts';
import { canaryReceipt, gatesReceipt } from './receipt-of-canary.ts';
import { modeInForce, releaseOf, type Service } from './service.ts';
import { timelineOf, type Looks } from './timeline.ts';
import { combineSides, emptySide, failures, type Counters } from './traffic.ts';

const between = (from: Counters, to: Counters, colour: Colour) => combineSides(to[colour], from[colour], -1);

function latencyBetween(
  from: Counters | undefined,
  to: Counters | undefined,
): { requests: number; p50Ms: number | null; p99Ms: number | null } {
  if (!from || !to || from.bootId !== to.bootId) return { requests: 0, p50Ms: null, p99Ms: null };
  const all = colours
    .map((colour) => between(from, to, colour).latency)
    .reduce<Histogram>((sum, each) => combine(sum, each, 1), []);
  return { requests: samples(all), p50Ms: quantileMs(all, 0.5), p99Ms: quantileMs(all, 0.99) };
}

/** The receipt of a deployment that has ended: what the router counted between its beginning and its end, and when it was looked at. */
export function receiptOf(service: Service, deployment: Deployment, looks: Looks): Draft {
  const { measured, switches, steps } = deployment;
  const { start, end } = measured;
  const gaps: string[] = [];
  const moments = [start, measured.switch, measured.settled, end].filter(
    (counters) => counters !== undefined,
  );
  const driver = releaseOf(service, deployment.plan.release)?.spec.router.driver ?? 'embedded';
  if (moments.length === 0 && switches.length > 0) gaps.push(`the router ${driver} counted no requests`);
  else if (!end) gaps.push('the router did not answer at the end');
  if (new Set(moments.map(({ bootId }) => bootId)).size > 1)
    gaps.push('the proxy was restarted in between: counts are from its last start on');

  if (end && driver !== 'embedded' && colours.every((colour) => samples(end[colour].latency) === 0))
    gaps.push(`the router ${driver} keeps no latencies`);
  if (looks.missed > 0) gaps.push(`the router did not answer ${looks.missed} of the looks at the traffic`);

  const side = (colour: Colour): SideReceipt => {
    // Without a count from the beginning, the router did not know the service yet: all that it has counted is ours.
    const base = start && end && start.bootId === end.bootId ? start[colour] : emptySide();
    const seen = end ? combineSides(end[colour], base, -1) : emptySide();
    const { requests, failed, held, retried, writes, clientClosed, cut, previews, fromBefore, status } = seen;
    return {
      release: service.environments[colour].release,
      requests,
      failed,
      held,
      retried,
      writes,
      clientClosed,
      cut,
      previews,
      fromBefore,
      status,
    };
  };
  const environments = { blue: side('blue'), green: side('green') };
  const sum = (pick: (each: SideReceipt) => number): number =>
    pick(environments.blue) + pick(environments.green);
  const first = switches[0];
  const back = switches.length > 1 ? switches.at(-1) : undefined;
  const analysis = analysisOf(steps);
  const release = releaseOf(service, deployment.plan.release);
  return {
    service: service.name,
    deployment: deployment.id,
    kind: deployment.plan.kind,
    release: deployment.plan.release,
    version: release?.version ?? '',
    outcome: deployment.status,
    by: deployment.by,
    mode: modeInForce(service)?.mode ?? 'open',
    ...(deployment.set && { set: deployment.set }),
    startedAt: deployment.startedAt,
    endedAt: deployment.endedAt ?? deployment.startedAt,
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failures({ ...emptySide(), failed })),
    held: sum(({ held }) => held),
    retried: sum(({ retried }) => retried),
    environments,
    latency: measured.switch
      ? {
          before: latencyBetween(start, measured.switch),
          during: latencyBetween(measured.switch, measured.settled ?? end),
          after: latencyBetween(measured.settled, end),
        }
      : null,
    switch: first
      ? {
          from: first.from,
          to: first.to,
          epoch: first.epoch,
          at: first.at,
          switchMs: first.switchMs,
          holdMs: first.holdMs,
        }
      : null,
    switchBack: back ? { to: back.to, epoch: back.epoch, at: back.at, switchMs: back.switchMs } : null,
    ...(deployment.warmth && { warmUp: deployment.warmth }),
    ...wayBackOf(deployment),
    drainMs: deployment.drain?.drainMs ?? null,
    leftAfterDrain: deployment.drain?.left ?? null,
    ...(deployment.lingered && { lateClients: deployment.lingered }),
    steps: steps.map(({ planned, status, startedAt, endedAt }) => ({
      kind: planned.kind,
      status,
      startedAt,
      ms: startedAt === null || endedAt === null ? null : endedAt - startedAt,
    })),
    ...(deployment.hooks.length > 0 && { hooks: [...deployment.hooks] }),
    ...(analysis.length > 0 && { analysis }),
    ...(deployment.mirrored === null ? {} : { mirror: deployment.mirrored }),
    ...canaryReceipt(deployment),
    ...gatesReceipt(deployment),
    timeline: timelineOf(looks),
    gaps,
  };
}

function wayBackOf({ verdict, frozenAt, decision, reason }: Deployment): Pick<Draft, 'wayBack'> {
  if (verdict === null && frozenAt === null && decision === null && reason === null) return {};
  return { wayBack: { verdict, frozenAt, decision, reason } };
}
