import { runIssuer } from '../../proxy/main.ts';

/** Asks an authority for one certificate, as the keeper says; the keeper ends the process. */
export async function run(_args: string[]): Promise<number> {
  await runIssuer();
  return new Promise(() => undefined);
}
