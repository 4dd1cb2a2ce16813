import { runMirror } from '../../proxy/main.ts';

/** Copies requests to the side that is not live and compares the answers, as the keeper says; the keeper ends the process. */
export async function run(_args: string[]): Promise<number> {
  await runMirror();
  return new Promise(() => undefined);
}
