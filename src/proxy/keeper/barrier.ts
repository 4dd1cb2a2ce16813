import type { Table } from '../data-plane.ts';
import type { OrderOf } from './messages.ts';
import type { Answer, Unnumbered } from './worker-handle.ts';

/** What a switch says to a worker. */
export type SwitchOrder = Unnumbered<OrderOf<'prepare' | 'hold' | 'release' | 'swap'>>;

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
/** More than a host of a table takes on a busy machine to be made ready. */
const prepareMsPerHost = 0.5;

/** How long a worker may take to make a table ready: the larger it is, the longer; nobody waits for it but the switch. */
const prepareMsOf = ({ routes }: Table): number =>
  routes.reduce(
    (sum, { hosts = [], paths = [] }) => sum + (1 + hosts.length) * (1 + paths.length) * prepareMsPerHost,
    0,
  );

/**
 * One switch over all workers to a table that is on disk already: all make it ready, all hold, all swap and release. Requests wait
 * from the hold on. When it resolves, no new request is routed by the old table: a worker that does not answer within `answerMs` (longer for
 * a large table) is killed, with what it held.
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
  const killed = new Set<Participant>();
  const ask = async (
    worker: Participant,
    order: SwitchOrder,
    timeoutMs = answerMs,
  ): Promise<Answer | null> => {
    if (killed.has(worker)) return null;
    try {
      return await worker.order(order, timeoutMs);
    } catch {
      // Gone, or stuck. One that is stuck could wake up and route by the old table: it must not live on.
      killed.add(worker);
      worker.kill();
      await Promise.race([worker.exited, Bun.sleep(killedMs)]);
      return null;
    }
  };
  const askAll = async (order: SwitchOrder, timeoutMs?: number): Promise<Answer[]> =>
    (await Promise.all(workers.map((worker) => ask(worker, order, timeoutMs)))).filter(
      (answer) => answer !== null,
    );

  const { version } = table;
  await askAll(
    { kind: 'prepare', table: { version, routes: [...table.routes] } },
    answerMs + prepareMsOf(table),
  );
  const began = performance.now();
  await askAll({ kind: 'hold' });
  try {
    allHold();
  } catch (error) {
    await askAll({ kind: 'release' });
    throw error;
  }
  const swap = async (): Promise<SwitchResult> => {
    const released = await askAll({ kind: 'swap', version });
    return { holdMs: performance.now() - began, held: released.reduce((sum, { held }) => sum + held, 0) };
  };
  const [result] = await Promise.all([swap(), between()]);
  return result;
}
