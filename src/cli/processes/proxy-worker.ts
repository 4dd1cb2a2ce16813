import { runWorker } from '../../proxy/main.ts';

/** A worker of the proxy: accepts on what the keeper hands it and does as the keeper says; the process ends itself with its drain. */
export async function run(_args: string[]): Promise<number> {
  await runWorker();
  return new Promise(() => undefined);
}
