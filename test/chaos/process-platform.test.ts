// The controller may die at any instant: no process of an environment is lost, started twice, or left after a stop.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clocks/system.ts';
import { Disk } from '../../src/platforms/process/disk.ts';
import { createProcessPlatform } from '../../src/platforms/process/platform.ts';
import { until } from '../../src/testing/platform.suite.ts';

const fixtures = join(import.meta.dirname, '../fixtures/platform');
const blue = { service: 'shop', colour: 'blue' } as const;

/** The processes that work in a release of this home and have not ended, by looking at every one. */
function processesOf(home: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readlinkSync(`/proc/${pid}/cwd`).startsWith(`${home}/releases/`) &&
          !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
        );
      } catch {
        return false; // gone, or another user's
      }
    })
    .map(Number);
}

describe.skipIf(process.platform !== 'linux')(
  'a controller that is killed (its tags are only seen on Linux)',
  () => {
    let home: string;
    beforeEach(() => {
      home = realpathSync(mkdtempSync(join(tmpdir(), 'cutover doomed ')));
    });
    afterEach(async () => {
      expect(processesOf(home)).toEqual([]);
      await new Disk().removeTree(home);
    });

    const run = async (action: string, at: number): Promise<{ killed: boolean; acts: number }> => {
      const doomed = Bun.spawn(
        [process.execPath, join(fixtures, 'doomed-controller.ts'), home, fixtures, action, String(at)],
        {
          stdin: 'ignore',
          stdout: 'pipe',
          stderr: 'inherit',
        },
      );
      const [output] = await Promise.all([doomed.stdout.text(), doomed.exited]);
      return { killed: doomed.signalCode === 'SIGKILL', acts: Number(output.trim()) };
    };

    /** Every act, spread over what time allows. */
    const points = (acts: number, most: number): number[] => {
      const step = Math.max(1, acts / most);
      return Array.from({ length: Math.min(acts, most) }, (_, i) => 1 + Math.floor(i * step));
    };

    const most = Number(process.env['CHAOS_POINTS'] ?? 8);
    for (const action of ['start', 'replace', 'restart', 'stop']) {
      test(
        `in the middle of a ${action}: the next one brings it to its end, and a stop leaves none`,
        async () => {
          const { acts } = await run(action, 0);
          const clean = createProcessPlatform({ home, clock: systemClock });
          await clean.stop(blue);
          await clean.close();
          expect(acts).toBeGreaterThan(8);
          let deaths = 0;
          for (const at of points(acts, most)) {
            await new Disk().removeTree(home);
            const { killed, acts: done } = await run(action, at);
            // How many acts there are until a restart is seen depends on when it is looked: a point may lie beyond them.
            if (killed) deaths += 1;
            else expect(done).toBeLessThan(at);
            const next = createProcessPlatform({ home, clock: systemClock });
            try {
              await next.adopt();
              // All run, or none is left; and each instance is one process: sh has become sleep.
              await until(async () => {
                const statuses = await next.inspect(blue);
                const there = processesOf(home);
                const isWhole = statuses.length === 0 || statuses.length === 2;
                const pids = statuses.map((status) => status.pid);
                return isWhole && there.length === pids.length && there.every((pid) => pids.includes(pid));
              }, `all to run, or none, after a death at act ${at}`);
            } finally {
              await next.stop(blue);
              await next.close();
            }
            expect(processesOf(home)).toEqual([]);
          }
          expect(deaths).toBeGreaterThan(points(acts, most).length / 2);
        },
        Math.max(60_000, most * 2000),
      );
    }
  },
);
