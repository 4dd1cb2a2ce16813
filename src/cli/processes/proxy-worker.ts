import { runWorkerProcess } from '../../proxy/keeper/worker-process.ts';
import { createDataPlane } from '../../proxy/worker/data-plane.ts';

/** A worker of the proxy: accepts on what the keeper hands it and does as the keeper says; ends with its drain. */
export function run(): Promise<number> {
  runWorkerProcess(createDataPlane());
  return new Promise(() => undefined);
}
