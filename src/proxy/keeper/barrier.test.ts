import { describe, expect, test } from 'bun:test';
import { switchTogether, type Participant, type SwitchOrder, type Turnover } from './barrier.ts';
import type { Answer } from './worker-handle.ts';

const table = { version: 2, routes: [] };

/** A worker that notes what it was told in a common journal, and answers by `answers`. */
function worker(
  pid: number,
  journal: string[],
  answers: (kind: SwitchOrder['kind']) => Promise<Answer>,
): Participant & { killed: boolean } {
  const exited = Promise.withResolvers<void>();
  return {
    pid,
    killed: false,
    exited: exited.promise,
    async order({ kind }) {
      journal.push(`${pid} ${kind}`);
      const answer = await answers(kind);
      journal.push(`${pid} did ${kind}`);
      return answer;
    },
    kill() {
      this.killed = true;
      journal.push(`${pid} killed`);
      exited.resolve();
    },
  };
}
const turnover = (journal: string[]): Turnover => ({
  takeOver: () => journal.push('taken over'),
  counted: () => journal.push('counted'),
  startOthers: null,
  answerMs: 1000,
});
const answering = (): Promise<Answer> => Promise.resolve({ held: 3, counters: {} });

describe('switch', () => {
  test('nobody swaps before all hold', async () => {
    const journal: string[] = [];
    const workers = [1, 2].map((pid) => worker(pid, journal, answering));
    const { held } = await switchTogether(workers, table, turnover(journal));
    expect(held).toBe(6);
    const all = journal.indexOf('taken over');
    expect(journal.slice(0, 4).sort()).toEqual(['1 did prepare', '1 prepare', '2 did prepare', '2 prepare']);
    expect(journal.slice(4, all).sort()).toEqual(['1 did hold', '1 hold', '2 did hold', '2 hold']);
    expect(journal.slice(all + 2).sort()).toEqual(['1 did swap', '1 swap', '2 did swap', '2 swap']);
  });

  test('a worker that does not answer is killed before anyone swaps, and the switch goes on without it', async () => {
    const journal: string[] = [];
    const good = worker(1, journal, answering);
    const stuck = worker(2, journal, () => Promise.reject(new Error('silent')));
    const { held } = await switchTogether([good, stuck], table, turnover(journal));
    expect(held).toBe(3);
    expect(stuck.killed).toBe(true);
    expect(journal.indexOf('2 killed')).toBeLessThan(journal.indexOf('taken over'));
    expect(journal).not.toContain('2 swap');
  });

  test('a switch that cannot go on leaves all released by the old table', async () => {
    const journal: string[] = [];
    const workers = [1, 2].map((pid) => worker(pid, journal, answering));
    const broken = new Error('broken');
    const takeOver = () => {
      throw broken;
    };
    const outcome: unknown = await switchTogether(workers, table, { ...turnover(journal), takeOver }).catch(
      (error: unknown) => error,
    );
    expect(outcome).toBe(broken);
    expect(journal).toContain('1 did release');
    expect(journal).toContain('2 did release');
    expect(journal).not.toContain('1 swap');
  });

  test('a worker alone swaps at once, and is counted up to that', async () => {
    const journal: string[] = [];
    const result = await switchTogether([worker(1, journal, answering)], table, turnover(journal));
    expect(result).toEqual({ holdMs: 0, held: 3 });
    expect(journal).toEqual(['1 prepare', '1 did prepare', 'taken over', '1 swap', '1 did swap', 'counted']);
  });

  test('a worker alone holds while others are started to take its place', async () => {
    const journal: string[] = [];
    const startOthers = () => {
      journal.push('others started');
      return Promise.resolve();
    };
    await switchTogether([worker(1, journal, answering)], table, { ...turnover(journal), startOthers });
    expect(journal).toContain('1 did hold');
    expect(journal.indexOf('1 did hold')).toBeLessThan(journal.indexOf('taken over'));
    expect(journal).toContain('others started');
  });
});
