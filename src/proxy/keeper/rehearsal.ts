import { Applied, emptySide, nothingTold, Route } from '../../core/traffic.ts';
import { parseTable, renderTable } from '../table/table-file.ts';
import { emptyTable, withRoute, type ProxyTable } from '../table/table.ts';
import type { WorkerHandle } from './worker-handle.ts';

const times = 5;

const sample: Route = {
  service: 'rehearsal',
  epoch: 1,
  live: 'blue',
  listen: { host: '127.0.0.1', port: 1 },
  preview: null,
  previewHost: null,
  blue: { release: 1, instances: [{ host: '127.0.0.1', port: 2 }] },
  green: { release: null, instances: [] },
};

/**
 * Goes through what a switch does, with no effect: code that has never run is slow the first time, and the first switch after a
 * start would hold requests for ten times as long as those after it.
 */
export function rehearseChange(): void {
  let table: ProxyTable = emptyTable;
  for (let epoch = 1; epoch <= times; epoch++) {
    const route = Route.parse(JSON.parse(JSON.stringify({ ...sample, epoch })));
    table = withRoute(table, route) ?? table;
    parseTable(renderTable(table));
    Applied.parse({
      epoch,
      changed: true,
      holdMs: 0,
      held: 0,
      counters: {
        bootId: '',
        at: 0,
        blue: emptySide(),
        green: emptySide(),
        refused: {},
        told: nothingTold,
        queued: 0,
      },
    });
  }
}

/** As `rehearseChange`, for workers that do not accept yet: orders and answers of a switch, with an empty table. */
export async function rehearseSwitch(workers: readonly WorkerHandle[], answerMs: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const table = { version: 0, routes: [] };
    await Promise.all(workers.map((worker) => worker.order({ kind: 'prepare', table }, answerMs)));
    await Promise.all(workers.map((worker) => worker.order({ kind: 'hold' }, answerMs)));
    await Promise.all(workers.map((worker) => worker.order({ kind: 'swap', version: 0 }, answerMs)));
  }
}
