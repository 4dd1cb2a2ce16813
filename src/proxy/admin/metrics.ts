import type { Colour } from '../../core/colour.ts';
import { exposition, latencyDistribution, type Family, type Sample } from '../../core/exposition.ts';
import { cutKinds } from '../../core/cut.ts';
import { skipReasons, type DiffSummary } from '../../core/mirror/diff-report.ts';
import { modeNames } from '../../core/mode.ts';
import { failureCauses, type Counters, type Route, type SideCounters } from '../../core/traffic.ts';
import type { ProxyStatus } from './protocol.ts';

/** What the metrics of a proxy are made from. */
export interface ProxyReading {
  readonly status: ProxyStatus;
  readonly services: readonly { readonly route: Route; readonly counters: Counters }[];
  /** Milliseconds since 1970, of what is served. */
  readonly certificates: readonly {
    readonly service: string;
    readonly file: string;
    readonly notAfter: number;
  }[];
  /** What the mirrors in force have found; none of one that has not found anything yet. */
  readonly mirrors: readonly { readonly service: string; readonly found: DiffSummary }[];
}

const colours: readonly Colour[] = ['blue', 'green'];
const classes = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** The end of the certificate that a client of each host sees: the first that is for it. */
function hostsOf(certificates: ProxyStatus['certificates']): Map<string, number> {
  const byHost = new Map<string, number>();
  for (const { hosts, expiresAt } of certificates)
    for (const host of hosts) if (!byHost.get(host)) byHost.set(host, expiresAt ?? 0);
  return byHost;
}

/** What the proxy has counted since its keeper started, as Prometheus text. Pure. */
export function proxyMetrics({ status, services, certificates, mirrors }: ProxyReading): string {
  type Labelled = { route: Route; colour: Colour; side: SideCounters; labels: Record<string, string> };
  const sides = services.flatMap(({ route, counters }): Labelled[] =>
    colours.map((colour) => ({
      route,
      colour,
      side: counters[colour],
      labels: { service: route.service, environment: colour },
    })),
  );
  const eachSide = (value: (side: Labelled) => number): Sample[] =>
    sides.map((each) => ({ labels: each.labels, value: value(each) }));
  const eachService = (value: (route: Route) => number): Sample[] =>
    services.map(({ route }) => ({ labels: { service: route.service }, value: value(route) }));
  const eachCount = (value: (counters: Counters) => number): Sample[] =>
    services.map(({ route, counters }) => ({ labels: { service: route.service }, value: value(counters) }));
  const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name: `cutover_proxy_${name}_total`,
    help,
    type: 'counter',
    samples,
  });
  const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name: `cutover_proxy_${name}`,
    help,
    type: 'gauge',
    samples,
  });
  const eachMirror = (value: (found: DiffSummary) => number): Sample[] =>
    mirrors.map(({ service, found }) => ({
      labels: { service, environment: found.to },
      value: value(found),
    }));
  const one = (value: number, labels: Record<string, string> = {}): Sample[] => [{ labels, value }];

  return exposition([
    counter(
      'requests',
      'Requests sent to an environment, upgrades among them.',
      eachSide(({ side }) => side.requests),
    ),
    counter(
      'responses',
      'Whole responses by class of status.',
      sides.flatMap(({ labels, side }) =>
        classes.map((one) => ({ labels: { ...labels, class: one }, value: side.status[one] })),
      ),
    ),
    counter(
      'failures',
      'Requests that did not get one whole response, by cause.',
      sides.flatMap(({ labels, side }) =>
        // All causes from the first reading on: a rate over a series that appears with its first failure misses that failure.
        [...new Set([...failureCauses, ...Object.keys(side.failed)])].map((cause) => ({
          labels: { ...labels, cause },
          value: side.failed[cause] ?? 0,
        })),
      ),
    ),
    counter(
      'client_closed',
      'Requests whose client went away before the response was whole.',
      eachSide(({ side }) => side.clientClosed),
    ),
    counter(
      'refused',
      'Requests that the proxy answered by itself because they were wrong, by status.',
      services.flatMap(({ route, counters }) =>
        Object.entries(counters.refused).map(([code, value]) => ({
          labels: { service: route.service, status: code },
          value,
        })),
      ),
    ),
    counter(
      'held',
      'Requests that waited at the barrier of a switch.',
      eachSide(({ side }) => side.held),
    ),
    counter(
      'retried',
      'Attempts beyond the first.',
      eachSide(({ side }) => side.retried),
    ),
    counter(
      'writes',
      'Answered requests with an unsafe method.',
      eachSide(({ side }) => side.writes),
    ),
    counter(
      'upgrades',
      'Requests that became tunnels, such as WebSockets.',
      eachSide(({ side }) => side.upgrades),
    ),
    counter(
      'from_before',
      'Requests that were answered with what the environment before still had.',
      eachSide(({ side }) => side.fromBefore),
    ),
    counter(
      'previews',
      'Requests of testers among those sent to an environment.',
      eachSide(({ side }) => side.previews),
    ),
    counter(
      'ejected',
      'How often an instance was ejected, once for each worker.',
      eachSide(({ side }) => side.ejected),
    ),
    counter(
      'cut',
      'What was ended on purpose so that an environment gets free, by kind.',
      sides.flatMap(({ labels, side }) =>
        cutKinds.map((kind) => ({ labels: { ...labels, kind }, value: side.cut[kind] })),
      ),
    ),
    counter(
      'access_log_lines',
      'Lines of the access log that were taken to be written.',
      eachCount(({ told }) => told.lines),
    ),
    counter(
      'access_log_dropped',
      'Lines of the access log that were dropped: the disk did not follow.',
      eachCount(({ told }) => told.linesDropped),
    ),
    counter(
      'spans_sent',
      'Spans that a collector has taken.',
      eachCount(({ told }) => told.spans),
    ),
    counter(
      'spans_dropped',
      'Spans that no collector took in time.',
      eachCount(({ told }) => told.spansDropped),
    ),
    counter(
      'mirror_compared',
      'Copies of requests whose answers were compared, in the mirror that is in force.',
      eachMirror(({ compared }) => compared),
    ),
    counter(
      'mirror_differing',
      'Of those, answers with a difference that is no noise.',
      eachMirror(({ differing }) => differing),
    ),
    counter(
      'mirror_noisy',
      'Of those, answers that differ only where live differs from itself.',
      eachMirror(({ noisy }) => noisy),
    ),
    counter(
      'mirror_controls',
      'Requests to live beyond those of users, which show what is noise.',
      eachMirror(({ controls }) => controls),
    ),
    counter(
      'mirror_skipped',
      'Requests whose turn it was and that were not compared, by reason.',
      mirrors.flatMap(({ service, found }) =>
        skipReasons.map((reason) => ({
          labels: { service, environment: found.to, reason },
          value: found.skipped[reason] ?? 0,
        })),
      ),
    ),
    gauge(
      'mirror_share',
      'The part of the requests that is copied, from 0 to 1.',
      eachMirror(({ share }) => share),
    ),
    gauge(
      'queued',
      'Requests that the mode of the service holds.',
      eachCount(({ queued }) => queued),
    ),
    counter(
      'received_bytes',
      'Bytes from clients, heads included.',
      eachSide(({ side }) => side.bytesIn),
    ),
    counter(
      'sent_bytes',
      'Bytes to clients, heads included.',
      eachSide(({ side }) => side.bytesOut),
    ),
    gauge(
      'in_flight',
      'Requests and tunnels under way.',
      eachSide(({ side }) => side.inFlight),
    ),
    {
      name: 'cutover_proxy_request_duration_seconds',
      help: 'From the whole request head to the last byte of the response, without upgrades. The sum is right to within 6 %.',
      type: 'histogram',
      distributions: sides.map(({ labels, side }) => latencyDistribution(labels, side.latency)),
    },
    gauge(
      'live',
      '1 for the environment that has the traffic.',
      eachSide(({ route, colour }) => (route.live === colour ? 1 : 0)),
    ),
    gauge(
      'weight',
      'The part of the requests that an environment gets, from 0 to 1.',
      eachSide(({ route: { weights, live }, colour }) =>
        weights ? weights[colour] / (weights.blue + weights.green) : live === colour ? 1 : 0,
      ),
    ),
    gauge(
      'release',
      'The release that an environment holds; 0 if none.',
      eachSide(({ route, colour }) => route[colour].release ?? 0),
    ),
    gauge(
      'instances',
      'Instances that an environment has in the table.',
      eachSide(({ route, colour }) => route[colour].instances.length),
    ),
    gauge(
      'instances_sick',
      'Instances that the checks of the keeper find sick.',
      eachSide(
        ({ route, colour }) =>
          status.sick.filter((instance) => instance.startsWith(`${route.service} ${colour} `)).length,
      ),
    ),
    gauge(
      'mode',
      '1 for the mode that the service is in.',
      services.flatMap(({ route }) =>
        modeNames.map((mode) => ({
          labels: { service: route.service, mode },
          value: (route.mode?.mode ?? 'open') === mode ? 1 : 0,
        })),
      ),
    ),
    {
      name: 'cutover_certificate_expiry_seconds',
      help: 'Until when the certificate of a host is valid, in seconds since 1970; 0 while there is none.',
      type: 'gauge',
      samples: [...hostsOf(status.certificates)].map(([host, expiresAt]) => ({
        labels: { host },
        value: expiresAt / 1000,
      })),
    },
    gauge(
      'certificate_not_after_seconds',
      'Until when a certificate that is served is valid, in seconds since 1970.',
      certificates.map(({ service, file, notAfter }) => ({
        labels: { service, file },
        value: notAfter / 1000,
      })),
    ),
    gauge(
      'epoch',
      'The epoch in force.',
      eachService(({ epoch }) => epoch),
    ),
    gauge(
      'table_version',
      'Of the routing table; grows by one with every change.',
      one(status.table.version),
    ),
    gauge('workers', 'Worker processes that should run.', one(status.workers.length)),
    gauge(
      'workers_ready',
      'Worker processes that serve.',
      one(status.workers.filter(({ ready }) => ready).length),
    ),
    gauge(
      'workers_draining',
      'Processes of former sets that finish what they began.',
      one(status.draining.length),
    ),
    counter(
      'worker_restarts',
      'Workers that ended and were replaced.',
      one(status.workers.reduce((sum, { restarts }) => sum + restarts, 0)),
    ),
    gauge('warnings', 'What a person should look at: cutover status shows it.', one(status.warnings.length)),
    gauge(
      'start_time_seconds',
      'When the keeper started, in seconds since 1970; the counters began then.',
      one(status.startedAt / 1000),
    ),
    gauge(
      'info',
      'Always 1; says which program and which start this is.',
      one(1, { version: status.version, boot_id: status.bootId }),
    ),
  ]);
}
