import { formatDuration } from '../core/duration-text.ts';
import { CutoverError } from '../core/errors.ts';
import type { DeploymentView } from '../server/api.ts';
import type { Client } from './client.ts';
import { advanced, goesOn } from './progress.ts';

/** How long a controller may be away (it is restarted, or upgraded) before we stop waiting for it. */
const awayMs = 30_000;
const retryMs = 100;

/** Told what happens while a deployment is followed. */
export interface Follower {
  /** The deployment has changed. */
  readonly changed: (view: DeploymentView) => void;
  /** What the step that is under way says of itself. */
  readonly progress: (text: string) => void;
  /** The controller went away, or is back. */
  readonly away: (away: boolean) => void;
}

/**
 * Follows a deployment until it has ended, also across a restart of the controller: it goes on after the last record that was seen.
 * Throws `controller-absent` if the controller stays away, and the signal's reason when that is aborted.
 */
export async function follow(
  client: Client,
  begun: DeploymentView,
  follower: Follower,
  signal: AbortSignal,
  waitMs = awayMs,
): Promise<DeploymentView> {
  let view = begun;
  let awaySince: number | null = null;
  const back = (): void => {
    if (awaySince !== null) follower.away(false);
    awaySince = null;
  };
  while (goesOn(view)) {
    try {
      for await (const message of client.events(view.service, view.logVersion, { signal, onOpen: back })) {
        if (message.event === 'progress') {
          if (message.data.deployment === view.id) follower.progress(message.data.text);
          continue;
        }
        const before = view;
        view = advanced(view, message.data);
        if (view.steps !== before.steps || view.status !== before.status || view.paused !== before.paused)
          follower.changed(view);
        if (!goesOn(view)) break;
      }
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof CutoverError) || thrown.code !== 'controller-absent') throw thrown;
    }
    if (!goesOn(view)) break;
    const now = performance.now();
    if (awaySince === null) follower.away(true);
    awaySince ??= now;
    if (now - awaySince > waitMs) throw stayedAway(view, waitMs);
    await Bun.sleep(retryMs);
    signal.throwIfAborted();
  }
  // With its receipt, which is recorded together with the end.
  return client.deployment(view.service, view.id);
}

const stayedAway = ({ id, service }: DeploymentView, waitMs: number): CutoverError =>
  new CutoverError(
    'controller-absent',
    `service ${service}, deployment ${id}: the controller went away and did not come back within ${formatDuration(waitMs)}; traffic flows on as it stands`,
    { next: `cutover up goes on with it; cutover show ${id} --follow follows it` },
  );
