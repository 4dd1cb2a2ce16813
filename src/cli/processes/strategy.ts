import { runStrategy } from '../../strategists/run-strategy.ts';

/** Runs one strategy of a user's own, for the controller that started it. */
export async function run(_args: string[]): Promise<never> {
  // Whatever the function has left running, such as a timer, ends with it.
  process.exit(await runStrategy());
}
