import { describeVerdict } from '../../core/verdict.ts';
import type { SetSwitchedView, SetView } from '../../server/api.ts';
import type { Paint } from '../terminal/paint.ts';
import { table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';
import { count, counted, duration, moment, releaseName, releaseOn } from './words.ts';

const toned = (status: SetView['status'], paint: Paint): string =>
  status === 'succeeded'
    ? paint.green(status)
    : status === 'frozen'
      ? paint.red(status)
      : status === 'undone'
        ? paint.yellow(status)
        : paint.cyan(status);

/** A set and how its newest deployment stands. */
export function setLines(set: SetView, now: number, paint: Paint): string[] {
  const { name, number, kind, by, status, startedAt, endedAt, verdict, services } = set;
  const names = services.map(({ service }) => service).join(', ');
  const lines = [
    `${paint.bold(`set ${name}`)}  ${names}`,
    `  deployment ${number}, ${kind} by ${harmless(by)}: ${toned(status, paint)}, took ${duration((endedAt ?? now) - startedAt)}`,
  ];
  for (const { service, release, version, failure } of services)
    lines.push(
      `  ${service}: ${releaseName(release, version)}${failure ? ` ${harmless(`${failure.code}: ${failure.message}`)}` : ''}`,
    );
  if (status === 'frozen' && endedAt === null)
    lines.push(
      `  cutover keep --set ${name} goes on with the new sides; cutover rollback --set ${name} --accept-loss goes back`,
    );
  const tone = verdict === null ? paint.dim : verdict.verdict === 'safe' ? paint.green : paint.yellow;
  const words = verdict === null ? 'nothing is kept to go back to' : describeVerdict(verdict);
  lines.push(`  way back, of all at one moment: ${tone(harmless(words))}`);
  return lines;
}

/** What a deployment of a set that has ended came to. */
export function setSummary({ name, number, status, services }: SetView, paint: Paint): string[] {
  const lines = [`set ${name}, deployment ${number}: ${toned(status, paint)}`];
  for (const { service, release, version, status: each, receipt } of services) {
    const to = receipt?.switchBack?.to ?? receipt?.switch?.to;
    const where = to === undefined ? 'its traffic was not touched' : `its traffic is on ${to}`;
    const figures = receipt
      ? `; ${counted(receipt.requests, 'request')}, ${count(receipt.failed)} failed`
      : '';
    lines.push(`  ${service}: ${releaseName(release, version)} ${toned(each, paint)}, ${where}${figures}`);
  }
  const [at] = services.flatMap(({ receipt }) => receipt?.switch ?? []);
  if (at) lines.push(`  all switched at one moment, in ${duration(at.switchMs)}`);
  lines.push(paint.dim(`  all that was measured: cutover receipt ${number} --set ${name}`));
  return lines;
}

/** Where the traffic of all is after a rollback. */
export function setSwitchedLines(view: SetSwitchedView, paint: Paint): string[] {
  const { name, services, verdict, tookMs } = view;
  const lines = [
    `${paint.green('live:')} ${paint.bold(`set ${name}`)}, all at one moment, ${duration(tookMs)} after the order`,
    ...services.map(
      ({ service, release, version, to, switchMs, held }) =>
        `  ${service}: ${releaseOn(release, version, to)}, switched in ${duration(switchMs)}; ${counted(held, 'request')} held`,
    ),
  ];
  if (verdict !== null) {
    const tone = verdict.verdict === 'safe' ? paint.green : paint.yellow;
    lines.push(`  going back was ${tone(harmless(describeVerdict(verdict)))}`);
  }
  return lines;
}

/** The deployments of a set, a line for each, newest first. */
export function setHistoryLines(sets: readonly SetView[], now: number, paint: Paint): string[] {
  return table(
    [
      { title: '#', align: 'right' },
      { title: 'KIND' },
      { title: 'OUTCOME' },
      { title: 'BEGAN' },
      { title: 'TOOK', align: 'right' },
      { title: 'SERVICES' },
      { title: 'BY' },
      { title: '' },
    ],
    sets.map(({ number, kind, status, startedAt, endedAt, services, by }) => [
      String(number),
      kind,
      toned(status, paint),
      moment(startedAt),
      duration((endedAt ?? now) - startedAt),
      services
        .map(({ service, id, release, version }) => `${service} ${id}: ${releaseName(release, version)}`)
        .join(', '),
      harmless(by),
      services.find(({ failure }) => failure !== null)?.failure?.code ?? '',
    ]),
    paint.dim,
  );
}
