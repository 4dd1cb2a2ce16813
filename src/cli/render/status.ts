import { certificateLines } from './certificates.ts';
import { describeVerdict } from '../../core/verdict.ts';
import type { DeploymentView, EnvironmentView, ServiceView, StatusView } from '../../server/api.ts';
import type { InstanceStatus } from '../../ports/platform.ts';
import { goesOn } from '../progress.ts';
import type { Paint } from '../terminal/paint.ts';
import { table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';
import { colours } from './colours.ts';
import { deploymentLines, elapsed } from './deployment.ts';
import { errorLines } from './error.ts';
import { modeLine, setLine } from './mode.ts';
import { count, duration, link, place, releaseName, share } from './words.ts';

export interface StatusDrawing {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly paint: Paint;
}

/** Everything that a controller says of itself and its services. */
export function statusLines({ controller, proxy, services }: StatusView, drawing: StatusDrawing): string[] {
  const { paint, now } = drawing;
  const proxyWords = proxy
    ? `proxy pid ${proxy.pid}, ${proxy.workers === 1 ? '1 worker' : `${proxy.workers} workers`}`
    : paint.red('the proxy does not answer');
  const lines = services.flatMap((service) => [...serviceLines(service, drawing), '']);
  if (services.length === 0) lines.push('no service yet: cutover deploy makes the first one', '');
  lines.push(
    paint.dim(
      `controller pid ${controller.pid}, version ${harmless(controller.version)}, up ${duration(now - controller.startedAt)}; `,
    ) + (proxy ? paint.dim(proxyWords) : proxyWords),
  );
  lines.push(...certificateLines(proxy?.certificates ?? [], now, paint));
  for (const warning of proxy?.warnings ?? []) lines.push(`${paint.yellow('!')} ${harmless(warning)}`);
  return lines;
}

/** One service: its addresses, its two environments, their instances, what is under way, and the way back. */
export function serviceLines(service: ServiceView, drawing: StatusDrawing): string[] {
  const { paint } = drawing;
  const { name, live, mode, epoch, listen, preview, environments, deployment, verdict, halted } = service;
  const at = [
    listen === null ? null : paint.cyan(link(listen)),
    preview === null ? null : `preview ${link(preview)}`,
    `epoch ${epoch}`,
  ].filter((each) => each !== null);
  const lines = [`${paint.bold(name)}  ${at.join('  ')}`];
  if (mode !== null && mode.mode !== 'open')
    lines.push(`  ${paint.yellow('!')} ${modeLine(mode, paint)}`, `    ${paint.dim(setLine(mode))}`);
  const { weights, versions = [] } = service;
  if (weights) {
    const parts = colours.map((colour) => `${colour} ${share(weights[colour])}`).join(', ');
    // One release on both is how a split fleet is in normal times.
    if (versions.length === 1) lines.push(`  both serve: ${parts}`);
    else lines.push(`  ${paint.yellow('!')} the traffic is divided: ${parts}`);
  }
  if (versions.length > 1)
    lines.push(
      `  ${paint.yellow('!')} mixed versions: ${versions.map((each) => `${releaseName(each.release, each.version)} ${share(each.share)}`).join(', ')}`,
    );
  const parts = colours.flatMap((colour) => partWords(environments[colour]));
  if (service.weights && parts.length > 0)
    lines.push(`  ${paint.yellow('!')} in service: ${parts.join(', ')}`);
  lines.push('');

  const environmentRows = colours.map((colour) => environmentRow(environments[colour], drawing));
  const environmentColumns = [
    { title: '' },
    { title: 'ROLE' },
    { title: 'RELEASE' },
    { title: 'UP' },
    { title: 'REQUESTS', align: 'right' },
    { title: 'FAILED', align: 'right' },
    { title: 'IN FLIGHT', align: 'right' },
    { title: 'P50', align: 'right' },
    { title: 'P99', align: 'right' },
    { title: 'KEPT FOR', align: 'right' },
  ] as const;
  lines.push(...indented(table(environmentColumns, environmentRows, paint.dim)));

  const instanceRows = colours.flatMap((colour) =>
    environments[colour].instances.map((instance) => instanceRow(colour, instance, drawing)),
  );
  if (instanceRows.length > 0) {
    const instanceColumns = [
      { title: '' },
      { title: 'INSTANCE' },
      { title: 'ADDRESS' },
      { title: 'STATE' },
      { title: 'PID', align: 'right' },
      { title: 'UP FOR', align: 'right' },
      { title: 'RESTARTS', align: 'right' },
      { title: 'LAST EXIT' },
    ] as const;
    lines.push('', ...indented(table(instanceColumns, instanceRows, paint.dim)));
  }

  lines.push('');
  if (deployment) lines.push(...deploymentWords(deployment, drawing).map((line) => `  ${line}`));
  if (deployment?.set) {
    const { name: set, services } = deployment.set;
    lines.push(
      `  changes at one moment with set ${set} (${services.map((each) => each.service).join(', ')}): cutover status --set ${set}`,
    );
  }
  if (live !== null) {
    const tone = verdict === null ? paint.dim : verdict.verdict === 'safe' ? paint.green : paint.yellow;
    const words = verdict === null ? 'nothing is kept to go back to' : describeVerdict(verdict);
    const how =
      service.cold === undefined
        ? ''
        : `; not hot: release ${service.cold} is started again, instance by instance`;
    lines.push(`  way back: ${tone(harmless(words))}${how}`);
  }
  const { untold } = service;
  if (untold && untold.due > 0)
    lines.push(
      `  ${paint.yellow('!')} notifications still to be told: ${count(untold.due)}; cutover notify shows them`,
    );
  if (untold?.givenUp)
    lines.push(
      `  ${paint.yellow('!')} a notification to ${harmless(untold.givenUp.name)} was given up: ${harmless(untold.givenUp.detail)}`,
    );
  if (halted) {
    lines.push(`  ${paint.red('halted:')} nothing moves while this lasts`);
    lines.push(...errorLines(halted, paint).map((line) => `    ${line}`));
  }
  return lines;
}

/** How many instances of a version get traffic; nothing of a side that gets none. */
function partWords({ colour, release, version, inService }: EnvironmentView): string[] {
  if (!inService || inService.serving === 0 || release === null) return [];
  return [`${inService.serving} of ${inService.of} of ${releaseName(release, version ?? '')} on ${colour}`];
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`.trimEnd());

function environmentRow(environment: EnvironmentView, { paint, now }: StatusDrawing): string[] {
  const { colour, role, phase, release, version, keptUntil, instances, traffic } = environment;
  const up = instances.filter(({ state }) => state === 'running').length;
  const all = `${up}/${instances.length}`;
  const state = instances.length === 0 ? '' : `${up === instances.length ? all : paint.red(all)} ${phase}`;
  const hue = colour === 'blue' ? paint.blue : paint.green;
  const roleTone =
    role === 'live'
      ? (text: string) => paint.bold(paint.green(text))
      : role === 'standby'
        ? paint.yellow
        : paint.dim;
  return [
    hue(colour),
    roleTone(role),
    release === null ? paint.dim('–') : `${release} (${harmless(version ?? '')})`,
    instances.length === 0 ? paint.dim(phase) : state,
    traffic ? count(traffic.requests) : '–',
    traffic ? (traffic.failed > 0 ? paint.red(count(traffic.failed)) : '0') : '–',
    traffic ? count(traffic.inFlight) : '–',
    duration(traffic?.p50Ms),
    duration(traffic?.p99Ms),
    keptUntil === null || role === 'live' ? '' : duration(keptUntil - now),
  ];
}

function instanceRow(
  colour: string,
  { layer, index, address, state, pid, startedAt, restarts, lastExit }: InstanceStatus,
  { paint, now }: StatusDrawing,
): string[] {
  const tone = state === 'running' ? paint.green : paint.red;
  return [
    (colour === 'blue' ? paint.blue : paint.green)(colour),
    `${layer}[${index}]`,
    place(address),
    tone(state),
    pid === null ? '–' : String(pid),
    startedAt === null || state !== 'running' ? '–' : duration(now - startedAt),
    restarts > 0 ? paint.yellow(String(restarts)) : '0',
    harmless(lastExit ?? ''),
  ];
}

/** The deployment that is under way, step by step, or how the last one ended, in one line. */
function deploymentWords(deployment: DeploymentView, { paint, now }: StatusDrawing): string[] {
  if (goesOn(deployment)) return deploymentLines(deployment, { paint, now, frame: Math.floor(now / 100) });
  const { id, kind, release, version, by, status, startedAt, endedAt, failure } = deployment;
  const tone = status === 'succeeded' ? paint.green : status === 'frozen' ? paint.red : paint.yellow;
  const when = endedAt === null ? '' : ` ${duration(now - endedAt)} ago`;
  const what = `${kind} of ${releaseName(release, version)} by ${harmless(by)}`;
  if (status === 'frozen' && endedAt === null) {
    const since = duration(now - (deployment.frozenAt ?? now));
    const cost = deployment.verdict === null ? '' : `; going back is ${describeVerdict(deployment.verdict)}`;
    return [
      `deployment ${id}, ${what}: ${paint.red('frozen')} for ${since}; a person decides`,
      ...(failure ? [`  ${failure.code}: ${harmless(`${failure.message}${cost}`)}`] : []),
      '  cutover keep goes on with the new side; cutover rollback --accept-loss goes back',
    ];
  }
  const line = `deployment ${id}, ${what}: ${tone(status)}${when}, took ${duration((endedAt ?? now) - startedAt)}`;
  return failure ? [line, `  ${failure.code}: ${harmless(failure.message)}`] : [line];
}

/** The step that is under way, with the time since it began: `health (1.2s)`. */
export function stepUnderWay(deployment: DeploymentView, now: number): string | null {
  const step = deployment.steps.find(({ status }) => status === 'running' || status === 'undoing');
  if (!step) return null;
  const since = elapsed(step, now);
  return since === null ? step.kind : `${step.kind} (${duration(since)})`;
}
