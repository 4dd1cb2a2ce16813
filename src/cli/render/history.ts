import type { DeploymentView } from '../../server/api.ts';
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

/** The deployments of a service, a line for each, as they are given (newest first). */
export function historyLines(deployments: readonly DeploymentView[], now: number, paint: Paint): string[] {
  return table(
    columns,
    deployments.map((deployment) => {
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
    }),
    paint.dim,
  );
}
