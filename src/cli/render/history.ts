import type { DeploymentView, ModeView } from '../../server/api.ts';
import { goesOn } from '../progress.ts';
import type { Paint } from '../terminal/paint.ts';
import { table } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';
import { stepUnderWay } from './status.ts';
import { count, duration, moment } from './words.ts';

const columns = [
  { title: '#', align: 'right' },
  { title: 'KIND' },
  { title: 'RELEASE' },
  { title: 'OUTCOME' },
  { title: 'BEGAN' },
  { title: 'TOOK', align: 'right' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'BY' },
  { title: '' },
] as const;

/** A mode that was set: a line among those of the deployments. */
const modeRow = ({ mode, by, reason, at }: ModeView): string[] => [
  ...['', 'mode', '', mode, moment(at), '', '', ''],
  ...[harmless(by), harmless(reason ?? '')],
];

/** The deployments of a service, a line for each, as they are given (newest first), and the modes that were set since the oldest of them. */
export function historyLines(
  deployments: readonly DeploymentView[],
  modes: readonly ModeView[],
  now: number,
  paint: Paint,
): string[] {
  const oldest = deployments.at(-1)?.startedAt ?? 0;
  const rows = [
    ...deployments.map((deployment) => ({
      at: deployment.startedAt,
      row: deploymentRow(deployment, now, paint),
    })),
    ...modes.filter(({ at }) => at >= oldest).map((mode) => ({ at: mode.at, row: modeRow(mode) })),
  ].sort((a, b) => b.at - a.at);
  return table(
    columns,
    rows.map(({ row }) => row),
    paint.dim,
  );
}

function deploymentRow(deployment: DeploymentView, now: number, paint: Paint): string[] {
  const { id, kind, release, version, status, startedAt, endedAt, by, receipt, failure } = deployment;
  const tone =
    status === 'succeeded'
      ? paint.green
      : status === 'frozen'
        ? paint.red
        : goesOn(deployment)
          ? paint.cyan
          : paint.yellow;
  return [
    String(id),
    kind,
    `${release} (${harmless(version)})`,
    tone(status),
    moment(startedAt),
    duration((endedAt ?? now) - startedAt),
    receipt ? count(receipt.requests) : '',
    receipt ? (receipt.failed > 0 ? paint.red(count(receipt.failed)) : '0') : '',
    harmless(by),
    failure ? failure.code : (stepUnderWay(deployment, now) ?? ''),
  ];
}
