import type { Table } from '../data-plane.ts';
import type { OrderOf } from './messages.ts';
import type { Answer, Unnumbered } from './worker-handle.ts';

/** What a switch says to a worker. */
export type SwitchOrder = Unnumbered<OrderOf<'hold' | 'release' | 'swap'>>;

/** What a switch needs of a worker that routes. */
export interface Participant {
  readonly pid: number;
  readonly exited: Promise<void>;
  order(order: SwitchOrder, timeoutMs: number): Promise<Answer>;
  kill(): void;
}

export interface SwitchResult {
  readonly holdMs: number;
  readonly held: number;
}

const killedMs = 1000;

/**
 * One switch over all workers to a table that is on disk already: all hold, all swap and release. When it resolves, no new
 * request is routed by the old table: a worker that does not answer within `answerMs` is killed, with what it held.
 *
 * @param allHold runs when all hold, before anyone swaps, and must be quick: requests wait. If it throws, all release by the
 *   old table and the error is passed on
 * @param between runs before anyone releases: the place to start workers of the new table
 */
export async function switchTogether(
  workers: readonly Participant[],
  table: Table,
  allHold: () => void,
  between: () => Promise<void>,
  answerMs: number,
): Promise<SwitchResult> {
  const began = performance.now();
  const killed = new Set<Participant>();
  const ask = async (worker: Participant, order: SwitchOrder): Promise<Answer | null> => {
    if (killed.has(worker)) return null;
    try {
      return await worker.order(order, answerMs);
    } catch {
      // Gone, or stuck. One that is stuck could wake up and route by the old table: it must not live on.
      killed.add(worker);
      worker.kill();
      await Promise.race([worker.exited, Bun.sleep(killedMs)]);
      return null;
    }
  };
  const askAll = async (order: SwitchOrder): Promise<Answer[]> =>
    (await Promise.all(workers.map((worker) => ask(worker, order)))).filter((answer) => answer !== null);

  await askAll({ kind: 'hold' });
  try {
    allHold();
  } catch (error) {
    await askAll({ kind: 'release' });
    throw error;
  }
  const swap = async (): Promise<SwitchResult> => {
    const released = await askAll({
      kind: 'swap',
      table: { version: table.version, routes: [...table.routes] },
    });
    return { holdMs: performance.now() - began, held: released.reduce((sum, { held }) => sum + held, 0) };
  };
  const [result] = await Promise.all([swap(), between()]);
  return result;
}
