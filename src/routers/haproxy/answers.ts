import { formatAddress } from '../../core/address.ts';
import { emptySide, type SideCounters } from '../../core/traffic.ts';

/** The value in the answer to `get var`, e.g. `proc.x: type=sint value=<7>`; null if there is no such variable. */
export const variableIn = (answer: string): string | null =>
  /^\S+: type=\w+ value=<(.*)>$/m.exec(answer)?.[1] ?? null;

/** A place for an instance, as `show servers state` tells it. */
export interface Slot {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly inService: boolean;
}

/** Of `srv_admin_state`: put out of service by a command, by what it follows, or by its name not being found. */
const outOfService = 0x01 | 0x02 | 0x20;

/** The places of one backend in the answer to `show servers state`. */
export function slotsIn(answer: string): Slot[] {
  return answer.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const [, , , name, address, , admin] = fields;
    if (line.startsWith('#') || fields.length < 19 || name === undefined || address === undefined) return [];
    return [{ name, address, port: Number(fields[18]), inService: (Number(admin) & outOfService) === 0 }];
  });
}

/** The rows of `show stat`, by the names in its first line. */
function rowsIn(answer: string): Map<string, string>[] {
  const [head = '', ...lines] = answer.split('\n');
  const names = head.replace(/^# /, '').split(',');
  return lines
    .filter((line) => line.includes(','))
    .map((line) => {
      const fields = line.split(',');
      return new Map(names.map((name, index) => [name, fields[index] ?? '']));
    });
}

/** What is in flight at each server of a backend, by where it is, also at one that was put out of service. */
export function inFlightAtIn(stat: string, slots: readonly Slot[]): Record<string, number> {
  const rows = rowsIn(stat);
  return Object.fromEntries(
    slots.flatMap(({ name, address, port }): [string, number][] => {
      const row = rows.find((each) => each.get('svname') === name);
      const inFlight = Number(row?.get('scur') ?? 0) + Number(row?.get('qcur') ?? 0);
      return inFlight > 0 ? [[formatAddress({ host: address, port }), inFlight]] : [];
    }),
  );
}

/** What a backend has counted, from the answers to `show stat` and `show table`. */
export function sideIn(stat: string, table: string): SideCounters {
  const row = rowsIn(stat).find((each) => each.get('svname') === 'BACKEND');
  const number = (name: string): number => Number(row?.get(name) ?? 0) || 0;
  const writes = [...table.matchAll(/ http_req_cnt=(\d+)/g)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
  const failed: Record<string, number> = {};
  for (const [cause, name] of [
    ['connect-failed', 'econ'],
    ['upstream-closed', 'eresp'],
  ] as const)
    if (number(name) > 0) failed[cause] = number(name);
  return {
    ...emptySide(),
    requests: number('stot'),
    status: {
      '1xx': number('hrsp_1xx'),
      '2xx': number('hrsp_2xx'),
      '3xx': number('hrsp_3xx'),
      '4xx': number('hrsp_4xx'),
      '5xx': number('hrsp_5xx'),
    },
    failed,
    clientClosed: number('cli_abrt'),
    retried: number('wretr'),
    writes,
    bytesIn: number('bin'),
    bytesOut: number('bout'),
    inFlight: number('scur') + number('qcur'),
  };
}
