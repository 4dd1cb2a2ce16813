import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { out, untilSignal, within } from '../proxy/bench.ts';
import { duplicates } from './duplicates.ts';
import { restarts } from './restarts.ts';
import { smuggling } from './smuggling.ts';
import { switches } from './switches.ts';
import { truncations } from './truncations.ts';
import { webSockets } from './websockets.ts';
import type { Score, ScoreRow } from './row.ts';

const rows: readonly ScoreRow[] = [switches, restarts, webSockets, duplicates, truncations, smuggling];

const Measured = z.record(z.string(), z.union([z.number(), z.string()]));
/** `bench/out/scorecard.json`: a row that is run again replaces its former self; the others stay. */
const Scorecard = z.object({
  rows: z.array(
    z.object({
      row: z.int(),
      goal: z.string(),
      measured: Measured,
      held: z.boolean(),
      void: z.string().nullable(),
      examples: z.array(z.string()),
      minutes: z.number(),
      at: z.string(),
    }),
  ),
});
type Line = z.infer<typeof Scorecard>['rows'][number];

const path = join(out, 'scorecard.json');

function keep(line: Line): void {
  const former: Line[] = existsSync(path) ? Scorecard.parse(JSON.parse(readFileSync(path, 'utf8'))).rows : [];
  const others = former.filter(({ row }) => row !== line.row);
  const all = [...others, line].sort((a, b) => a.row - b.row);
  writeFileSync(path, `${JSON.stringify({ rows: all }, null, 2)}\n`);
}

function print({ row, goal }: ScoreRow, score: Score): void {
  const verdict = score.void === null ? (score.held ? 'HELD' : 'NOT HELD') : `VOID: ${score.void}`;
  console.log(`\n${row}  ${goal}\n   ${verdict}`);
  for (const [name, value] of Object.entries(score.measured)) console.log(`   ${name.padEnd(32)}${value}`);
  for (const example of score.examples) console.log(`   ! ${example}`);
}

/**
 * Measures what is promised, row by row, with faults put in and a load that is verified.
 *
 * @returns the exit code: 0 if every row that was run counts and holds, 1 if not
 */
export async function benchScorecard(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      row: { type: 'string', multiple: true, default: [] },
      minutes: { type: 'string' },
    },
  });
  const minutes = values.minutes === undefined ? null : Number(values.minutes);
  if (minutes !== null && !(minutes > 0)) {
    console.error(`--minutes ${values.minutes}: expected a number above 0`);
    return 2;
  }
  const unknown = values.row.find((text) => !rows.some(({ row }) => String(row) === text));
  if (unknown !== undefined) {
    console.error(`There is no row ${unknown}; there are: ${rows.map(({ row }) => row).join(', ')}`);
    return 2;
  }
  const chosen = rows.filter(({ row }) => values.row.length === 0 || values.row.includes(String(row)));
  let good = true;
  const code = await untilSignal(async (signal) => {
    for (const each of chosen) {
      const share = minutes === null ? each.usualMinutes : minutes / chosen.length;
      console.log(`row ${each.row}: ${share.toFixed(1)} minutes at most`);
      const begun = performance.now();
      const score = await within(signal, (running) => each.run(running, share));
      signal.throwIfAborted();
      good &&= score.held && score.void === null;
      print(each, score);
      keep({
        row: each.row,
        goal: each.goal,
        measured: { ...score.measured },
        held: score.held,
        void: score.void,
        examples: [...score.examples],
        minutes: Math.round((performance.now() - begun) / 600) / 100,
        at: new Date().toISOString(),
      });
    }
    console.log(`\nwritten to ${path}`);
  });
  return code === 0 && !good ? 1 : code;
}
