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

/** What a switch does besides, at its moments. */
export interface Turnover {
  /**
   * Before anyone swaps, when all hold, so it must be quick. Who takes the place of a worker that dies from here on routes by the new table. If it
   * throws, all release by the old table, and the error is passed on.
   */
  readonly takeOver: () => void;
  /** The last answers of all have what was counted until the switch. */
  readonly counted: () => void;
  /** Starts workers by the new table, before anyone of the old ones releases; null: there are none to start. */
  readonly startOthers: (() => Promise<void>) | null;
  /** For how long an answer is waited for. */
  readonly answerMs: number;
  /** False: the tables send users to the same places, so one may swap before the others. Default: true. */
  readonly holds?: boolean;
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
 * a large table) is killed, with what it held. A worker that is alone swaps at once: it does one thing after the other, so there is nobody
 * to wait for, and no request waits.
 */
export async function switchTogether(
  workers: readonly Participant[],
  table: Table,
  { takeOver, counted, startOthers, answerMs, holds = true }: Turnover,
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
    { kind: 'prepare', table: { version, routes: [...table.routes], leases: table.leases } },
    answerMs + prepareMsOf(table),
  );
  const began = performance.now();
  const swap = async (): Promise<number> => {
    const released = await askAll({ kind: 'swap', version });
    return released.reduce((sum, { held }) => sum + held, 0);
  };
  if ((workers.length === 1 || !holds) && startOthers === null) {
    takeOver();
    const held = await swap();
    counted();
    return { holdMs: 0, held };
  }
  await askAll({ kind: 'hold' });
  try {
    takeOver();
    counted();
  } catch (error) {
    await askAll({ kind: 'release' });
    throw error;
  }
  const swapped = async (): Promise<SwitchResult> => {
    const held = await swap();
    return { holdMs: performance.now() - began, held };
  };
  const [result] = await Promise.all([swapped(), startOthers?.()]);
  return result;
}
