import { runKeeperProcess, type KeeperProcessOptions } from './keeper/keeper-process.ts';
import { runWorkerProcess } from './keeper/worker-process.ts';
import { createDataPlane } from './worker/data-plane.ts';

export type { KeeperProcessOptions };

/** The keeper's whole life in this process; resolves when it has stopped. See `runKeeperProcess`. */
export const runKeeper = (options: KeeperProcessOptions): Promise<void> => runKeeperProcess(options);

/** A worker's whole life in this process, to be started by `workerCommand` of a keeper. Returns at once. */
export const runWorker = (): void => runWorkerProcess(createDataPlane());
