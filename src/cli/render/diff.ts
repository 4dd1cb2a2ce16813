import {
  dropReasons,
  formatPlaceOfCause,
  isNoise,
  judgeRoute,
  summarize,
  differingShare,
  type DiffCause,
  type DiffReport,
  type DiffSummary,
  type RouteDiff,
} from '../../core/mirror/diff-report.ts';
import { formatShare } from '../../core/share.ts';
import type { Paint } from '../terminal/paint.ts';
import { harmless, padded } from '../terminal/text.ts';
import { count, counted, duration } from './words.ts';

const mostRoutes = 20;
const mostCauses = 10;

/** `method 20, queue-full 3`; empty if all was compared. */
export const skippedWords = ({ skipped }: Pick<DiffSummary, 'skipped'>): string =>
  Object.entries(skipped)
    .map(([reason, n]) => `${reason} ${count(n)}`)
    .join(', ');

/** How many copies the mirror could not keep up with. */
export const droppedOf = ({ skipped }: Pick<DiffSummary, 'skipped'>): number =>
  dropReasons.reduce((sum, reason) => sum + (skipped[reason] ?? 0), 0);

/** What a mirror came to, in one line: for receipts. */
export function diffSummaryWords(summary: DiffSummary): string {
  const { compared, differing, noisy } = summary;
  const noise = noisy === 0 ? '' : `, ${count(noisy)} more only where live differs from itself`;
  const dropped = droppedOf(summary);
  return `${counted(compared, 'answer')} compared, ${count(differing)} differ (${formatShare(differingShare(summary))})${noise}${dropped === 0 ? '' : `, ${count(dropped)} copies dropped`}`;
}

/** The routes with most differences first, then those with most answers. */
export const sortedRoutes = ({ routes }: DiffReport): RouteDiff[] =>
  routes.toSorted((a, b) => judgeRoute(b).differing - judgeRoute(a).differing || b.compared - a.compared);

/** The causes that are no noise first, the most frequent of each first. */
export const sortedCauses = ({ causes }: RouteDiff): DiffCause[] =>
  causes.toSorted((a, b) => Number(isNoise(a)) - Number(isNoise(b)) || b.count - a.count);

const side = (colour: string, release: number | null): string =>
  release === null ? colour : `${colour} (release ${release})`;

export const diffTitle = ({ service, from, to, releases }: DiffReport): string =>
  `${service}: ${side(from, releases.live)} against ${side(to, releases.idle)}`;

export const diffRows = (report: DiffReport): [string, string][] => {
  const summary = summarize(report);
  const { latency } = summary;
  const skipped = skippedWords(summary);
  return [
    [
      'compared',
      `${count(summary.compared)} of ${counted(report.chosen, 'copy').replace('copys', 'copies')} (${formatShare(report.share)} of the requests) in ${duration(summary.tookMs)}${report.running ? ', and it goes on' : ''}`,
    ],
    [
      'differ',
      `${count(summary.differing)} (${formatShare(differingShare(summary))})${summary.noisy === 0 ? '' : `; ${count(summary.noisy)} more only where ${report.from} differs from itself`}`,
    ],
    ...(skipped === '' ? [] : [['not compared', skipped] satisfies [string, string]]),
    [
      'p50/p99',
      `${report.from} ${duration(latency.live.p50Ms)} / ${duration(latency.live.p99Ms)}, ${report.to} ${duration(latency.idle.p50Ms)} / ${duration(latency.idle.p99Ms)}`,
    ],
    [
      'asked again',
      `${counted(report.controls, 'request')} to ${report.from}, to know what differs by itself`,
    ],
  ];
};

/** A whole report as text: what it comes to, then each route with its causes and an example of each. */
export function diffLines(report: DiffReport, paint: Paint): string[] {
  const rows = diffRows(report);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = [
    paint.bold(harmless(diffTitle(report))),
    ...rows.map(([name, text]) => `  ${paint.dim(padded(name, width))}  ${text}`),
  ];
  const routes = sortedRoutes(report);
  for (const route of routes.slice(0, mostRoutes)) lines.push('', ...routeLines(report, route, paint));
  if (routes.length > mostRoutes)
    lines.push('', `${counted(routes.length - mostRoutes, 'more route')}: --json has all`);
  return lines;
}

function routeLines(report: DiffReport, route: RouteDiff, paint: Paint): string[] {
  const { differing } = judgeRoute(route);
  const verdict = differing === 0 ? paint.green('none differ') : paint.red(`${count(differing)} differ`);
  const lines = [`${paint.bold(harmless(route.route))}  ${count(route.compared)} compared, ${verdict}`];
  for (const cause of sortedCauses(route).slice(0, mostCauses)) {
    const noise = isNoise(cause);
    const what = harmless(formatPlaceOfCause(cause.kind, cause.at));
    const note = noise
      ? paint.dim(`  noise: ${report.from} differs from itself in ${cause.explained} of ${cause.controls}`)
      : '';
    lines.push(`  ${noise ? paint.dim('~') : paint.red('✗')} ${what}  ${count(cause.count)}${note}`);
    const [example] = cause.examples;
    if (noise || !example) continue;
    lines.push(
      `      ${harmless(example.request)}`,
      `      ${report.from}: ${harmless(example.live ?? 'nothing')}`,
      `      ${report.to}: ${harmless(example.idle ?? 'nothing')}`,
    );
  }
  if (route.unlisted > 0)
    lines.push(`  ${counted(route.unlisted, 'answer')} differ in more ways than are listed`);
  return lines;
}
