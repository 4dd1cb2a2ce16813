import { CutoverError } from '../core/errors.ts';
import type { StatusView } from '../server/api.ts';
import { Client } from './client.ts';
import { controllerSocket } from './home.ts';
import type { Invocation } from './invocation.ts';
import { version } from './version.ts';

/** The controller of this home; it is asked when the first call is made. */
export const connect = ({ homeDirectory }: Pick<Invocation, 'homeDirectory'>): Client =>
  new Client(controllerSocket(homeDirectory));

/** What the controller says of itself, or null if none answers. Any other failure is thrown. */
export async function statusIfUp(client: Client): Promise<StatusView | null> {
  try {
    return await client.status();
  } catch (error) {
    if (error instanceof CutoverError && error.code === 'controller-absent') return null;
    throw error;
  }
}

/** Says so if the controller is of another version than this program: what they tell one another may differ. */
export function noteOtherVersion({ output, notePaint }: Invocation, { controller }: StatusView): void {
  if (controller.version === version) return;
  output.note(
    `${notePaint.yellow('cutover:')} the controller is version ${controller.version}, this is ${version}\n` +
      `  ${notePaint.bold('next:')} cutover down --keep-running, then cutover up: traffic and instances go on meanwhile`,
  );
}
